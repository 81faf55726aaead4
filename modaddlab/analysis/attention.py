"""Attention from "=": how much each head looks at a, as a wave in a.

With one layer the query at "=" is the same for every pair, so a head's scores depend on each token alone and its attention to a
is a function of a, bent a little by b through the softmax. We average over b and ask which single frequency explains the
result. Nanda et al. 2023, section 4.3: each head follows one key frequency with 98 to 99 % of the variance, as reported.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modaddlab.analysis.fourier import energy_per_frequency, inverse_1d, rows_of, sum_over_rows, transform_1d
from modaddlab.analysis.neurons import neuron_energies
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


@dataclass(frozen=True, kw_only=True)
class PatternFit:
    """One head's attention to a over all pairs (a, b), by waves of one frequency; the constant is always free.

    Attributes:
        head: the head's number.
        frequency: the frequency whose four linear terms explain most, 1..p//2; 0 when the attention is constant.
        antisymmetric_fve: by alpha (cos omega_k a - cos omega_k b) + beta (sin omega_k a - sin omega_k b), the published form.
        linear_fve: by cos, sin of omega_k a and of omega_k b, four free terms.
        polynomial_fve: by the eight products {1, cos, sin} x {1, cos, sin}.
        low, high: the smallest and the largest attention to a.
    """

    head: int
    frequency: int
    antisymmetric_fve: float
    linear_fve: float
    polynomial_fve: float
    low: float
    high: float


def pattern_fits(pattern_PPn3: np.ndarray) -> tuple[PatternFit, ...]:
    """How much of each head's attention to a, as a function of both residues, waves of one frequency explain.

    Nanda et al. 2023 (section 4.3) write it as 0.5 + alpha (cos a - cos b) + beta (sin a - sin b); here three fits of growing
    size are compared. All are 0 for a head that attends alike to everything.

    Args:
        pattern_PPn3: attention from "=" over (a, b), heads and the three positions.
    """
    p = require_shape("pattern_PPn3", pattern_PPn3, "P P n 3")["P"]
    to_a_PPn = np.asarray(pattern_PPn3, dtype=np.float64)[..., 0]
    energies = neuron_energies(to_a_PPn)
    difference_Pn = transform_1d(to_a_PPn.mean(axis=1)) - transform_1d(to_a_PPn.mean(axis=0))
    antisymmetric_Kn = sum_over_rows(difference_Pn**2) * p / 2
    fits = []
    for head, total in enumerate(energies.centred_H):
        k = int(np.argmax(energies.linear_KH[:, head]))
        parts = [part_Kn[k, head] for part_Kn in (antisymmetric_Kn, energies.linear_KH, energies.polynomial_KH)]
        shares = [float(part / total) if total > 0 else 0.0 for part in parts]
        fits.append(
            PatternFit(
                head=head,
                frequency=k + 1 if total > 0 else 0,
                antisymmetric_fve=shares[0],
                linear_fve=shares[1],
                polynomial_fve=shares[2],
                low=float(to_a_PPn[..., head].min()),
                high=float(to_a_PPn[..., head].max()),
            )
        )
    return tuple(fits)
