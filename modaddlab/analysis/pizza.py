"""Clock or pizza: how a network on circles gets from the places of a and b to that of a + b.

A clock turns one hand by the angle of the other: it multiplies waves of a by waves of b, and its logits are

    Q_clock(a, b, c) = cos w(a + b - c).

A pizza adds the two places, s = (cos wa + cos wb, sin wa + sin wb). Their midpoint lies at the angle w(a + b) / 2, the nearer to
the centre the farther a and b are apart, and it asks on which slice of the circle that is, by absolute values alone:

    Q_pizza(a, b, c) = |s . (cos wc/2, sin wc/2)| - |s . (-sin wc/2, cos wc/2)|.

It is blind where a and b are opposite. A second circle of twice the frequency, which accompanies the first, makes up for that:

    Q_accompanying(a, b, c) = -(cos wc (cos 2wa + cos 2wb) + sin wc (sin 2wa + sin 2wb)).

Which of them a network is, is asked in two ways: whether a and b move the logits along the same direction (symmetricity: a sum
cannot tell them apart), and whether the right answer's logit depends on how far apart they are (distance irrelevance: a clock's
does not).

Source: Zhong, Liu, Tegmark and Andreas 2023, "The Clock and the Pizza", and its released evaluation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

N_COMPONENTS = 16
"""Principal components of an embedding among which circles are looked for, two to a circle."""


def symmetricity(gradients_2BCD: np.ndarray) -> np.ndarray:
    """The cosine between the gradients of a logit in the embeddings of a and of b, for each pair its mean over the answers.

    Args:
        gradients_2BCD: `Network.token_gradients` of some pairs. The published number is the mean over 100 random (a, b, c).

    Returns:
        (B,): 1 where both move every logit alike; a gradient of 0 counts as a cosine of 0.
    """
    in_a, in_b = gradients_2BCD
    lengths = np.linalg.norm(in_a, axis=-1) * np.linalg.norm(in_b, axis=-1)
    return ((in_a * in_b).sum(axis=-1) / np.where(lengths == 0, 1, lengths)).mean(axis=1)


def distance_irrelevance(logits_PPC: np.ndarray) -> float:
    """Of the right answer's logit of a + b, the mean over a - b of its standard deviation over a + b, as a part of that of all.

    Args:
        logits_PPC: (P, P, P), p odd.

    Returns:
        0 where the logit depends on the distance alone, and near 1 where the distance says nothing.
    """
    p = len(logits_PPC)
    a, b = np.indices((p, p))
    correct_PP = np.empty((p, p))
    correct_PP[(a + b) % p, (a - b) % p] = logits_PPC[a, b, (a + b) % p]
    return float(correct_PP.std(axis=0).mean() / correct_PP.std())


def circularity(W_E_PD: np.ndarray) -> float:
    """How far the first four principal components of an embedding are waves of a single frequency each, their mean."""
    return float(np.mean([circle.purity for circle in circles(W_E_PD, 4)]))


@dataclass(frozen=True, kw_only=True)
class Circle:
    """Two principal components of an embedding that follow each other.

    Attributes:
        frequency: the strongest of both, 1..p//2.
        purity: the largest share of a component that one frequency has, mean of the two.
        W_E_PD: the embedding's mean and these two components alone.
    """

    frequency: int
    purity: float
    W_E_PD: np.ndarray


def circles(W_E_PD: np.ndarray, n_components: int = N_COMPONENTS) -> list[Circle]:
    """The embedding's principal components in twos, the largest first."""
    mean_D, p = W_E_PD.mean(axis=0), len(W_E_PD)
    U_PX, S_X, V_XD = np.linalg.svd(W_E_PD - mean_D, full_matrices=False)
    shares_KX = 2 / p * np.abs(np.fft.rfft(U_PX, axis=0))[1:] ** 2
    found = []
    for first in range(0, n_components, 2):
        two = slice(first, first + 2)
        found.append(
            Circle(
                frequency=int(shares_KX[:, two].sum(axis=1).argmax()) + 1,
                purity=float(shares_KX[:, two].max(axis=0).mean()),
                W_E_PD=mean_D + (U_PX[:, two] * S_X[two]) @ V_XD[two],
            )
        )
    return found


def q_clock(p: int, frequency: int) -> np.ndarray:
    """The logits of a clock of one frequency, (P, P, P)."""
    a, b, c = np.ogrid[:p, :p, :p]
    return np.cos(2 * np.pi * frequency * ((a + b - c) % p) / p)


def q_pizza(p: int, frequency: int) -> np.ndarray:
    """The logits of a pizza of one frequency, (P, P, P)."""
    w = 2 * np.pi * frequency * np.arange(p) / p
    x_PP1, y_PP1 = (np.add.outer(wave(w), wave(w))[:, :, None] for wave in (np.cos, np.sin))
    cos_C, sin_C = np.cos(w / 2), np.sin(w / 2)
    return np.abs(cos_C * x_PP1 + sin_C * y_PP1) - np.abs(cos_C * y_PP1 - sin_C * x_PP1)


def q_accompanying(p: int, frequency: int) -> np.ndarray:
    """The logits of the circle of twice this frequency that accompanies a pizza of it, (P, P, P)."""
    w = 2 * np.pi * frequency * np.arange(p) / p
    x_PP1, y_PP1 = (np.add.outer(wave(2 * w), wave(2 * w))[:, :, None] for wave in (np.cos, np.sin))
    return -(np.cos(w) * x_PP1 + np.sin(w) * y_PP1)


def explained(logits_PPC: np.ndarray, wave_PPC: np.ndarray) -> float:
    """1 - the mean squared difference of logits and a form, each with mean 0 and variance 1: 2 r - 1, with r their correlation.

    It is 1 where they are proportional, 0 at r = 1/2, and -1 where they have nothing in common or the logits are all the same.
    """
    if np.ptp(logits_PPC) == 0:
        return -1.0
    return 2 * float(np.corrcoef(logits_PPC.ravel(), wave_PPC.ravel())[0, 1]) - 1


def halved(frequency: int, p: int) -> int:
    """The frequency in 1..p//2 whose double this one is, modulo an odd p."""
    half = frequency // 2 if frequency % 2 == 0 else (p - frequency) // 2
    return min(half, p - half)
