"""Spikes of a loss, and how far accuracy falls again."""

from __future__ import annotations

import math

import numpy as np

from modaddlab import stability

STEP_T = np.arange(0, 5000, 50)


def test_a_smooth_fall_has_no_rise_and_each_spike_counts_once() -> None:
    loss_T = np.exp(-STEP_T / 500)
    assert stability.sudden_rises(STEP_T, loss_T) == 0
    spiked_T = loss_T.copy()
    spiked_T[40:43] *= 100
    spiked_T[70] *= 50
    assert stability.sudden_rises(STEP_T, spiked_T) == 2


def test_rises_before_the_start_small_ones_and_slow_ones_do_not_count() -> None:
    loss_T = np.ones(len(STEP_T))
    loss_T[10] = 1000.0
    loss_T[60] = 9.0
    assert stability.sudden_rises(STEP_T, loss_T) == 0
    loss_T[60] = 11.0
    assert stability.sudden_rises(STEP_T, loss_T) == 1
    slow_T = 10.0 ** (STEP_T / 1000)
    assert stability.sudden_rises(STEP_T, slow_T) == 0


def test_a_spike_that_lasts_counts_once() -> None:
    loss_T = np.ones(len(STEP_T))
    loss_T[40:44] = 100.0  # 150 steps: a window of 100 would see it begin twice
    loss_T[43] = 2000.0
    assert stability.sudden_rises(STEP_T, loss_T) == 1


def test_a_dense_record_is_looked_at_as_a_sparse_one() -> None:
    fine_T = np.arange(0, 5000, 10)
    loss_T = np.ones(len(fine_T))
    loss_T[203] = 100.0  # step 2030, which a record of every 50 steps does not have
    assert stability.sudden_rises(fine_T, loss_T) == 0
    loss_T[205] = 100.0
    assert stability.sudden_rises(fine_T, loss_T) == 1


def test_the_lowest_accuracy_after_generalizing() -> None:
    accuracy_T = np.where(STEP_T < 2000, 0.0, 1.0)
    accuracy_T[80] = 0.4
    assert stability.lowest_after(STEP_T, accuracy_T, 2000) == 0.4
    assert math.isnan(stability.lowest_after(STEP_T, accuracy_T, None))
