"""The mean cross-entropy of a network and its exact gradient in all its weights, on NumPy arrays of any float type.

What `Network.weight_gradients` is made of. Training has its own steps (`modaddlab.training.steps`), which a test holds these to.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from modaddlab.models.network import Activation, NamedLoss, activate, activation_slope

BLOCK = "blocks.0"

LEAST = -80
"""Differences of logits below it count as it: their exponentials would be float32's denormal numbers, which are slow."""


def cross_entropy(logits_BC: np.ndarray, labels_B: np.ndarray, share_B: np.ndarray | None = None) -> tuple[float, np.ndarray]:
    """The mean cross-entropy and its derivative in the logits, (B, C).

    Args:
        logits_BC: the logits, which are overwritten.
        labels_B: the right answers.
        share_B: what each row counts; none: all the same.
    """
    rows_B = np.arange(len(labels_B))
    share_B = np.full(len(labels_B), 1 / len(labels_B)) if share_B is None else share_B
    logits_BC -= logits_BC.max(axis=1, keepdims=True)
    right_B, exps_BC = logits_BC[rows_B, labels_B], np.exp(np.maximum(logits_BC, LEAST))
    total_B = exps_BC.sum(axis=1)
    exps_BC *= (share_B / total_B).astype(exps_BC.dtype)[:, None]
    exps_BC[rows_B, labels_B] -= share_B.astype(exps_BC.dtype)
    return float(share_B @ (np.log(total_B, dtype=np.float64) - right_B)), exps_BC


def summed_loss(pairs_B2: np.ndarray, labels_B: np.ndarray, activation: Activation, p: int) -> tuple[int, NamedLoss]:
    """Of one hidden layer on the sum of two one-hot vectors, for which (a, b) and (b, a) are one question, computed once.

    Args:
        pairs_B2: integer residues (a, b), shape (B, 2).
        labels_B: the right answers.
        activation: of the hidden layer.
        p: the modulus.

    Returns:
        how many different questions there are; and their loss.
    """
    asked_B3 = np.column_stack([np.sort(pairs_B2, axis=1), labels_B])
    asked_U3, times_U = np.unique(asked_B3, axis=0, return_counts=True)
    one_hot_PP = np.eye(p)
    rows_UP, share_U = one_hot_PP[asked_U3[:, 0]] + one_hot_PP[asked_U3[:, 1]], times_U / len(labels_B)

    def at(params: Mapping[str, np.ndarray]) -> tuple[float, dict[str, np.ndarray]]:
        W_in, W_out = params["mlp.W_in"], params["mlp.W_out"]
        rows = rows_UP.astype(W_in.dtype, copy=False)
        x_UD = rows @ params["embed.W_E"] if "embed.W_E" in params else rows
        pre_UH = x_UD @ W_in
        post_UH = activate(pre_UH, activation)
        loss, dlogits_UC = cross_entropy(post_UH @ W_out, asked_U3[:, 2], share_U)
        dpre_UH = (dlogits_UC @ W_out.T) * activation_slope(pre_UH, activation).astype(W_in.dtype, copy=False)
        grads = {"mlp.W_in": x_UD.T @ dpre_UH, "mlp.W_out": post_UH.T @ dlogits_UC}
        return loss, grads | ({"embed.W_E": rows.T @ (dpre_UH @ W_in.T)} if "embed.W_E" in params else {})

    return len(asked_U3), at


