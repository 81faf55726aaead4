"""Attention: how much each head looks at a, as a wave in a, and what it writes.

With one layer the query at "=" is the same for every pair, so a head's scores depend on each token alone and its attention to a
is a function of a, bent a little by b through the softmax. We average over b and ask which single frequency explains the
result. Nanda et al. 2023, section 4.3: each head follows one key frequency with 98 to 99 % of the variance, as reported.

What a head writes is its attention times what it copies from each token. The copy is a sum of waves of all key frequencies;
the attention is a constant and a wave of one. Their product therefore holds waves of a or b alone (degree 1), products of two
waves of the head's own frequency (degree 2, what a sum needs), and products of its frequency with another. `head_terms` measures
each share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modaddlab.analysis.fourier import (
    component_frequencies,
    energy_per_frequency,
    inverse_1d,
    rows_of,
    sum_over_rows,
    transform_1d,
    transform_2d,
)
from modaddlab.analysis.neurons import neuron_energies
from modaddlab.models.token_tables import token_tables
from modaddlab.models.transformer import TransformerGrid
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


@dataclass(frozen=True, kw_only=True)
class HeadScores:
    """Each head's scores from "=", before the softmax, and their waves of one frequency.

    Attributes:
        frequency_n: the frequency with the most energy in the scores of a and of b together; 0 where they are constant.
        fve_n: the fraction of the scores' variance that it explains; 0 where they are constant.
        scores_2nP: the score of each residue at the positions of a and b.
        waves_2nP: their constants and that frequency alone.
        own_score_n: the score of "=" itself.
    """

    frequency_n: tuple[int, ...]
    fve_n: np.ndarray
    scores_2nP: np.ndarray
    waves_2nP: np.ndarray
    own_score_n: np.ndarray

    def wave_patterns(self) -> np.ndarray:
        """The attention from "=" that the waves alone would give, (P, P, n, 3)."""
        to_a_Pn, to_b_Pn = np.moveaxis(self.waves_2nP, 2, 1)
        return softmax(np.stack(np.broadcast_arrays(to_a_Pn[:, None], to_b_Pn, self.own_score_n), axis=-1))


def head_scores(grid: TransformerGrid) -> HeadScores:
    """The scores from "=" of a one-layer network: functions of one residue each, because the query is the same for all pairs.

    Raises:
        ValueError: the network has several layers or a LayerNorm.
    """
    tables = token_tables(grid.params, grid.model, grid.p)
    components_P2n = transform_1d(np.moveaxis(tables.scores_2nP, 2, 0))
    energy_Kn = sum_over_rows(components_P2n**2).sum(axis=1)
    total_n = energy_Kn.sum(axis=0)
    varies_n = total_n > (1e-12 * np.abs(tables.scores_2nP).max(axis=(0, 2))) ** 2
    frequency_n = np.where(varies_n, energy_Kn.argmax(axis=0) + 1, 0)
    of_row_P1 = component_frequencies(grid.p)[:, None]
    kept_Pn = (of_row_P1 == 0) | (of_row_P1 == frequency_n)
    return HeadScores(
        frequency_n=tuple(int(k) for k in frequency_n),
        fve_n=np.where(varies_n, energy_Kn.max(axis=0) / np.where(varies_n, total_n, 1), 0.0),
        scores_2nP=tables.scores_2nP,
        waves_2nP=np.moveaxis(inverse_1d(components_P2n * kept_Pn[:, None]), 0, 2),
        own_score_n=tables.own_score_n,
    )


def patterns_at(grid: TransformerGrid, pairs_B2: np.ndarray) -> np.ndarray:
    """The whole attention pattern of a one-layer network on some pairs, every position looking at every position.

    Args:
        grid: the network.
        pairs_B2: (a, b) in each row.

    Returns:
        (B, n, 3, 3): from position (a, b, "=") to position, rows sum to 1; its last row is `grid.pattern_PPn3` at the pair.

    Raises:
        ValueError: the network has several layers or a LayerNorm, or the pairs are not two residues each.
    """
    if grid.model.n_layers != 1 or grid.model.layer_norm:
        found = f"n_layers={grid.model.n_layers}, layer_norm={grid.model.layer_norm}"
        raise ValueError(f"patterns_at describes one layer without LayerNorm, found {found}; run the network itself")
    pairs_B2 = np.asarray(pairs_B2)
    n_pairs = require_shape("pairs_B2", pairs_B2, "B 2")["B"]
    tokens_B3 = np.concatenate([pairs_B2, np.full((n_pairs, 1), grid.p)], axis=1)
    stream_B3D = grid.params["embed.W_E"][tokens_B3] + grid.params["pos_embed.W_pos"]
    query_nB3d, key_nB3d = (stream_B3D @ grid.params[f"blocks.0.attn.W_{name}"][:, None] for name in "QK")
    scores_nB33 = query_nB3d @ np.swapaxes(key_nB3d, -1, -2) / np.sqrt(grid.model.d_head)
    if grid.model.causal:
        scores_nB33 = np.where(np.tri(3, dtype=bool), scores_nB33, -np.inf)
    return np.swapaxes(softmax(scores_nB33), 0, 1)


def softmax(scores: np.ndarray) -> np.ndarray:
    """Shares that sum to 1 over the last axis, proportional to the exponentials."""
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


@dataclass(frozen=True, kw_only=True)
class HeadTerms:
    """What one head writes at "=", over all pairs (a, b): shares of the energy of its centred output, which sum to 1.

    Attributes:
        head: the head's number.
        frequency: the head's own frequency; 0 for a head without one.
        linear: waves of the own frequency in a alone or in b alone.
        products: the four products of a wave of a and a wave of b, both of the own frequency.
        linear_others: waves of the other key frequencies in a alone or in b alone.
        products_others: the four products of each other key frequency.
        mixed: products of a wave of the own frequency with a wave of another key frequency.
        rest: everything else.
    """

    head: int
    frequency: int
    linear: float
    products: float
    linear_others: float
    products_others: float
    mixed: float
    rest: float


def head_terms(heads_PPnD: np.ndarray, frequencies: Sequence[int], keys: Sequence[int]) -> tuple[HeadTerms, ...]:
    """How each head's output divides among waves of one residue and products of two.

    Args:
        heads_PPnD: what each head adds to the residual stream, over (a, b).
        frequencies: one for each head, such as those of `pattern_fits`; 0 for a head without one.
        keys: the key frequencies; a head's own frequency counts as its own whether it is among them or not.

    Raises:
        ValueError: the shape is another, or there are not as many frequencies as heads.
    """
    sizes = require_shape("heads_PPnD", heads_PPnD, "P P n D", n=len(frequencies))
    p = sizes["P"]
    energy_PPn = np.sum(transform_2d(heads_PPnD) ** 2, axis=3)
    energy_PPn[0, 0] = 0
    starts = np.unique(component_frequencies(p), return_index=True)[1]
    energy_FFn = np.add.reduceat(np.add.reduceat(energy_PPn, starts, axis=0), starts, axis=1)  # frequencies 0..p//2
    found = []
    for head, own in enumerate(frequencies):
        total = energy_FFn[..., head].sum()
        share_FF = energy_FFn[..., head] / (total or 1.0)
        others = [key for key in dict.fromkeys(keys) if key != own]
        shares = {
            "linear": share_FF[0, own] + share_FF[own, 0] if own else 0.0,
            "products": share_FF[own, own] if own else 0.0,
            "linear_others": share_FF[0, others].sum() + share_FF[others, 0].sum(),
            "products_others": share_FF[others, others].sum(),
            "mixed": share_FF[own, others].sum() + share_FF[others, own].sum() if own else 0.0,
        }
        shares = {name: float(share) for name, share in shares.items()}
        rest = 1 - sum(shares.values()) if total else 0.0
        found.append(HeadTerms(head=head, frequency=int(own), **shares, rest=rest))
    return tuple(found)
