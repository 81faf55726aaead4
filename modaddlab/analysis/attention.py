"""Attention from "=": how much each head looks at a, as a wave in a.

With one layer the query at "=" is the same for every pair, so a head's scores depend on each token alone and its attention to a
is a function of a, bent a little by b through the softmax. We average over b and ask which single frequency explains the
result. Nanda et al. 2023, section 4.3: each head follows one key frequency with 98 to 99 % of the variance, as reported.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modaddlab.analysis.fourier import energy_per_frequency, inverse_1d, rows_of, transform_1d
from modaddlab.shapes import require_shape


@dataclass(frozen=True)
class HeadFit:
    """One head's attention to a position as a function of the token there.

    Attributes:
        head: the head's number.
        frequency: the frequency with the most energy, 1..p//2; 0 when the attention is constant.
        fve: the fraction of the variance over tokens that this frequency explains; 0 when the attention is constant.
        mean_P: the attention to each token, averaged over the other one.
        fit_P: its constant and that frequency.
        norm_K: the norm at each frequency.
    """

    head: int
    frequency: int
    fve: float
    mean_P: np.ndarray
    fit_P: np.ndarray
    norm_K: np.ndarray


def head_fits(pattern_PPn3: np.ndarray, position: int = 0) -> tuple[HeadFit, ...]:
    """The best single frequency of each head's attention.

    Args:
        pattern_PPn3: attention from "=" over (a, b), heads and the three positions.
        position: 0 for the attention to a as a function of a, 1 for that to b as a function of b.

    Raises:
        ValueError: the shape is another, or the position is neither 0 nor 1.
    """
    p = require_shape("pattern_PPn3", pattern_PPn3, "P P n 3")["P"]
    if position not in (0, 1):
        raise ValueError(f"position (={position}) must be 0 (a) or 1 (b)")
    mean_Pn = np.asarray(pattern_PPn3, dtype=np.float64)[..., position].mean(axis=1 - position)
    fits = []
    for head, mean_P in enumerate(mean_Pn.T):
        energy_K = energy_per_frequency(mean_P)
        total = energy_K.sum()
        varies = total > (1e-12 * np.abs(mean_P).max()) ** 2
        frequency = int(energy_K.argmax()) + 1 if varies else 0
        components_P = transform_1d(mean_P)
        kept = [0, *(rows_of(p, frequency) if frequency else [])]
        only_P = np.zeros(p)
        only_P[kept] = components_P[kept]
        fve = float(energy_K.max() / total) if varies else 0.0
        fits.append(HeadFit(head, frequency, fve, mean_P, inverse_1d(only_P), np.sqrt(energy_K)))
    return tuple(fits)


def mean_attention(pattern_PPn3: np.ndarray) -> np.ndarray:
    """Each head's attention to a, b and "=", averaged over all pairs: (n, 3), rows sum to 1."""
    return np.asarray(pattern_PPn3, dtype=np.float64).mean(axis=(0, 1))
