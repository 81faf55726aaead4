"""Phases on curves that are made with known boundaries, and on those of runs that never get there."""

from __future__ import annotations

import numpy as np
import pytest

from modaddlab import phases

STEPS = np.arange(0, 10_001, 50)


def lines(knots: list[tuple[float, float]], step_T: np.ndarray = STEPS) -> np.ndarray:
    """A loss whose logarithm is a chain of straight lines through (step, log10 loss)."""
    steps, logarithms = zip(*knots, strict=True)
    return 10 ** np.interp(step_T, steps, logarithms)


def switch(step: float, low: float = 0.01, step_T: np.ndarray = STEPS) -> np.ndarray:
    """An accuracy that jumps to 1."""
    return np.where(step_T >= step, 1.0, low)


def find(
    train_accuracy_T: np.ndarray, test_accuracy_T: np.ndarray, test_loss_T: np.ndarray, step_T: np.ndarray = STEPS
) -> phases.Phases:
    return phases.find_phases(
        step_T=step_T, train_accuracy_T=train_accuracy_T, test_accuracy_T=test_accuracy_T, test_loss_T=test_loss_T
    )


GROKKED = lines([(0, 0.7), (200, 1.2), (5000, 1.3), (7000, -6), (10_000, -6.4)])


def test_the_boundaries_of_a_run_that_groks() -> None:
    found = find(switch(150), switch(6500), GROKKED)
    assert found == phases.Phases(memorization=150, generalization=6500, sustained=6500, cleanup_start=5000, cleanup_end=7000)
    assert found.spans == (("memorization", 0, 150), ("circuit formation", 150, 5000), ("cleanup", 5000, 7000))
    assert not found.collapsed


def test_noise_and_spikes_do_not_move_the_boundaries_far() -> None:
    step_T = np.arange(0, 10_001, 10)
    loss_T = lines([(0, 0.7), (200, 1.2), (5000, 1.3), (7000, -6), (10_000, -6.4)], step_T)
    loss_T = loss_T * np.exp(0.1 * np.random.default_rng(0).standard_normal(len(step_T)))
    loss_T[380:490:7] *= 1e-12  # one row a bin: no median sees them
    found = find(switch(150, step_T=step_T), switch(6500, step_T=step_T), loss_T, step_T)
    assert found.cleanup_start == pytest.approx(5000, abs=150)
    assert found.cleanup_end == pytest.approx(7000, abs=150)


def test_a_run_that_was_over_when_it_grokked_has_no_cleanup_before_the_rule_has_seen_it() -> None:
    for last, there in ((STEPS[-1], False), (13_000, True)):
        step_T = np.arange(0, last + 1, 50)
        loss_T = lines([(0, 0.7), (200, 1.2), (5000, 1.3), (7000, -6), (13_000, -6.4)], step_T)
        curves = {"train_accuracy_T": switch(150, step_T=step_T), "test_accuracy_T": switch(6500, step_T=step_T)}
        found = phases.find_phases(step_T=step_T, **curves, test_loss_T=loss_T, ended_by_grokking=True)
        assert (found.generalization, found.sustained, found.cleanup_end is not None) == (6500, 6500, there)


def test_a_row_is_settled_when_all_rows_for_so_long_were() -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        step_T = np.unique(rng.integers(0, 60, 12)) * 5
        accuracy_T = rng.choice([0.2, 0.95, 1.0, np.nan], len(step_T), p=[0.1, 0.4, 0.4, 0.1])
        hold = int(rng.integers(1, 100))
        expected = None
        for t, step in enumerate(step_T):
            since = [s for u, s in enumerate(step_T[: t + 1]) if (accuracy_T[u : t + 1] >= 0.95).all()]
            if since and step - since[0] >= hold:
                expected = int(step)
                break
        assert phases.settled_step(step_T, accuracy_T, hold) == expected


def test_a_run_that_never_memorizes_has_no_phases() -> None:
    found = find(np.full(len(STEPS), 0.98), np.full(len(STEPS), 0.1), lines([(0, 0.7), (10_000, 1)]))
    assert found == phases.Phases(memorization=None, generalization=None, sustained=None, cleanup_start=None, cleanup_end=None)
    assert found.spans == ()
    assert not found.collapsed


def test_a_run_that_never_groks_only_memorizes() -> None:
    found = find(switch(150), np.full(len(STEPS), 0.94), GROKKED)
    assert (found.memorization, found.generalization, found.cleanup_start) == (150, None, None)
    assert found.spans == (("memorization", 0, 150),)


def test_without_a_test_pair_only_memorization_is_found() -> None:
    nothing = np.full(len(STEPS), np.nan)
    found = find(switch(150), nothing, nothing)
    assert (found.memorization, found.generalization, found.sustained, found.cleanup_end) == (150, None, None, None)


def test_a_run_that_collapses() -> None:
    accuracy_T = np.where((STEPS >= 6500) & (STEPS < 9000), 1.0, 0.2)
    found = find(switch(150), accuracy_T, GROKKED)
    assert found.collapsed
    assert (found.generalization, found.sustained) == (6500, None)
    accuracy_T[-3:] = 0.95
    assert find(switch(150), accuracy_T, GROKKED).sustained == STEPS[-3]


