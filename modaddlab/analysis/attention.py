"""Attention from "=": how much each head reads a, b and "=" itself, and with which period.

A head's attention to a is a number in [0, 1] for every pair (a, b). Nanda et al. 2023 (section 4.2) write it as

    0.5 + alpha (cos omega_k a - cos omega_k b) + beta (sin omega_k a - sin omega_k b)

with one frequency k a head. Three fits of growing size are reported at the head's frequency, the constant always free:
"antisymmetric", these two terms; "linear", the four terms cos, sin of omega_k a and of omega_k b; "polynomial", the eight
products {1, cos, sin} x {1, cos, sin}. The head's frequency is the one whose four linear terms explain most. A head that attends
alike to everything has no variance: frequency 0, FVE 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modaddlab.analysis.fourier import inverse_1d, rows_of, sum_over_rows, transform_1d
from modaddlab.analysis.neurons import neuron_energies
from modaddlab.shapes import require_shape


@dataclass(frozen=True, kw_only=True)
class HeadPatterns:
    """The attention of n heads from "=" and its periodicity."""

    to_a_by_a_Pn: np.ndarray
    """Mean over b of the attention to a, as a function of a."""
    to_a_by_b_Pn: np.ndarray
    """Mean over a of the attention to a, as a function of b."""
    to_b_by_b_Pn: np.ndarray
    """Mean over a of the attention to b, as a function of b."""
    mean_n3: np.ndarray
    """Mean attention to a, b and "="."""
    low_n3: np.ndarray
    """Smallest attention over all pairs."""
    high_n3: np.ndarray
    """Largest attention over all pairs."""
    frequency_n: np.ndarray
    """int64; 0 for a head whose attention is constant."""
    antisymmetric_fve_n: np.ndarray
    """Of the attention to a over all (a, b), by the published two-term form."""
    linear_fve_n: np.ndarray
    polynomial_fve_n: np.ndarray
    mean_fve_n: np.ndarray
    """Of the curve `to_a_by_a_Pn`, by the head's frequency."""
    wave_Pn: np.ndarray
    """That curve's mean and its part at the head's frequency."""
    norms_nK: np.ndarray
    """Norm per frequency of the curve `to_a_by_a_Pn`."""


def head_patterns(pattern_PPn3: np.ndarray) -> HeadPatterns:
    """Means, frequencies and fits of every head's attention.

    Args:
        pattern_PPn3: (P, P, n, 3) attention from "=" to a, b and "=" over (a, b), in [0, 1].
    """
    p = require_shape("pattern_PPn3", pattern_PPn3, "P P n 3")["P"]
    pattern_PPn3 = np.asarray(pattern_PPn3, dtype=np.float64)
    to_a_PPn = pattern_PPn3[..., 0]
    n_heads = to_a_PPn.shape[2]
    every_n = np.arange(n_heads)
    energies = neuron_energies(to_a_PPn)
    alive_n = energies.centred_H > 0
    best_n = np.argmax(energies.linear_KH, axis=0)
    scale_n = np.where(alive_n, energies.centred_H, 1.0)

    by_a_Pn, by_b_Pn = to_a_PPn.mean(axis=1), to_a_PPn.mean(axis=0)
    antisymmetric_Kn = sum_over_rows((transform_1d(by_a_Pn) - transform_1d(by_b_Pn)) ** 2 * p / 2)
    components_Pn = transform_1d(by_a_Pn)
    energy_Kn = sum_over_rows(components_Pn**2)
    keep_Pn = np.zeros((p, n_heads))
    keep_Pn[0] = 1
    for head in every_n[alive_n]:
        keep_Pn[rows_of(p, int(best_n[head]) + 1), head] = 1
    curve_energy_n = energy_Kn.sum(axis=0)

    def share(energy_Kn: np.ndarray) -> np.ndarray:
        return energy_Kn[best_n, every_n] * alive_n / scale_n

    return HeadPatterns(
        to_a_by_a_Pn=by_a_Pn,
        to_a_by_b_Pn=by_b_Pn,
        to_b_by_b_Pn=pattern_PPn3[..., 1].mean(axis=0),
        mean_n3=pattern_PPn3.mean(axis=(0, 1)),
        low_n3=pattern_PPn3.min(axis=(0, 1)),
        high_n3=pattern_PPn3.max(axis=(0, 1)),
        frequency_n=np.where(alive_n, best_n + 1, 0),
        antisymmetric_fve_n=share(antisymmetric_Kn),
        linear_fve_n=share(energies.linear_KH),
        polynomial_fve_n=share(energies.polynomial_KH),
        mean_fve_n=np.divide(
            energy_Kn[best_n, every_n], curve_energy_n, out=np.zeros(n_heads), where=alive_n & (curve_energy_n > 0)
        ),
        wave_Pn=inverse_1d(components_Pn * keep_Pn),
        norms_nK=np.sqrt(energy_Kn).T,
    )
