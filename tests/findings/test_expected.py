"""What is expected of a run follows from laws by powers, and what is asked for is enough."""

from __future__ import annotations

import math

import pytest

from modaddlab import RUNS, LabError
from modaddlab.analysis.scaling import PowerLaw
from modaddlab.experiments.overrides import changed
from modaddlab.findings import expected
from modaddlab.findings.expected import Setting


@pytest.fixture(autouse=True)
def _laws(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {
        field: Setting(
            law=PowerLaw(exponent=exponent, low=exponent - 0.2, high=exponent + 0.2, factor=1, spread=1.3, n=9),
            usual=usual, least=least, most=most, silent={x: 20_000},
        )
        for field, exponent, usual, least, most, x in (
            ("optim.weight_decay", -1.0, 1.0, 0.3, 5.0, 0.1),
            ("optim.lr", -1.0, 1e-3, 3e-4, 1e-2, 1e-5),
            ("task.train_frac", -3.0, 0.3, 0.3, 0.7, 0.25),
            ("task.p", -2.0, 113.0, 43.0, 113.0, 31.0),
        )
    }  # fmt: skip
    monkeypatch.setattr(expected, "_setting", settings.__getitem__)
    monkeypatch.setattr(expected, "_usual", lambda: (6000.0, 3000.0, 12_000.0))


def test_the_mainline_is_expected_when_its_seeds_grok() -> None:
    found = expected.of(RUNS["mainline"])
    assert (found.time.value, found.time.low, found.time.high) == pytest.approx((6000, 3000, 12_000))
    assert found.reasons == found.remedies == ()


def test_laws_multiply_and_widen_the_interval() -> None:
    found = expected.of(changed(RUNS["mainline"], {"optim.weight_decay": 2.0, "task.train_frac": 0.6})).time
    assert found.value == pytest.approx(6000 / 2 / 8)
    half = math.hypot(math.log(2), 0.2 * math.log(2), 0.2 * math.log(2))
    assert found.high == pytest.approx(found.value * math.exp(half))


def test_what_is_asked_for_is_enough() -> None:
    spec = changed(RUNS["mainline"], {"optim.weight_decay": 0.3, "steps": 20_000})
    remedies = expected.of(spec).remedies
    assert len(remedies) == 3  # the steps it takes, a larger decay, more pairs
    for _, fields in remedies:
        better = changed(spec, fields)
        high = expected.of(better).time.high
        assert high is not None
        assert high < 1.05 * better.steps


def test_without_decay_none_is_expected() -> None:
    found = expected.of(changed(RUNS["mainline"], {"optim.weight_decay": 0.0}))
    assert math.isnan(found.time.value)
    assert found.remedies[0][1] == {"optim.weight_decay": 1.0}


def test_where_runs_have_waited_longer_than_the_law_asks_for_none_is_expected() -> None:
    found = expected.of(changed(RUNS["mainline"], {"task.train_frac": 0.25}))  # 6,000 (0.3 / 0.25)^3 = 10,400 of 20,000 steps
    assert math.isnan(found.time.value)
    assert len(found.reasons) == 1


def test_a_small_decay_is_asked_to_wait() -> None:
    found = expected.of(changed(RUNS["mainline"], {"optim.weight_decay": 0.1}))  # 60,000, more than anybody has waited
    assert found.time.value == pytest.approx(60_000)
    assert len(found.reasons) == 1


@pytest.mark.parametrize("changes", [{"model.d_mlp": 100}, {"task.operation": "multiply"}, {"optim.l1": 1e-3}])
def test_a_run_that_no_law_is_for_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(LabError):
        expected.of(changed(RUNS["mainline"], changes))
