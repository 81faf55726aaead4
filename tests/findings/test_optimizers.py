"""The comparison of update rules: each has as many settings, the fastest is chosen, and pairs of runs share split and start."""

from __future__ import annotations

import math

import numpy as np
import pytest

from modaddlab import findings, tasks
from modaddlab.experiments import optimizer_sweeps as rules
from modaddlab.experiments.spec import RunSpec
from modaddlab.findings.optimizers import Optimizers
from modaddlab.store.store import Store
from modaddlab.study import Study


@pytest.fixture(scope="module")
def found() -> Optimizers:
    return findings.measure("optimizers")


def grokked(spec: RunSpec) -> float:
    record = Store().find(spec)
    assert record is not None
    step = Study(record).phases.generalization
    return math.nan if step is None else step


def test_every_rule_has_as_many_settings_and_no_other_seed_in_common() -> None:
    assert {len({spec.run_id for spec in rules.grid(rule)}) for rule in rules.RULES} == {len(rules.RATES) * 3}
    assert 0 not in rules.SEEDS
    adamw = rules.usual("adamw", 3)
    for rule in rules.RULES:
        other = rules.usual(rule, 3)
        np.testing.assert_array_equal(tasks.train_mask(other.task, 3), tasks.train_mask(adamw.task, 3))


def test_the_tuned_setting_is_the_fastest_of_the_grid(found: Optimizers) -> None:
    assert found.fastest_chosen
    for rule in ("adamw", "constant-norm"):
        steps = {spec: grokked(spec) for spec in rules.grid(rule)}
        best = min(steps, key=lambda spec: (math.isnan(steps[spec]), steps[spec]))
        assert best.name == f"rule-{rule}-{rules.TUNED[rule][0]:g}-{rules.TUNED[rule][1]:g}"


def test_a_rule_is_as_many_times_as_fast_as_its_pairs_say(found: Optimizers) -> None:
    ratios = [grokked(rules.tuned("adamw", seed)) / grokked(rules.tuned("muon", seed)) for seed in rules.SEEDS]
    assert found.muon.sooner_tuned.value == pytest.approx(np.exp(np.log(ratios).mean()))
    assert found.muon.sooner_tuned.low < found.muon.sooner_tuned.value < found.muon.sooner_tuned.high
    with_penalty = [grokked(rules.crossed(False, rules.PENALTIES[1], seed)) for seed in rules.SEEDS]
    assert found.crossed.plain_little.time.value == pytest.approx(np.exp(np.log(with_penalty).mean()))
    assert math.isnan(found.crossed.plain.time.value)
