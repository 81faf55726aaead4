"""One sum by hand: every step of the algorithm on one pair (a, b), with the network's own numbers and the formula's beside them.

A step takes the network's values at one place and puts next to them what the algorithm says should stand there. Values are
counted from their mean over all pairs: what does not depend on (a, b) is no information about it.

    step        the network's values at (a, b)          the formula                                             source
    embedding   rows a and b of W_E                     their parts at the key frequencies, points on circles   (1)
    attention   softmax of the scores, n x 3            softmax of their constant and one frequency a head      (2)
    heads       what each head writes, n x D            waves of a and of b, and their products, per key        (2)
    neurons     ReLU of W_in (stream) + b_in, H         a polynomial of degree 2 at one key frequency each      (3)
    sum         the neurons' part of the logits at the  alpha_k (cos omega_k(a+b), sin omega_k(a+b)), points    (3)
                keys, K x 2                             of a + b on circles
    logits      one number per answer, C                sum_k alpha_k cos omega_k(a+b-c)                        (4)

Each step is computed anew from the values of the step before it, by the network's weights, and compared with what the network
itself had there: `Step.error` is rounding. `Step.explained` is what the formula gets right at this pair and over all,
1 - |values - formula|^2 / |values|^2. `Step.logits_C` says how much the rest matters: the formula stands in for the network's
values at this one place, and everything behind it is computed by the network's weights.

The coefficients of the formulae (radii, waves, polynomials, alphas) are fitted over all pairs; nothing is fitted to the pair.
One layer, no LayerNorm. After Nanda et al. 2023, sections 3 and 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modaddlab.analysis.attention import head_scores, softmax
from modaddlab.analysis.circuit import fit_waves, sum_points
from modaddlab.analysis.fourier import fourier_basis, inverse_1d, project, rows_of, transform_1d
from modaddlab.analysis.neurons import NeuronFits, fit_neurons
from modaddlab.analysis.spectra import circle_directions
from modaddlab.models.transformer import TransformerGrid

STEPS = ("embedding", "attention", "heads", "neurons", "sum", "logits")


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of the algorithm at one pair.

    Attributes:
        name: one of `STEPS`.
        error: the largest difference between the values as computed here from the step before and as the network had them, over
            the largest of these.
        explained: the share of the values at this pair that the formula gets right; NaN where the values are all 0.
        explained_all: the same over all pairs.
        logits_C: the pair's logits when the formula stands in for the values and the rest is computed by the weights.
    """

    name: str
    error: float
    explained: float
    explained_all: float
    logits_C: np.ndarray


