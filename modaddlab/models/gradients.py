"""How the logits answer to small changes of the input: the average gradient outer product of a one-layer network.

The input of a network on tokens is relaxed: at each of the two positions it is a vector x_s over the P residues instead of one
residue, and its embedding is x_s W_E + W_pos[s]. A pair (a, b) is the pair of unit vectors (e_a, e_b). With the Jacobian J of
the logits, (C, 2P), the average gradient outer product is

    G = mean over pairs of J^T J,     (2P, 2P), the residues at the first position before those at the second

(Mallinar et al. 2024, "Emergence in non-neural models: grokking modular arithmetic via average gradient outer product", where it
is the matrix that a kernel machine learns its features with). Large entries of G are changes of the input that move the answer.
The logits are taken without their mean over the C outputs, which the softmax does not see.

The gradient is exact. With the slope m of the activation at the pair, what the last position passes on to the logits is
T = W_U + W_in diag(m) W_L, and a token's embedding moves the last position through each head in two ways, by its value and by the
attention that it draws:

    d x_2 / d x_s = sum_h  p_h,s [ W_V W_O + key direction (x) (V_h,s - A_h) ],    A_h = what head h adds at this pair

Both end in the head's W_O, so everything is computed in the d_head + 1 coordinates of each head, and the products over pairs are
one symmetric matrix product.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from modaddlab.models.network import activation_slope
from modaddlab.models.token_tables import BLOCK, token_tables
from modaddlab.models.transformer import TransformerSpec

CHUNK = 48
"""Pairs that are differentiated at once; their slopes times W_in take 25 MB at the mainline's size."""


def gradient_outer_product(params: Mapping[str, np.ndarray], model: TransformerSpec, p: int, pairs_B2: np.ndarray) -> np.ndarray:
    """The average gradient outer product over some pairs; about 0.7 s for 1,000 pairs of the mainline's network.

    Args:
        params: weights by name, any float type; computed in float64.
        model: one layer without LayerNorm.
        p: the modulus.
        pairs_B2: the pairs (a, b) that are averaged over, integers (B, 2).

    Returns:
        (2P, 2P) float64, symmetric and positive semidefinite.

    Raises:
        ValueError: the network has more than one layer, or LayerNorm; or there is no pair.

    Source:
        Mallinar et al. 2024, section 2, for a network whose input is relaxed from tokens to vectors.
    """
    if not len(pairs_B2):
        raise ValueError("pairs_B2 must hold at least one pair to average over")
    weights = {name: np.asarray(value, dtype=np.float64) for name, value in params.items()}
    tables = token_tables(weights, model, p)
    W_V_nDd, W_O_ndD = weights[f"{BLOCK}.attn.W_V"], weights[f"{BLOCK}.attn.W_O"]
    n, D, d = W_V_nDd.shape
    W_U_DC = weights["unembed.W_U"][:, :p]
    W_U_DC = W_U_DC - W_U_DC.mean(axis=1, keepdims=True)
    W_in_DH = weights[f"{BLOCK}.mlp.W_in"]
    W_L_HC = model.maps(weights, p)["W_L"].T
    W_L_HC = W_L_HC - W_L_HC.mean(axis=1, keepdims=True)
    b_in_H = weights[f"{BLOCK}.mlp.b_in"] if model.mlp_biases else 0.0
    W_OU_XC, W_Oin_XH = W_O_ndD.reshape(n * d, D) @ W_U_DC, W_O_ndD.reshape(n * d, D) @ W_in_DH
    token_2PD = weights["embed.W_E"][None, :p] + weights["pos_embed.W_pos"][:2, None]
    value_2Pnd = np.einsum("sPD,nDd->sPnd", token_2PD, W_V_nDd)
    own_nd = tables.stream_D @ W_V_nDd

    size = n * (d + 1)
    products_YY = np.zeros((2 * size, 2 * size))
    for start in range(0, len(pairs_B2), CHUNK):
        a_B, b_B = pairs_B2[start : start + CHUNK].T
        B = len(a_B)
        pattern_Bn3 = tables.pattern(a_B, b_B)
        value_2Bnd = np.stack([value_2Pnd[0, a_B], value_2Pnd[1, b_B]])
        z_Bnd = np.einsum("Bns,sBnd->Bnd", pattern_Bn3[..., :2], value_2Bnd) + pattern_Bn3[..., 2:] * own_nd
        resid_mid_BD = tables.stream_D + z_Bnd.reshape(B, -1) @ W_O_ndD.reshape(n * d, D)
        slope_BH = activation_slope(resid_mid_BD @ W_in_DH + b_in_H, model.activation)
        # what a change of each head's output does to the logits: (n, d, B, C)
        onward_XBC = (W_Oin_XH[:, None] * slope_BH).reshape(-1, slope_BH.shape[1]) @ W_L_HC
        onward_ndBC = (onward_XBC.reshape(n * d, B, p) + W_OU_XC[:, None]).reshape(n, d, B, p)
        y_2nyBC = np.empty((2, n, d + 1, B, p))
        for position in range(2):
            weight_nB = pattern_Bn3[:, :, position].T
            np.multiply(weight_nB[:, None, :, None], onward_ndBC, out=y_2nyBC[position, :, :d])
            y_2nyBC[position, :, d] = np.einsum("Bnd,ndBC->nBC", value_2Bnd[position] - z_Bnd, y_2nyBC[position, :, :d])
        y_YX = y_2nyBC.reshape(2 * size, B * p)
        products_YY += y_YX @ y_YX.T

    # from the heads' coordinates to the embedding, and from there to the residues
    read_nDy = np.concatenate([W_V_nDd, tables.key_direction_nD[:, :, None]], axis=2)
    read_PY = weights["embed.W_E"][:p] @ read_nDy.swapaxes(0, 1).reshape(D, size)
    products_2Y2Y = (products_YY / len(pairs_B2)).reshape(2, size, 2, size)
    return (read_PY @ products_2Y2Y.swapaxes(1, 2) @ read_PY.T).swapaxes(1, 2).reshape(2 * p, 2 * p)


def whole_differences(p: int, n_differences: int, seed: int = 0) -> np.ndarray:
    """A fair sample of pairs: all p pairs of each of some random differences a - b.

    Every residue comes equally often at each position, and for odd p so does every sum: what depends on one of them alone is
    averaged without error, and what depends on the difference with the error of n_differences draws.

    Args:
        p: the modulus.
        n_differences: how many differences; p gives all pairs.
        seed: of the choice.

    Returns:
        (n_differences p, 2) int64.

    Raises:
        ValueError: there are not as many differences.
    """
    if not 1 <= n_differences <= p:
        raise ValueError(f"n_differences (={n_differences}) must lie in 1..{p}, the differences mod p")
    difference_B = np.repeat(np.random.default_rng(seed).permutation(p)[:n_differences], p)
    a_B = np.tile(np.arange(p), n_differences)
    return np.stack([a_B, (a_B - difference_B) % p], axis=1)
