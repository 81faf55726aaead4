"""The normalized margin of two-layer networks that square their sum, against the largest that there is.

With a table of input vectors for each number, u for a and v for b, and output vectors w the logits are

    f(a, b)[c] = sum_h (u_h[a] + v_h[b])^2 w_h[c],

three times homogeneous: weights that are twice as large give eight times the lead of the right answer. So the smallest lead over
all pairs is divided by the norm sum_h (|u_h|^2 + |v_h|^2 + |w_h|^2)^(3/2), the third power of the L_{2,3} norm. No network of any
width has more than sqrt(2/27) / (sqrt(p) (p - 1)), and pure waves with the phases phi_u, phi_v and phi_u + phi_v, all frequencies
and all phases alike, have just that (Morwani et al. 2023, theorem on modular addition).
"""

from __future__ import annotations

import math

import numpy as np

PHASES = 5
"""Phases round the circle of which the first four overtones cancel: all that products of three waves have."""


def normalized_margin(u_HP: np.ndarray, v_HP: np.ndarray, w_HP: np.ndarray) -> float:
    """The smallest lead of a right answer over all pairs, divided by the norm; negative where some answer is wrong.

    Args:
        u_HP, v_HP: the input vectors for a and for b; a network with one table has it twice.
        w_HP: the output vectors.
    """
    u_HP, v_HP, w_HP = (np.asarray(x_HP, dtype=np.float64) for x_HP in (u_HP, v_HP, w_HP))
    p = u_HP.shape[1]
    logits_PPC = ((u_HP**2).T @ w_HP)[:, None] + ((v_HP**2).T @ w_HP)[None]
    for c in range(p):
        logits_PPC[..., c] += 2 * (u_HP * w_HP[:, c, None]).T @ v_HP
    answer_PP1 = (np.add.outer(np.arange(p), np.arange(p)) % p)[..., None]
    right_PP = np.take_along_axis(logits_PPC, answer_PP1, axis=2)[..., 0]
    np.put_along_axis(logits_PPC, answer_PP1, -np.inf, axis=2)
    norm = np.sum(((u_HP**2).sum(axis=1) + (v_HP**2).sum(axis=1) + (w_HP**2).sum(axis=1)) ** 1.5)
    return float((right_PP - logits_PPC.max(axis=2)).min() / norm) if norm else 0.0


def largest_margin(p: int) -> float:
    """The largest normalized margin of any such network, for an odd prime p.

    Source:
        Morwani et al. 2023.
    """
    return math.sqrt(2 / 27) / (math.sqrt(p) * (p - 1))


def waves(p: int, *, tables: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The network of pure waves: every frequency, every phase.

    Args:
        p: the modulus, odd.
        tables: 2: the phases of a and of b go round apart from each other; 1: they are the same.

    Returns:
        u, v and w, (H, P) each.
    """
    phases = [2 * np.pi * m / PHASES for m in range(PHASES)]
    pairs_N2 = np.array([(first, second) for first in phases for second in phases if tables == 2 or first == second])
    turns_KP = 2 * np.pi / p * np.outer(np.arange(1, p // 2 + 1), np.arange(p))
    waves_3HP = [np.cos(turns_KP[:, None] + phase_N[:, None]).reshape(-1, p) for phase_N in (*pairs_N2.T, pairs_N2.sum(axis=1))]
    return waves_3HP[0], waves_3HP[1], waves_3HP[2]
