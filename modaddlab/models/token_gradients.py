"""How each logit of a network answers to the embedding of each of its two residues: exact gradients, for every output at once.

What there is of a pair alone is computed in float64, so that no neuron fires that does not; what there is of every output in
float32, a millionth of the largest off in less than half the time.

The embedding is that of the token before its position is added; the two residues have one table, but each place is changed alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from modaddlab.models.network import activation_slope

BLOCK = "blocks.0"


def decoder_gradients(
    params: Mapping[str, np.ndarray], tokens_Bt: np.ndarray, activation: str, attention_rate: float, p: int
) -> np.ndarray:
    """Of a decoder of one layer without LayerNorm, read at its last position.

    Args:
        params: float64 weights by name.
        tokens_Bt: its tokens, the two residues first, (B, t); all positions are seen from the last.
        activation: of the MLP.
        attention_rate: how much of attention is softmax, the rest being 1 everywhere.
        p: the modulus.

    Returns:
        the gradients of the logits of the p residues in the embeddings of a and of b, (2, B, P, D).
    """
    W_Q, W_K, W_V, W_O = (params[f"{BLOCK}.attn.W_{name}"] for name in "QKVO")
    n, D, d = W_V.shape
    x_tBD = (params["embed.W_E"][tokens_Bt] + params["pos_embed.W_pos"]).swapaxes(0, 1)
    q_nBd = x_tBD[-1] @ W_Q / math.sqrt(d)
    k_tnBd, v_tnBd = (x_tBD[:, None] @ W for W in (W_K, W_V))
    scores_tnB = (k_tnBd * q_nBd).sum(axis=-1)
    softmax_tnB = np.exp(scores_tnB - scores_tnB.max(axis=0))
    softmax_tnB /= softmax_tnB.sum(axis=0)
    pattern_tnB = attention_rate * softmax_tnB + (1 - attention_rate)
    attended_BD = ((pattern_tnB[..., None] * v_tnBd).sum(axis=0) @ W_O).sum(axis=0)
    W_in, W_U_DC = params[f"{BLOCK}.mlp.W_in"], params["unembed.W_U"][:, :p]
    pre_BH = (x_tBD[-1] + attended_BD) @ W_in + params.get(f"{BLOCK}.mlp.b_in", 0.0)
    slope_BH, W_L_CH = activation_slope(pre_BH, activation), (params[f"{BLOCK}.mlp.W_out"] @ W_U_DC).T
    # from here on there is a row for every output
    slope_BH, W_L_CH, W_in, W_U_DC, W_O, W_V, W_K, W_Q, q_nBd, k_tnBd, v_tnBd, softmax_tnB, pattern_tnB = (
        values.astype(np.float32)
        for values in (slope_BH, W_L_CH, W_in, W_U_DC, W_O, W_V, W_K, W_Q, q_nBd, k_tnBd, v_tnBd, softmax_tnB, pattern_tnB)
    )
    B, C = len(tokens_Bt), p
    dmid_XD = (slope_BH[:, None] * W_L_CH).reshape(B * C, -1) @ W_in.T
    dmid_BCD = dmid_XD.reshape(B, C, D) + W_U_DC.T
    dz_BnCd = (dmid_BCD @ W_O.reshape(n * d, D).T).reshape(B, C, n, d).swapaxes(1, 2)
    dpattern_BnCt = dz_BnCd @ v_tnBd.transpose(2, 1, 3, 0)
    softmax_Bn1t = softmax_tnB.transpose(2, 1, 0)[:, :, None]
    mean_BnC1 = (softmax_Bn1t * dpattern_BnCt).sum(axis=-1, keepdims=True)
    dscores_tBCn = (attention_rate * softmax_Bn1t * (dpattern_BnCt - mean_BnC1)).transpose(3, 0, 2, 1)
    drawn_BnD = (q_nBd @ W_K.mT).swapaxes(0, 1)  # what draws attention to a token
    W_V_XD, found = W_V.mT.reshape(n * d, D), np.empty((2, B, C, D), dtype=np.float32)
    for s in (0, 1):
        weighted_BCX = (pattern_tnB[s].T[:, :, None, None] * dz_BnCd).swapaxes(1, 2).reshape(B * C, n * d)
        found[s] = (weighted_BCX @ W_V_XD).reshape(B, C, D) + dscores_tBCn[s] @ drawn_BnD
    if tokens_Bt.shape[1] == 2:  # b reads: it is also the query, and its own stream goes on
        looked_tBnD = (k_tnBd @ W_Q.mT / math.sqrt(d)).swapaxes(1, 2)
        found[1] += dmid_BCD + (dscores_tBCn @ looked_tBnD).sum(axis=0)
    return found
