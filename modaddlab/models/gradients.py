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

Both end in the head's W_O, so everything is computed in the coordinates of each head: its d_head outputs, and one more for each
of the two residues, the attention that it draws. At a pair these rows have one Gram matrix over the logits, and every entry of
G's blocks is one of its entries times two weights of attention.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from modaddlab.models.network import activation_slope
from modaddlab.models.token_tables import BLOCK, token_tables
from modaddlab.models.transformer import TransformerSpec

CHUNK = 24
"""Pairs that are differentiated at once; their slopes times W_in take 6 MB at the mainline's size."""


def gradient_outer_product(
    params: Mapping[str, np.ndarray], model: TransformerSpec, p: int, pairs_B2: np.ndarray, dtype: type = np.float32
) -> np.ndarray:
    """The average gradient outer product over some pairs; about 0.3 s for 1,000 pairs of the mainline's network.

    Args:
        params: weights by name, any float type.
        model: one layer without LayerNorm.
        p: the modulus.
        pairs_B2: the pairs (a, b) that are averaged over, integers (B, 2).
        dtype: of the products at each pair; slopes and attention are computed in float64 whatever it is. In float32 an entry is
            off by less than a millionth of the largest, in a third of the time.

    Returns:
        (2P, 2P) float64, symmetric and positive semidefinite up to rounding.

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
    W_O_XD = W_O_ndD.reshape(n * d, D)
    W_U_DC = weights["unembed.W_U"][:, :p]
    W_U_DC = W_U_DC - W_U_DC.mean(axis=1, keepdims=True)
    W_in_DH = weights[f"{BLOCK}.mlp.W_in"]
    W_L_HC = model.maps(weights, p)["W_L"].T
    W_L_HC = (W_L_HC - W_L_HC.mean(axis=1, keepdims=True)).astype(dtype)
    b_in_H = weights[f"{BLOCK}.mlp.b_in"] if model.mlp_biases else 0.0
    W_OU_XC, W_Oin_XH = (W_O_XD @ W_U_DC).astype(dtype), (W_O_XD @ W_in_DH).astype(dtype)
    token_2PD = weights["embed.W_E"][None, :p] + weights["pos_embed.W_pos"][:2, None]
    value_2Pnd = np.einsum("sPD,nDd->sPnd", token_2PD, W_V_nDd)
    own_nd = tables.stream_D @ W_V_nDd

    products_WR = np.zeros((4 * n * n, (n * (d + 2)) ** 2))
    for start in range(0, len(pairs_B2), CHUNK):
        a_B, b_B = pairs_B2[start : start + CHUNK].T
        B = len(a_B)
        pattern_Bn3 = tables.pattern(a_B, b_B)
        value_Bn2d = np.stack([value_2Pnd[0, a_B], value_2Pnd[1, b_B]], axis=2)
        z_Bnd = np.einsum("Bns,Bnsd->Bnd", pattern_Bn3[..., :2], value_Bn2d) + pattern_Bn3[..., 2:] * own_nd
        resid_mid_BD = tables.stream_D + z_Bnd.reshape(B, -1) @ W_O_XD
        slope_BH = activation_slope(resid_mid_BD @ W_in_DH + b_in_H, model.activation).astype(dtype)
        # what a change of each head's output does to the logits, and of its attention to either residue
        onward_BXC = (slope_BH[:, None] * W_Oin_XH) @ W_L_HC + W_OU_XC
        onward_BndC = onward_BXC.reshape(B, n, d, p)
        drawn_Bn2C = (value_Bn2d - z_Bnd[:, :, None]).astype(dtype) @ onward_BndC
        rows_BYC = np.concatenate([onward_BndC, drawn_Bn2C], axis=2).reshape(B, -1, p)
        weight_BS = pattern_Bn3[..., :2].reshape(B, -1).astype(dtype)
        weights_BW = (weight_BS[:, :, None] * weight_BS[:, None]).reshape(B, -1)
        products_WR += weights_BW.T @ (rows_BYC @ rows_BYC.mT).reshape(B, -1)

    # from the heads' coordinates to the embedding, and from there to the residues
    products_n2n2nyny = (products_WR / len(pairs_B2)).reshape(n, 2, n, 2, n, d + 2, n, d + 2)
    products_2nyXny = np.einsum("nsmtnymz->snytmz", products_n2n2nyny)
    read_2nDy = np.zeros((2, n, D, d + 2))
    read_2nDy[..., :d] = W_V_nDd
    read_2nDy[[0, 1], ..., [d, d + 1]] = tables.key_direction_nD
    read_2Pny = np.einsum("PD,snDy->sPny", weights["embed.W_E"][:p], read_2nDy)
    return np.einsum("sPny,snytmz,tQmz->sPtQ", read_2Pny, products_2nyXny, read_2Pny, optimize=True).reshape(2 * p, 2 * p)


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
