"""Turning the clocks moves the chosen waves, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from modaddlab.analysis.turning import turned


@pytest.mark.parametrize("p", [11, 12])
def test_all_waves_turned_are_the_table_of_later_residues(p: int) -> None:
    table_PD = np.random.default_rng(0).standard_normal((p, 3))
    everything = turned(table_PD, range(1, p // 2 + 1), 4)
    assert np.allclose(everything, np.roll(table_PD, -4, axis=0))  # the constant is the same for all


def test_a_wave_that_is_not_chosen_stays() -> None:
    angle_P = 2 * np.pi * np.arange(13) / 13
    table_PD = np.stack([np.cos(2 * angle_P), np.cos(5 * angle_P)], axis=1)
    found = turned(table_PD, [5], 3)
    assert np.allclose(found[:, 0], table_PD[:, 0])
    assert np.allclose(found[:, 1], np.cos(5 * (angle_P + 6 * np.pi / 13)))
