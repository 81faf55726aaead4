"""Overtones: the frequency 2k in the embedding, and what it does for a key frequency k that no attention head follows.

A head that follows k multiplies waves of k by waves of k, which is what cos omega_k(a+b) needs. A key without a head has only the
nonlinearity. Rectified sums of two waves,

    relu(cos(omega a + phi) + cos(omega b + phi)) = 2 relu(cos(omega d / 2) cos(omega s / 2 + phi)),     s = a + b,  d = a - b,

read out by output waves of phase 2 phi give |cos(omega d / 2)| cos omega(s - c): right, but the fainter the farther apart a and b
are on the circle, and nothing where they are opposite. Two residues opposite each other on the circle of k are at the same place
on that of 2k, where

    cos(2 omega a) + cos(2 omega b) = 2 cos(omega d) cos(omega s):

the overtone is tall, with a minus sign, just where the other is faint. Whether a network uses it is measured here: the size of
the overtone in W_E, and the amplitude of each key's wave as a function of d, with the overtone in W_E and without. In the terms
of Zhong et al. 2023, |cos(omega d / 2)| is the mark of a "pizza", an amplitude without d that of a "clock".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modaddlab.analysis.attention import head_scores
from modaddlab.analysis.circuit import amplitude_by_difference
from modaddlab.analysis.fourier import inverse_1d, rows_of, transform_1d
from modaddlab.analysis.progress import mean_loss
from modaddlab.analysis.spectra import spectrum
from modaddlab.models.transformer import TransformerGrid


@dataclass(frozen=True, kw_only=True)
class Overtone:
    """One key frequency and its overtone.

    Attributes:
        key: k.
        overtone: the frequency 2k by its name in 1..p//2.
        heads: the heads whose scores follow k.
        norm: of the overtone in W_E.
        norm_ratio: the same over the median norm of the frequencies that are neither keys nor overtones of keys.
        amplitude_P: how tall the wave of k is in the logits, over the difference d = a - b.
        without_P: the same when W_E has lost the overtone.
        loss: mean loss in nats over the chosen pairs when W_E has lost the overtone.
    """

    key: int
    overtone: int
    heads: tuple[int, ...]
    norm: float
    norm_ratio: float
    amplitude_P: np.ndarray
    without_P: np.ndarray
    loss: float

    @property
    def unevenness(self) -> float:
        """Standard deviation of the amplitude over its mean: 0 when only the sum matters, 0.48 for |cos(omega d / 2)|."""
        return float(self.amplitude_P.std() / self.amplitude_P.mean())

    @property
    def unevenness_without(self) -> float:
        """The same without the overtone."""
        return float(self.without_P.std() / self.without_P.mean())


def overtone_of(p: int, frequency: int) -> int:
    """The frequency twice as fast, by its name in 1..p//2: 14 for 7, and 37 for 38, when p = 113; 0 for p/2."""
    return min(2 * frequency % p, -2 * frequency % p)


def overtones(
    grid: TransformerGrid, labels_PP: np.ndarray, mask_PP: np.ndarray, keys: Sequence[int], chosen: Sequence[int] | None = None
) -> tuple[Overtone, ...]:
    """What each key frequency's overtone in W_E is worth; the network is run once for each.

    Args:
        grid: the network on every pair.
        labels_PP: right answers, (P, P).
        mask_PP: the pairs over which losses are averaged, (P, P) bool.
        keys: key frequencies in 1..(p-1)//2.
        chosen: those of them that are looked at; all by default. `headless` gives the ones without a head.

    Raises:
        ValueError: a frequency is not in 1..(p-1)//2, or the network has several layers or a LayerNorm.
    """
    p = grid.p
    norm_K = spectrum(grid.W_E_PD).frequency_norms_K
    ratios = dict(zip(keys, norm_ratios(grid.W_E_PD, keys), strict=True))
    followed = head_scores(grid).frequency_n
    found = []
    for key in keys if chosen is None else chosen:
        double = overtone_of(p, key)
        without_PPC = logits_without(grid, [double])
        found.append(
            Overtone(
                key=int(key),
                overtone=double,
                heads=tuple(head for head, frequency in enumerate(followed) if frequency == key),
                norm=float(norm_K[double - 1]),
                norm_ratio=float(ratios[key]),
                amplitude_P=amplitude_by_difference(grid.logits_PPC, key),
                without_P=amplitude_by_difference(without_PPC, key),
                loss=mean_loss(without_PPC, labels_PP, mask_PP),
            )
        )
    return tuple(found)


def norm_ratios(W_E_PD: np.ndarray, keys: Sequence[int]) -> np.ndarray:
    """The size of each key's overtone in W_E over the median of the frequencies that are neither keys nor overtones: (K,)."""
    p, norm_K = len(W_E_PD), spectrum(W_E_PD).frequency_norms_K
    doubled = [overtone_of(p, key) for key in keys]
    idle = [norm for k, norm in enumerate(norm_K, 1) if k not in {*keys, *doubled}]
    return np.array([norm_K[k - 1] for k in doubled]) / (np.median(idle) if idle else np.nan)


def headless(grid: TransformerGrid, keys: Sequence[int]) -> tuple[int, ...]:
    """The key frequencies that no attention head follows, by the heads' scores.

    Raises:
        ValueError: the network has several layers or a LayerNorm.
    """
    return tuple(key for key in keys if key not in head_scores(grid).frequency_n)


def logits_without(grid: TransformerGrid, frequencies: Sequence[int]) -> np.ndarray:
    """The logits, (P, P, P), of the network whose W_E has lost some frequencies; the row of "=" and the constant stay.

    Raises:
        ValueError: a frequency is not in 1..p//2.
    """
    components_PD = transform_1d(grid.W_E_PD)
    components_PD[[row for frequency in frequencies for row in rows_of(grid.p, frequency)]] = 0
    W_E = np.concatenate([inverse_1d(components_PD), grid.params["embed.W_E"][grid.p :]])
    return grid.model.pair_logits({**grid.params, "embed.W_E": W_E}, grid.p)