def test_a_run_that_generalizes_at_once_has_no_cleanup() -> None:
    found = find(switch(150), switch(150), lines([(0, 0.7), (10_000, -5)]))
    assert (found.memorization, found.generalization, found.cleanup_start) == (150, 150, None)


def test_first_steps_are_the_first_at_or_above_the_threshold() -> None:
    step_T, accuracy_T = np.array([0, 10, 20, 30]), np.array([0.1, 0.95, 0.99, 0.9])
    assert phases.memorization_step(step_T, accuracy_T) == 20
    assert phases.memorization_step(step_T, accuracy_T, 0.999) is None
    assert phases.grokking_step(step_T, accuracy_T) == 10
    assert phases.grokking_step(step_T, accuracy_T, 0.96) == 20
    assert phases.grokking_step(step_T, accuracy_T, sustained=True) is None
    assert phases.grokking_step(step_T, accuracy_T, 0.9, sustained=True) == 10
    assert phases.grokking_step(step_T, np.ones(4), sustained=True) == 0
    assert phases.grokking_step(step_T, np.array([1, np.nan, 1, 1]), sustained=True) == 20
    for measure in (phases.memorization_step, phases.grokking_step):
        with pytest.raises(ValueError, match="accuracy_T"):
            measure(step_T, accuracy_T[:3])
    with pytest.raises(ValueError, match="test_accuracy_T"):
        phases.grokking_step(step_T, accuracy_T[:3], sustained=True)


def test_the_knots_are_those_of_the_best_three_lines() -> None:
    """Against all pairs of knots, each fitted by least squares on its own."""
    generator = np.random.default_rng(3)
    step_T = np.cumsum(generator.integers(1, 9, 24))
    knots = [(0, 1), (step_T[8], 0.8), (step_T[15], -3), (step_T[-1] + 1, -3.5)]
    loss_T = lines(knots, step_T) * np.exp(0.6 * generator.standard_normal(24))
    x, best = step_T.astype(float), (np.inf, (0, 0))
    for i in range(1, 23):
        for j in range(i + 1, 23):
            design = np.stack([np.ones(24), x, np.maximum(x - x[i], 0), np.maximum(x - x[j], 0)], axis=1)
            coefficients, *_ = np.linalg.lstsq(design, np.log10(loss_T), rcond=None)
            error = float(np.sum((np.log10(loss_T) - design @ coefficients) ** 2))
            best = min(best, (error, (int(step_T[i]), int(step_T[j]))))
    assert phases.fall(step_T, loss_T) == best[1]


def test_what_is_no_fall() -> None:
    few = np.array([1.0, 1, 1, 0.1, 0.01, 0.01, 0.01, 0.01])
    assert phases.fall(STEPS[:8], few) == (100, 200)
    assert phases.fall(STEPS[:7], few[:7]) is None
    assert phases.fall(STEPS, np.where(STEPS == 500, np.inf, GROKKED)) is None
    assert phases.fall(STEPS, np.where(STEPS == 500, np.nan, GROKKED)) is None
    assert phases.fall(STEPS, 1 / GROKKED) is None  # a rise
    for slopes in ((3, 1, 3), (-3, -1, 1), (1, -1, -3), (-3, -1, -3)):  # the middle is not a fall, or not the steepest
        values = np.cumsum([0, *slopes])
        curve = lines(list(zip([0, 3000, 6000, 9000], values.tolist(), strict=True)), STEPS[STEPS <= 9000])
        assert phases.fall(STEPS[STEPS <= 9000], curve) is None, slopes
    with pytest.raises(ValueError, match="loss_T"):
        phases.fall(STEPS, GROKKED[:-1])


def test_losses_that_are_rounded_to_zero_are_a_floor() -> None:
    loss_T = np.where(STEPS > 7000, 0.0, lines([(0, 1), (5000, 1), (7000, -16), (10_000, -16)]))
    assert phases.fall(STEPS, loss_T) == (5000, 7000)


def test_the_excluded_loss_turns_at_its_minimum_before_generalization() -> None:
    step_T = np.arange(0, 1000, 100)
    loss_T = np.array([5.0, 2, 1, 0.5, 0.7, 1, 2, 0.1, 3, 4])
    assert phases.excluded_turn(step_T, loss_T, 600) == 300
    assert phases.excluded_turn(step_T, loss_T, 700) == 700
    assert phases.excluded_turn(step_T, loss_T, None) is None
    assert phases.excluded_turn(step_T + 50, loss_T, 20) is None
    with pytest.raises(ValueError, match="excluded_loss_T"):
        phases.excluded_turn(step_T, loss_T[1:], 600)


def test_a_collapse_is_below_half_after_generalization() -> None:
    step = np.arange(6) * 100
    accuracy = np.array([0.1, 0.96, 0.9, 0.97, 0.4, 0.99])
    assert phases.collapse_step(step, accuracy, 100) == 400
    assert phases.collapse_step(step, accuracy, None) is None
    assert phases.collapse_step(step[:4], accuracy[:4], 100) is None
    assert phases.collapse_step(step, accuracy, 400) is None
