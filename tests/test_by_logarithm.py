"""Networks that multiply or divide, seen as networks that add or subtract logarithms."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import modaddlab
from modaddlab import LabError, Study, tasks
from modaddlab.analysis.characters import by_logarithm, discrete_logarithms
from modaddlab.experiments.spec import RecordSpec, RunSpec
from modaddlab.findings import ablation, clocks, spectrum, structure
from modaddlab.models.registry import TransformerSpec
from modaddlab.train import train

P, KEYS = 13, [1, 5]


def hidden(clock: Study, operation: tasks.Operation) -> Study:
    """A network modulo P that does to residues what a network by hand modulo P - 1 does to their logarithms; of zero it knows
    nothing."""
    log, n = discrete_logarithms(P), P - 1
    params = {}
    for name, value in clock.record.final.items():
        if name == "embed.W_E":  # the row of "=" stays the last
            value = np.concatenate([np.zeros_like(value[:1]), value[log], value[n:]])
        elif name == "unembed.W_U":
            value = np.concatenate([np.zeros_like(value[:, :1]), value[:, log], value[:, n:]], axis=1)
        params[name] = value
    mask_PP = np.zeros((P, P), dtype=bool)
    mask_PP[1:, 1:] = clock.train_mask_PP[np.ix_(log, log)]
    return Study.from_weights(params, clock.spec.model, P, operation=operation, train_mask_PP=mask_PP)


@pytest.fixture(scope="module")
def clock() -> Study:
    return modaddlab.closed_form("clock", P - 1, frequencies=KEYS)


def test_a_clock_that_multiplies_has_the_numbers_of_the_clock_that_adds(clock: Study) -> None:
    hands = hidden(clock, "multiply")
    answers = hands.grid.logits_PPC.argmax(axis=2)
    assert np.array_equal(answers[1:, 1:], hands.labels_PP[1:, 1:]), "it multiplies"
    found = hands.by_logarithm
    assert (found.p, found.spec.task.operation) == (P - 1, "add")
    assert found.keys == tuple(KEYS)
    assert all(np.array_equal(found.record.final[name], value) for name, value in clock.record.final.items())
    assert np.array_equal(found.train_mask_PP, clock.train_mask_PP)
    for finding in (structure.of, spectrum.of, clocks.of, ablation.of):
        mine, theirs = finding(found), finding(clock)
        for field in dataclasses.fields(mine):
            if isinstance(getattr(mine, field.name), modaddlab.findings.value.Value):
                assert str(getattr(mine, field.name)) == str(getattr(theirs, field.name)), field.name


@pytest.fixture(scope="module")
def backward(clock: Study) -> Study:
    """A clock that turns the hand of b back."""
    params = {name: value.copy() for name, value in clock.record.final.items()}
    params["blocks.0.attn.W_V"][1, 1 : 2 * len(KEYS) : 2] *= -1  # the second head copies b; the sines change their sign
    mask_PP = clock.train_mask_PP[:, -np.arange(P - 1) % (P - 1)]
    return Study.from_weights(params, clock.spec.model, P - 1, operation="subtract", train_mask_PP=mask_PP)


def test_a_clock_that_subtracts_or_divides_has_the_numbers_of_the_clock_that_adds(clock: Study, backward: Study) -> None:
    assert np.array_equal(backward.grid.logits_PPC.argmax(axis=2), backward.labels_PP), "it subtracts"
    hands = hidden(backward, "divide")
    assert np.array_equal(hands.grid.logits_PPC.argmax(axis=2)[1:, 1:], hands.labels_PP[1:, 1:]), "it divides"
    expected = structure.of(clock)
    assert expected.wave_fve.value == pytest.approx(1)
    for study in (backward, hands.by_logarithm):
        found = structure.of(study)
        for field in dataclasses.fields(found):
            value, theirs = (getattr(one, field.name).value for one in (found, expected))
            assert value == pytest.approx(theirs, rel=1e-9, abs=1e-12, nan_ok=True), field.name


def test_by_other_names_it_has_no_keys(clock: Study) -> None:
    """What `by_logarithm` is for: in waves of the residue nothing of the circles is left."""
    hands = hidden(clock, "multiply")
    assert spectrum.of(hands).logits.share.value < 0.5
    assert spectrum.of(hands.by_logarithm).logits.share.value == pytest.approx(1)


def test_one_that_was_trained_keeps_its_pairs_and_its_first_weights(tmp_path) -> None:
    spec = RunSpec(
        task=tasks.TaskSpec(p=7, train_frac=0.5, operation="divide"),
        model=TransformerSpec(d_model=8, n_heads=2, d_head=4, d_mlp=12),
        record=RecordSpec(metrics_every=5),
        steps=10,
    )
    study = train(spec, data=tmp_path)
    found, residue_Q = study.by_logarithm, by_logarithm(7)
    assert found.spec.task.operation == "subtract"
    assert np.array_equal(residue_Q[found.labels_PP], study.labels_PP[np.ix_(residue_Q, residue_Q)])
    assert np.array_equal(found.train_mask_PP, study.train_mask_PP[np.ix_(residue_Q, residue_Q)])
    assert np.array_equal(found.initial["embed.W_E"], study.initial["embed.W_E"][[*residue_Q, 7]])
    np.testing.assert_allclose(found.grid.logits_PPC, study.grid.logits_PPC[np.ix_(residue_Q, residue_Q, residue_Q)], atol=1e-12)


@pytest.mark.parametrize(("operation", "p"), [("add", 7), ("multiply", 9), ("a2+b2", 7), ("multiply", 2)])
def test_others_have_no_logarithms(operation: tasks.Operation, p: int) -> None:
    model = TransformerSpec(d_model=8, n_heads=2, d_head=4, d_mlp=12)
    study = Study.from_weights(model.init_params(p, 0), model, p, operation=operation)
    with pytest.raises(LabError, match="has no logarithms"):
        _ = study.by_logarithm
