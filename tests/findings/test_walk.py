"""One sum followed through a network written by hand; the debug network's story at four moments, its task and recipe."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from modaddlab import Study
from modaddlab.findings import hero, recipe, task, walk


@pytest.fixture(scope="module")
def study() -> Study:
    return Study.open("debug")


@pytest.fixture(scope="module")
def found(by_design: Any) -> walk.Followed:
    return walk.of.__wrapped__(by_design)  # pyright: ignore[reportFunctionMemberAccess]


def test_the_question_is_unseen_and_in_the_middle(found: walk.Followed, by_design: Any) -> None:
    a, b, p = found.a.value, found.b.value, by_design.p
    assert not by_design.train_mask_PP[a, b]
    assert found.answer.value == found.plain_sum.value % p == (a + b) % p
    unseen = [tuple(pair) for pair in np.argwhere(~by_design.train_mask_PP) if pair[0] != pair[1]]
    leads = np.array([walk.lead(by_design.grid.logits_PPC[pair], sum(pair) % p) for pair in unseen])
    own = found.answers.lead.value
    assert max((leads > own + 1e-9).sum(), (leads < own - 1e-9).sum()) <= len(unseen) / 2


def test_leads_are_those_of_the_right_answer(found: walk.Followed) -> None:
    assert walk.lead(np.array([1.0, 5, 3]), 1) == 2
    assert walk.lead(np.array([1.0, 5, 3]), 2) == -2
    leads = list(found.leads.values())
    assert (found.answers.least.value, found.answers.most.value) == (min(leads), max(leads))
    assert found.answers.better.value == sum(one > found.answers.lead.value for one in leads)
    assert walk.highest(np.array([1.0, 5, 3, 4]), 2) == [1, 3]


def test_the_bookkeeping_is_right_to_rounding(found: walk.Followed) -> None:
    assert found.rounding.value < 1e-12
    assert found.answers.weakest_share.value == min(step.explained for step in found.walk.steps)
    assert found.embedding.everywhere.value > 2 * (found.embedding.everywhere.null or 0) > 0


def test_clocks_and_followers(found: walk.Followed, by_design: Any) -> None:
    off = np.abs(found.walk.places_off_K)
    assert found.clocks.worst_off.value == off.max()
    assert by_design.keys[int(off.argmax())] == found.clocks.worst.value
    row = found.walk.neurons
    assert found.followers.n.value == ((row.fve_H > walk.EXPLAINED) & (row.frequency_H > 0)).sum() > 0
    assert [row.frequency_H[h] for h in found.followers.chosen] == list(by_design.keys)
    columns = found.sums
    inputs = sum(np.asarray(columns[name]) for name in columns if name.startswith(("head", "equals")))
    assert inputs == pytest.approx(np.asarray(columns["input"]))


def test_a_story_ends_with_the_right_answer_to_a_question_never_shown(study: Study) -> None:
    story = hero.of(study)
    steps = [moment.step for moment in story.moments]
    assert steps == sorted(steps)
    assert steps[0] == 0
    assert not study.train_mask_PP[story.question]
    assert story.moments[-1].logits_C.argmax() == sum(story.question) % study.p
    assert story.key in story.keys
    turns_P = np.abs(np.fft.fft(story.moments[-1].point_P2 @ [1, 1j]))
    assert int(turns_P.argmax()) in (story.key, study.p - story.key)


def test_questions_and_parameters_are_counted(study: Study) -> None:
    asked, built = task.of(study), recipe.of(study)
    assert asked.train.value + asked.test.value == asked.pairs.value == study.p**2
    assert asked.parameters.value == sum(values.size for values in study.record.final.values())
    assert asked.blind_loss.value == pytest.approx(-np.log(asked.blind_accuracy.value))
    assert (built.rate.value, built.steps.value) == (study.spec.optim.lr, study.spec.steps)