@dataclass(frozen=True, kw_only=True)
class NeuronRow:
    """The neurons at one pair; arrays over all H neurons.

    Attributes:
        frequency_H: the key frequency of each neuron's polynomial; 0 for a constant neuron.
        fve_H: the fraction of variance that the polynomial explains over all pairs.
        parts_XH: what adds up to the input: row 0 what stands at "=" itself with b_in, then one row for each head.
        input_H: before the nonlinearity.
        output_H: after it.
        polynomial_H: the formula for the output.
        terms: what adds up to the formula: "constant", "a", "b", "a + b", "a - b" -> (H,).
    """

    frequency_H: np.ndarray
    fve_H: np.ndarray
    parts_XH: np.ndarray
    input_H: np.ndarray
    output_H: np.ndarray
    polynomial_H: np.ndarray
    terms: dict[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Walk:
    """The algorithm on one pair.

    Attributes:
        a, b, answer: the pair and its sum mod p.
        keys: the key frequencies.
        steps: in the order of `STEPS`.
        radius_K: of the circles on which W_E holds the residues.
        circle_KP2: all residues' coordinates in the plane of each key's circle.
        head_frequency_n: the frequency of each head's scores; 0 for a head without one.
        pattern_n3, pattern_formula_n3: each head's attention to a, b and "=".
        neurons: the neurons.
        alpha_K: the radius of the circle on which the neurons hold the sum, in logits.
        sum_K2: the pair's point in the plane of each key, in logits.
        wave_KC: the formula's waves, one per key, over the answers.
        logits_C, formula_C: the network's logits and their sum; both from their mean over the answers.
    """

    a: int
    b: int
    answer: int
    keys: tuple[int, ...]
    steps: tuple[Step, ...]
    radius_K: np.ndarray
    circle_KP2: np.ndarray
    head_frequency_n: tuple[int, ...]
    pattern_n3: np.ndarray
    pattern_formula_n3: np.ndarray
    neurons: NeuronRow
    alpha_K: np.ndarray
    sum_K2: np.ndarray
    wave_KC: np.ndarray
    logits_C: np.ndarray
    formula_C: np.ndarray

    @property
    def p(self) -> int:
        """The modulus."""
        return len(self.logits_C)

    @property
    def sum_formula_K2(self) -> np.ndarray:
        """Where the formula has the pair on each key's circle."""
        angle_K = 2 * np.pi * np.asarray(self.keys) * self.answer / self.p
        return self.alpha_K[:, None] * np.stack([np.cos(angle_K), np.sin(angle_K)], axis=1)

    @property
    def places_off_K(self) -> np.ndarray:
        """How far each point stands from the angle of a + b, in places of the circle (1/p of a turn), in [-p/2, p/2]."""
        turn_K = np.arctan2(self.sum_K2[:, 1], self.sum_K2[:, 0]) / (2 * np.pi) * self.p
        return (turn_K - np.asarray(self.keys) * self.answer + self.p / 2) % self.p - self.p / 2


def walk(grid: TransformerGrid, keys: Sequence[int], a: int, b: int) -> Walk:
    """Execute the algorithm on one pair.

    Args:
        grid: the network on every pair.
        keys: key frequencies in 1..(p-1)//2.
        a, b: residues.

    Raises:
        ValueError: a or b is no residue, there is no key, a frequency has no circle, or the network has several layers or a
            LayerNorm.
    """
    if grid.model.n_layers != 1 or grid.model.layer_norm:
        raise ValueError("a walk needs a network of one layer without LayerNorm")
    if not (0 <= a < grid.p and 0 <= b < grid.p):
        raise ValueError(f"a and b must be residues in 0..{grid.p - 1}, found a={a}, b={b}")
    if not keys:
        raise ValueError("keys must hold at least one key frequency, found none")
    keys = tuple(dict.fromkeys(int(key) for key in keys))
    weights = _Weights(grid)
    stream_3D = weights.stream(weights.W_E, a, b)

    kept_P = np.zeros(grid.p, dtype=bool)
    kept_P[[0, *(row for key in keys for row in rows_of(grid.p, key))]] = True
    circles_PD = inverse_1d(transform_1d(grid.W_E_PD) * kept_P[:, None])
    mean_D = grid.W_E_PD.mean(axis=0)
    circles_3D = weights.stream(np.concatenate([circles_PD, weights.W_E[grid.p :]]), a, b)
    pattern_n3 = weights.pattern(stream_3D)
    scores = head_scores(grid)
    formula_PPn3 = scores.wave_patterns()
    mean_n3 = grid.pattern_PPn3.mean(axis=(0, 1))
    steps = [
        Step(
            name="embedding",
            error=_error(stream_3D[2], grid.resid_pre_PPD[a, b]),
            explained=_explained(grid.W_E_PD[[a, b]], circles_PD[[a, b]], mean_D),
            explained_all=_explained(grid.W_E_PD, circles_PD, mean_D),
            logits_C=weights.logits_of_stream(circles_3D),
        ),
        Step(
            name="attention",
            error=_error(pattern_n3, grid.pattern_PPn3[a, b]),
            explained=_explained(pattern_n3, formula_PPn3[a, b], mean_n3),
            explained_all=_explained(grid.pattern_PPn3, formula_PPn3, mean_n3),
            logits_C=weights.logits_of_pattern(stream_3D, formula_PPn3[a, b]),
        ),
    ]

    mean_nD = grid.heads_PPnD.mean(axis=(0, 1))
    formula_PPnD = project(grid.heads_PPnD, keys, "polynomial") + mean_nD
    steps.append(
        Step(
            name="heads",
            error=_error(weights.heads(stream_3D, pattern_n3), grid.heads_PPnD[a, b]),
            explained=_explained(grid.heads_PPnD[a, b], formula_PPnD[a, b], mean_nD),
            explained_all=_explained(grid.heads_PPnD, formula_PPnD, mean_nD),
            logits_C=weights.logits_of_heads(stream_3D, formula_PPnD[a, b]),
        )
    )

    fits = fit_neurons(grid.neurons_PPH, keys)
    row = _neurons(grid, weights, fits, stream_3D[2], a, b)
    mean_H = grid.neurons_PPH.mean(axis=(0, 1))
    direct_C = weights.direct(grid.resid_mid_PPD[a, b])
    steps.append(
        Step(
            name="neurons",
            error=_error(row.output_H, grid.neurons_PPH[a, b]),
            explained=_explained(row.output_H, row.polynomial_H, mean_H),
            explained_all=float(fits.fve_H @ (variance_H := grid.neurons_PPH.var(axis=(0, 1))) / (variance_H.sum() or 1.0)),
            logits_C=row.polynomial_H @ grid.W_L_HC + direct_C,
        )
    )

    written_PPC = grid.neurons_PPH @ grid.W_L_HC
    points_KPP2 = sum_points(written_PPC, keys)
    angle_KPP = _angles(grid.p, keys)
    unit_KPP2 = np.stack([np.cos(angle_KPP), np.sin(angle_KPP)], axis=-1)
    alpha_K = np.einsum("kabx,kabx->k", points_KPP2, unit_KPP2) / grid.p**2
    formula_KPP2 = alpha_K[:, None, None, None] * unit_KPP2
    at_keys_K2C = fourier_basis(grid.p)[[rows_of(grid.p, key) for key in keys]] * np.sqrt(grid.p / 2)
    mean_C = written_PPC.mean(axis=(0, 1))
    steps.append(
        Step(
            name="sum",
            error=_error(
                (row.output_H - mean_H) @ grid.W_L_HC @ np.moveaxis(at_keys_K2C, -1, 0).reshape(grid.p, -1) * 2 / grid.p,
                points_KPP2[:, a, b].ravel(),
            ),
            explained=_explained(points_KPP2[:, a, b], formula_KPP2[:, a, b]),
            explained_all=_explained(points_KPP2, formula_KPP2),
            logits_C=np.einsum("kx,kxc->c", formula_KPP2[:, a, b], at_keys_K2C) + mean_C + direct_C,
        )
    )

    waves = fit_waves(grid.logits_PPC, keys)
    mean_logits_C = grid.logits_PPC.mean(axis=(0, 1))
    steps.append(
        Step(
            name="logits",
            error=_error(row.output_H @ grid.W_L_HC + direct_C, grid.logits_PPC[a, b]),
            explained=_explained(grid.logits_PPC[a, b], waves.logits_PPC[a, b] + mean_logits_C, mean_logits_C),
            explained_all=_explained(grid.logits_PPC, waves.logits_PPC + mean_logits_C, mean_logits_C),
            logits_C=waves.logits_PPC[a, b],
        )
    )
    circle_KP2 = np.array([grid.W_E_PD @ circle_directions(grid.W_E_PD, key).T for key in keys])
    circle_KP2 -= circle_KP2.mean(axis=1, keepdims=True)
    unit_KP2 = unit_KPP2[:, :, 0]
    answer = (a + b) % grid.p
    return Walk(
        a=a,
        b=b,
        answer=answer,
        keys=keys,
        steps=tuple(steps),
        radius_K=np.einsum("kpx,kpx->k", circle_KP2, unit_KP2) / grid.p,
        circle_KP2=circle_KP2,
        head_frequency_n=scores.frequency_n,
        pattern_n3=pattern_n3,
        pattern_formula_n3=formula_PPn3[a, b],
        neurons=row,
        alpha_K=alpha_K,
        sum_K2=points_KPP2[:, a, b],
        wave_KC=waves.alpha_K[:, None] * np.cos(2 * np.pi * np.asarray(keys)[:, None] * (answer - np.arange(grid.p)) / grid.p),
        logits_C=grid.logits_PPC[a, b] - grid.logits_PPC[a, b].mean(),
        formula_C=waves.logits_PPC[a, b],
    )


def lead(logits_C: np.ndarray, answer: int) -> float:
    """How far the logit of an answer stands above the best other one."""
    return float(logits_C[answer] - np.delete(logits_C, answer).max())


def most_ordinary_pair(logits_PPC: np.ndarray, mask_PP: np.ndarray) -> tuple[int, int]:
    """The pair of a set whose margin is the median: as many pairs of the set are answered more surely as less.

    The margin is the logit of a + b less that of the best wrong answer. Of an even number the lower of the two middle pairs is
    taken; pairs with a = b are left out.

    Args:
        logits_PPC: (P, P, C=P).
        mask_PP: which pairs are meant, such as those of the test, (P, P) bool.

    Raises:
        ValueError: no pair is left.
    """
    p = len(logits_PPC)
    a_P = np.arange(p)
    right_PP1 = ((a_P[:, None] + a_P) % p)[..., None]
    right_PP = np.take_along_axis(logits_PPC, right_PP1, axis=2)[..., 0]
    others_PPC = np.array(logits_PPC)
    np.put_along_axis(others_PPC, right_PP1, -np.inf, axis=2)
    margin_PP = right_PP - others_PPC.max(axis=2)
    pairs_B2 = np.argwhere(np.asarray(mask_PP, dtype=bool) & ~np.eye(p, dtype=bool))
    if not len(pairs_B2):
        raise ValueError("mask_PP must hold at least one pair with a != b, found none")
    order = np.argsort(margin_PP[tuple(pairs_B2.T)], kind="stable")
    a, b = pairs_B2[order[(len(order) - 1) // 2]]
    return int(a), int(b)


class _Weights:
    """The network's steps on one pair, by its weights."""

    def __init__(self, grid: TransformerGrid) -> None:
        self.grid, self.model = grid, grid.model
        self.W_E = grid.params["embed.W_E"]
        self.b_out = grid.params.get("blocks.0.mlp.b_out", 0.0)
        self.b_in = grid.params.get("blocks.0.mlp.b_in", 0.0)

    def _attn(self, name: str) -> np.ndarray:
        return self.grid.params[f"blocks.0.attn.W_{name}"]

    def stream(self, W_E: np.ndarray, a: int, b: int) -> np.ndarray:
        """The residual stream at the three positions, (3, D)."""
        return W_E[[a, b, self.grid.p]] + self.grid.params["pos_embed.W_pos"]

    def pattern(self, stream_3D: np.ndarray) -> np.ndarray:
        """Attention from "=", (n, 3)."""
        query_n1d, key_n3d = stream_3D[2:] @ self._attn("Q"), stream_3D @ self._attn("K")
        return softmax(query_n1d @ np.swapaxes(key_n3d, -1, -2) / np.sqrt(self.model.d_head))[:, 0]

    def heads(self, stream_3D: np.ndarray, pattern_n3: np.ndarray) -> np.ndarray:
        """What each head writes at "=", (n, D)."""
        copied_n3D = stream_3D @ self._attn("V") @ self._attn("O")
        return np.einsum("nt,ntd->nd", pattern_n3, copied_n3D)

    def direct(self, resid_mid_D: np.ndarray) -> np.ndarray:
        """What reaches the logits past the neurons, (C,)."""
        return (resid_mid_D + self.b_out) @ self.grid.W_U_DC

    def logits_of_heads(self, stream_3D: np.ndarray, heads_nD: np.ndarray) -> np.ndarray:
        resid_mid_D = stream_3D[2] + heads_nD.sum(axis=0)
        return self.grid.logits_from(self.grid.neurons_from(resid_mid_D), resid_mid_D)

    def logits_of_pattern(self, stream_3D: np.ndarray, pattern_n3: np.ndarray) -> np.ndarray:
        return self.logits_of_heads(stream_3D, self.heads(stream_3D, pattern_n3))

    def logits_of_stream(self, stream_3D: np.ndarray) -> np.ndarray:
        return self.logits_of_pattern(stream_3D, self.pattern(stream_3D))


def _neurons(grid: TransformerGrid, weights: _Weights, fits: NeuronFits, at_equals_D: np.ndarray, a: int, b: int) -> NeuronRow:
    """The neurons at the pair, from what the heads write there."""
    W_in = grid.params["blocks.0.mlp.W_in"]
    parts_XH = np.concatenate([(at_equals_D @ W_in + weights.b_in)[None], grid.heads_PPnD[a, b] @ W_in])
    input_H = parts_XH.sum(axis=0)
    basis_PP, p = fourier_basis(grid.p), grid.p
    rows_H3 = np.array([[0, 2 * k - 1, 2 * k] if k else [0, 0, 0] for k in fits.frequency_H])
    at_a_H3, at_b_H3 = basis_PP[rows_H3, a], basis_PP[rows_H3, b]
    products_H33 = np.moveaxis(fits.coefficients_33H, -1, 0) * at_a_H3[:, :, None] * at_b_H3[:, None, :]
    cosines_H, sines_H = (sign * fits.coefficients_33H[i, i] for i, sign in ((1, 1.0), (2, -1.0)))
    angle_H = 2 * np.pi * fits.frequency_H / p
    crossed_H, mirrored_H = (fits.coefficients_33H[2, 1] + s * fits.coefficients_33H[1, 2] for s in (1, -1))
    sum_H = ((cosines_H + sines_H) * np.cos(angle_H * (a + b)) + crossed_H * np.sin(angle_H * (a + b))) / p
    difference_H = ((cosines_H - sines_H) * np.cos(angle_H * (a - b)) + mirrored_H * np.sin(angle_H * (a - b))) / p
    terms = {
        "constant": products_H33[:, 0, 0],
        "a": products_H33[:, 1:, 0].sum(axis=1),
        "b": products_H33[:, 0, 1:].sum(axis=1),
        "a + b": sum_H,
        "a - b": difference_H,
    }
    return NeuronRow(
        frequency_H=fits.frequency_H,
        fve_H=fits.fve_H,
        parts_XH=parts_XH,
        input_H=input_H,
        output_H=grid.neurons_from(at_equals_D + grid.heads_PPnD[a, b].sum(axis=0)),
        polynomial_H=np.sum(list(terms.values()), axis=0),
        terms=terms,
    )


def _angles(p: int, keys: Sequence[int]) -> np.ndarray:
    """omega_k (a + b), (K, P, P); its [:, :, 0] are the residues' own angles."""
    a_P = np.arange(p)
    return 2 * np.pi / p * np.asarray(keys)[:, None, None] * (a_P[:, None] + a_P)


def _error(computed: np.ndarray, network: np.ndarray) -> float:
    """The largest difference over the largest value."""
    return float(np.abs(computed - network).max() / (np.abs(network).max() or 1.0))


def _explained(values: np.ndarray, formula: np.ndarray, mean: np.ndarray | float = 0.0) -> float:
    """1 - |values - formula|^2 / |values - mean|^2; NaN where the values are their mean up to rounding."""
    centred = values - mean
    if np.abs(centred).max() <= 1e-12 * np.abs(values).max():
        return float("nan")
    return 1 - float(np.sum((values - formula) ** 2) / np.sum(centred**2))
