"""Turning the clocks: a table of residues whose waves of some frequencies are moved on by d residues, all else left as it is.

If the circles of these frequencies are what a network adds with, it must take both numbers for larger by d and answer a + b + 2d.
Turning as many other frequencies is the control.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def turned(table_PD: np.ndarray, frequencies: Sequence[int], d: int) -> np.ndarray:
    """The table with the part of residue a at these frequencies replaced by that of residue a + d.

    Args:
        table_PD: what stands for each residue, (P, D).
        frequencies: in 1..p//2.
        d: how far to turn.
    """
    p = len(table_PD)
    components_KD = np.fft.rfft(table_PD, axis=0)
    step_K = np.zeros(len(components_KD), complex)
    chosen = np.asarray(frequencies, dtype=int)
    step_K[chosen] = np.exp(2j * np.pi / p * (chosen * d % p)) - 1
    return table_PD + np.fft.irfft(components_KD * step_K[:, None], n=p, axis=0)
