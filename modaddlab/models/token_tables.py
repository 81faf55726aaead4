"""A one-layer network by tables over its tokens: the same logits as `forward`, a few times faster on all pairs at once.

In one layer without LayerNorm, what "=" sees of a residue depends on that residue and its position alone. So for every head
there is a table of scores and a table of what the head would add to the residual stream if it attended to that token only;
a pair (a, b) weighs three rows of them:

    x_2 = W_E["="] + W_pos[2] + sum_h  p_h(a) V_h,0[a] + p_h(b) V_h,1[b] + p_h("=") V_h,=        p_h = softmax of three scores

and only the MLP and the unembedding are computed pair by pair. The mathematics is that of `modaddlab.models.transformer`; a
test holds the two together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from modaddlab.models.network import activate
from modaddlab.models.transformer import TransformerSpec

BLOCK = "blocks.0"

CHUNK = 5
"""Residues a that are run at once with every b; their activations fit a processor's cache."""


@dataclass(frozen=True, kw_only=True)
class TokenTables:
    """What "=" reads of each residue at each of the two positions, and of itself.

    Attributes:
        scores_2nP: attention scores of the residues at the first and second position, shape (2, n, P).
        values_2nPD: what a head adds when it attends to that residue alone, shape (2, n, P, D).
        own_score_n: the score of "=" itself, shape (n,).
        own_value_nD: what a head adds when it attends to "=" alone, shape (n, D).
        stream_D: the residual stream at "=" before attention, shape (D,).
        key_direction_nD: the gradient of a head's score with respect to the attended token's embedding, shape (n, D).
    """

    scores_2nP: np.ndarray
    values_2nPD: np.ndarray
    own_score_n: np.ndarray
    own_value_nD: np.ndarray
    stream_D: np.ndarray
    key_direction_nD: np.ndarray

    def pattern(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Attention from "=" to a, b and "=" for arrays of residues that broadcast together: (..., n, 3)."""
        shape = (*np.broadcast_shapes(a.shape, b.shape), len(self.own_score_n))
        scores = [self.scores_2nP[0].T[a], self.scores_2nP[1].T[b], self.own_score_n]
        scores_n3 = np.stack([np.broadcast_to(score, shape) for score in scores], axis=-1)
        weights_n3 = np.exp(scores_n3 - scores_n3.max(axis=-1, keepdims=True))
        return weights_n3 / weights_n3.sum(axis=-1, keepdims=True)


def token_tables(params: Mapping[str, np.ndarray], model: TransformerSpec, p: int) -> TokenTables:
    """The tables of a network.

    Args:
        params: float64 weights by name.
        model: the network.
        p: the modulus.

    Raises:
        ValueError: the network has more than one layer, or LayerNorm.
    """
    if not has_tables(model):
        found = f"n_layers={model.n_layers}, layer_norm={model.layer_norm}"
        raise ValueError(f"token tables describe one layer without LayerNorm, found {found}; use run_grid")
    W_Q, W_K, W_V, W_O = (params[f"{BLOCK}.attn.W_{name}"] for name in "QKVO")
    token_2PD = params["embed.W_E"][None, :p] + params["pos_embed.W_pos"][:2, None]
    stream_D = params["embed.W_E"][p] + params["pos_embed.W_pos"][2]
    q_nd = stream_D @ W_Q
    key_direction_nD = np.einsum("nDd,nd->nD", W_K, q_nd) / math.sqrt(model.d_head)
    W_VO_nDD = W_V @ W_O
    return TokenTables(
        scores_2nP=np.einsum("sPD,nD->snP", token_2PD, key_direction_nD),
        values_2nPD=token_2PD[:, None] @ W_VO_nDD,
        own_score_n=key_direction_nD @ stream_D,
        own_value_nD=stream_D @ W_VO_nDD,
        stream_D=stream_D,
        key_direction_nD=key_direction_nD,
    )


def pair_logits(params: Mapping[str, np.ndarray], model: TransformerSpec, p: int) -> np.ndarray:
    """The logits for the p residues on every pair, by tables where the network allows, else by the whole network.

    Args:
        params: weights by name, float64, or float32 where that is enough.
        model: the network.
        p: the modulus.

    Returns:
        (P, P, P), where there are tables in the precision of the weights.
    """
    if not has_tables(model):
        return model.grid(params, p).logits_PPC
    logits_PPC, logits_of = np.empty((p, p, p), dtype=params["embed.W_E"].dtype), _logits_of(params, model, p)
    for a_R, _, resid_mid_RPD, neurons_RPH in _by_rows(token_tables(params, model, p), params, model, p):
        logits_PPC[a_R] = logits_of(resid_mid_RPD, neurons_RPH)
    return logits_PPC


def pair_neurons(params: Mapping[str, np.ndarray], model: TransformerSpec, p: int) -> np.ndarray:
    """The hidden neurons after the nonlinearity on every pair; arguments as for `pair_logits`.

    Returns:
        (P, P, H) float64.
    """
    if not has_tables(model):
        return model.grid(params, p).neurons_PPH
    neurons_PPH = np.empty((p, p, model.d_mlp))
    for a_R, _, _, neurons_RPH in _by_rows(token_tables(params, model, p), params, model, p):
        neurons_PPH[a_R] = neurons_RPH
    return neurons_PPH


def pair_activations(params: Mapping[str, np.ndarray], model: TransformerSpec, p: int) -> dict[str, np.ndarray]:
    """What `modaddlab.models.transformer.at_the_end` gives; arguments as for `pair_logits`, of a network that has tables."""
    tables, logits_of = token_tables(params, model, p), _logits_of(params, model, p)
    shapes = {"logits": (p,), "neurons": (model.d_mlp,), "pattern": (model.n_heads, 3), "heads": (model.n_heads, model.d_model)}
    found = {name: np.empty((p, p, *shape)) for name, shape in (shapes | {"resid_mid": (model.d_model,)}).items()}
    first_PnD, second_PnD = tables.values_2nPD.swapaxes(1, 2)
    for a_R, pattern_RPn3, resid_mid_RPD, neurons_RPH in _by_rows(tables, params, model, p):
        heads_RPnD = pattern_RPn3[..., 0, None] * first_PnD[a_R, None]
        heads_RPnD += pattern_RPn3[..., 1, None] * second_PnD
        heads_RPnD += pattern_RPn3[..., 2, None] * tables.own_value_nD
        logits_RPC = logits_of(resid_mid_RPD, neurons_RPH)
        for name, values in zip(found, (logits_RPC, neurons_RPH, pattern_RPn3, heads_RPnD, resid_mid_RPD), strict=True):
            found[name][a_R] = values
    return found | {"resid_pre": np.broadcast_to(tables.stream_D, found["resid_mid"].shape)}


def has_tables(model: TransformerSpec) -> bool:
    """Whether what "=" sees of a residue depends on nothing else: one layer without LayerNorm."""
    return model.n_layers == 1 and not model.layer_norm


def _logits_of(
    params: Mapping[str, np.ndarray], model: TransformerSpec, p: int
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """The logits that a residual stream (..., D) and neurons (..., H) give."""
    W_U_DC, W_L_HC = params["unembed.W_U"][:, :p], model.maps(params, p)["W_L"].T
    b_out_C = params[f"{BLOCK}.mlp.b_out"] @ W_U_DC if model.mlp_biases else 0.0
    return lambda resid_mid_RPD, neurons_RPH: neurons_RPH @ W_L_HC + resid_mid_RPD @ W_U_DC + b_out_C


def _by_rows(
    tables: TokenTables, params: Mapping[str, np.ndarray], model: TransformerSpec, p: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """A few a with all b at a time: their indices, the attention (R, P, n, 3), the residual stream before the MLP (R, P, D), the
    neurons (R, P, H)."""
    values_2PnD = tables.values_2nPD.swapaxes(1, 2)
    W_in_DH = params[f"{BLOCK}.mlp.W_in"]
    b_in_H = params[f"{BLOCK}.mlp.b_in"] if model.mlp_biases else 0.0
    for start in range(0, p, CHUNK):
        a_R = np.arange(start, min(start + CHUNK, p))
        pattern_RPn3 = tables.pattern(a_R[:, None], np.arange(p))
        resid_mid_RPD = pattern_RPn3[..., 0] @ values_2PnD[0, a_R]
        resid_mid_RPD += (pattern_RPn3[..., 1].swapaxes(0, 1) @ values_2PnD[1]).swapaxes(0, 1)
        resid_mid_RPD += pattern_RPn3[..., 2] @ tables.own_value_nD + tables.stream_D
        yield a_R, pattern_RPn3, resid_mid_RPD, activate(resid_mid_RPD @ W_in_DH + b_in_H, model.activation)