def decoder_loss(tokens_Bt: np.ndarray, labels_B: np.ndarray, activation: Activation, attention_rate: float) -> NamedLoss:
    """Of a decoder of one layer with biases and without LayerNorm, read at its last position, which sees all.

    Args:
        tokens_Bt: its tokens, (B, t).
        labels_B: the right answers.
        activation: of the MLP.
        attention_rate: how much of attention is softmax, the rest being 1 everywhere.
    """
    B, t = tokens_Bt.shape

    def at(params: Mapping[str, np.ndarray]) -> tuple[float, dict[str, np.ndarray]]:
        W_Q, W_K, W_V, W_O = (params[f"{BLOCK}.attn.W_{name}"] for name in "QKVO")
        W_in, W_out = params[f"{BLOCK}.mlp.W_in"], params[f"{BLOCK}.mlp.W_out"]
        W_E, W_U, (n, D, d) = params["embed.W_E"], params["unembed.W_U"], W_Q.shape
        scale, W_O_XD = W_Q.dtype.type(1 / math.sqrt(d)), W_O.reshape(n * d, D)
        x_BtD = W_E[tokens_Bt] + params["pos_embed.W_pos"]
        x_XD, last_BD = x_BtD.reshape(B * t, D), x_BtD[:, -1]
        q_nBd, k_nBtd, v_nBtd = last_BD @ W_Q * scale, (x_XD @ W_K).reshape(n, B, t, d), (x_XD @ W_V).reshape(n, B, t, d)
        softmax_nBt = (k_nBtd * q_nBd[:, :, None]).sum(axis=3)
        softmax_nBt = np.exp(softmax_nBt - softmax_nBt.max(axis=2, keepdims=True))
        softmax_nBt /= softmax_nBt.sum(axis=2, keepdims=True)
        pattern_nBt1 = (attention_rate * softmax_nBt + (1 - attention_rate))[..., None]
        z_BX = (pattern_nBt1 * v_nBtd).sum(axis=2).swapaxes(0, 1).reshape(B, n * d)
        mid_BD = last_BD + z_BX @ W_O_XD
        pre_BH = mid_BD @ W_in + params[f"{BLOCK}.mlp.b_in"]
        post_BH = activate(pre_BH, activation)
        out_BD = mid_BD + post_BH @ W_out + params[f"{BLOCK}.mlp.b_out"]
        loss, dlogits_BC = cross_entropy(out_BD @ W_U, labels_B)

        dout_BD = dlogits_BC @ W_U.T
        dpre_BH = (dout_BD @ W_out.T) * activation_slope(pre_BH, activation).astype(W_in.dtype, copy=False)
        dmid_BD = dout_BD + dpre_BH @ W_in.T
        dz_nBd = (dmid_BD @ W_O_XD.T).reshape(B, n, d).swapaxes(0, 1)
        dpattern_nBt = (v_nBtd * dz_nBd[:, :, None]).sum(axis=3)
        dpattern_nBt -= (softmax_nBt * dpattern_nBt).sum(axis=2, keepdims=True)
        dscores_nBt = attention_rate * softmax_nBt * dpattern_nBt
        dq_nBd = (dscores_nBt[..., None] * k_nBtd).sum(axis=2) * scale
        dk_nXd = (dscores_nBt[..., None] * q_nBd[:, :, None]).reshape(n, B * t, d)
        dv_nXd = (pattern_nBt1 * dz_nBd[:, :, None]).reshape(n, B * t, d)
        dx_BtD = (dk_nXd @ W_K.mT + dv_nXd @ W_V.mT).sum(axis=0).reshape(B, t, D)
        dx_BtD[:, -1] += dmid_BD + (dq_nBd @ W_Q.mT).sum(axis=0)
        one_hot_XP = np.eye(len(W_E), dtype=W_E.dtype)[tokens_Bt.ravel()]
        return loss, {
            "embed.W_E": one_hot_XP.T @ dx_BtD.reshape(B * t, D),
            "pos_embed.W_pos": dx_BtD.sum(axis=0),
            f"{BLOCK}.attn.W_Q": last_BD.T @ dq_nBd,
            f"{BLOCK}.attn.W_K": x_XD.T @ dk_nXd,
            f"{BLOCK}.attn.W_V": x_XD.T @ dv_nXd,
            f"{BLOCK}.attn.W_O": (z_BX.T @ dmid_BD).reshape(n, d, D),
            f"{BLOCK}.mlp.W_in": mid_BD.T @ dpre_BH,
            f"{BLOCK}.mlp.W_out": post_BH.T @ dout_BD,
            f"{BLOCK}.mlp.b_in": dpre_BH.sum(axis=0),
            f"{BLOCK}.mlp.b_out": dout_BD.sum(axis=0),
            "unembed.W_U": out_BD.T @ dlogits_BC,
        }

    return at
