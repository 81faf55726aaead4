"""The first layer of a causal transformer with more layers behind it, as tables, with hand-written gradients.

Nothing is approximated. The layers behind it read all positions, and with a causal mask the first of them knows a alone. So there
are three kinds of rows: "=" of a pair, b of a pair, and position 0 of a residue a. As in `one_layer`, with G = [W_in | 1] and the
tables T_h = X W_V_h W_O_h G over X = [a at 0, b at 1, "=" at 2], pre-activations and residual stream are

    Y[row] = X[own position] G + sum_h sum_j A_h[row, j] T_h[j] + biases

Attention weights sum to 1, so the weight on "=" is eliminated by subtracting T_h["="] from every row: the heads of a row read at
most a and b, and one row is added. At b the softmax has two terms: a sigmoid of a table over (a, b).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from modaddlab.models.transformer import TransformerSpec
from modaddlab.training.steps.objective import Params


class FirstLayer:
    """The tables of the first layer.

    Args:
        model: the network.
        p: the modulus.
        pairs_B2: int64 residues (a, b), shape (B, 2).

    Attributes:
        T_XW: for each head the rows of X, then those that are added, of X too; (n R + R, H + D).
        A_2Bn2: attention weights on a and b, at "=" and at b.
    """

    def __init__(self, model: TransformerSpec, p: int, pairs_B2: Tensor) -> None:
        self.model, self.p, self.n_rows = model, p, model.n_heads * (2 * p + 1)
        self.a_B, self.b_B = pairs_B2.T.contiguous()
        self.in_grid_B = self.b_B * p + self.a_B
        self.T_XW = torch.empty(self.n_rows + 2 * p + 1, model.d_mlp + model.d_model)
        self.OG_ndW = torch.empty(model.n_heads, model.d_head, model.d_mlp + model.d_model)
        self.A_2Bn2 = torch.empty(2, len(pairs_B2), model.n_heads, 2)

    def forward(self, params: Params) -> None:
        """Write the tables and the attention weights."""
        model, p, H = self.model, self.p, self.model.d_mlp
        W_E, W_pos, W_in = params["embed.W_E"], params["pos_embed.W_pos"], params["blocks.0.mlp.W_in"]
        W_Q, W_K, W_V, W_O = (params[f"blocks.0.attn.W_{name}"] for name in "QKVO")
        self.x_RD = torch.cat([W_E[:p] + W_pos[0], W_E[:p] + W_pos[1], W_E[p:] + W_pos[2]])
        self.k_nRd, self.v_nRd = self.x_RD @ W_K, self.x_RD @ W_V
        self.q_nQd = self.x_RD[p:] @ W_Q / math.sqrt(model.d_head)  # of each b, and of "="
        q_nPd, own_nPd = self.q_nQd[:, :p], self.k_nRd[:, p : 2 * p]
        differences_nPP = q_nPd @ self.k_nRd[:, :p].mT - (q_nPd * own_nPd).sum(-1, keepdim=True)  # (h, b, a)
        torch.sigmoid(differences_nPP.permute(1, 2, 0).reshape(p * p, -1)[self.in_grid_B], out=self.A_2Bn2[1, :, :, 0])
        torch.sub(1, self.A_2Bn2[1, :, :, 0], out=self.A_2Bn2[1, :, :, 1])
        scores_Rn = (self.k_nRd @ self.q_nQd[:, -1, :, None])[..., 0].T
        scores_Bn3 = torch.stack([scores_Rn[self.a_B], scores_Rn[p + self.b_B], scores_Rn[-1:].expand(len(self.a_B), -1)], -1)
        A_Bn3 = torch.softmax(scores_Bn3, -1)
        self.A_equals_Bn = A_Bn3[..., 2]
        self.A_2Bn2[0] = A_Bn3[..., :2]

        torch.cat([W_O @ W_in, W_O], dim=2, out=self.OG_ndW)
        T_nRW, added_RW = self.T_XW[: self.n_rows].view(model.n_heads, 2 * p + 1, -1), self.T_XW[self.n_rows :]
        torch.bmm(self.v_nRd, self.OG_ndW, out=T_nRW)
        equals_n1W = T_nRW[:, -1:].clone()
        T_nRW -= equals_n1W
        torch.mm(self.x_RD, W_in, out=added_RW[:, :H])
        added_RW[:, H:] = self.x_RD
        added_RW += equals_n1W.sum((0, 1))
        if model.mlp_biases:
            added_RW[:, :H] += params["blocks.0.mlp.b_in"]
            added_RW[:, H:] += params["blocks.0.mlp.b_out"]

    def backward(self, params: Params, grads: Params, dT_XW: Tensor, dA_2Bn2: Tensor) -> None:
        """Write the gradients of embeddings, attention, W_in and biases of the first layer.

        Args:
            params: the weights, those of the last `forward`.
            grads: tensors by name.
            dT_XW: the derivative in the tables; it is changed.
            dA_2Bn2: the derivative in the attention weights.
        """
        model, p, H, D = self.model, self.p, self.model.d_mlp, self.model.d_model
        W_Q, W_K, W_V, W_O = (params[f"blocks.0.attn.W_{name}"] for name in "QKVO")
        W_in = params["blocks.0.mlp.W_in"]
        dT_nRW, dadded_RW = dT_XW[: self.n_rows].view(model.n_heads, 2 * p + 1, -1), dT_XW[self.n_rows :]
        dbias_W = dadded_RW.sum(0)
        dT_nRW[:, -1] = dbias_W - dT_nRW[:, :-1].sum(1)
        dv_nRd = dT_nRW @ self.OG_ndW.mT
        dOG_ndW = self.v_nRd.mT @ dT_nRW
        torch.add(dOG_ndW[:, :, H:], dOG_ndW[:, :, :H] @ W_in.T, out=grads["blocks.0.attn.W_O"])
        torch.mm(W_O.reshape(-1, D).T, dOG_ndW[:, :, :H].flatten(0, 1), out=grads["blocks.0.mlp.W_in"])
        grads["blocks.0.mlp.W_in"].addmm_(self.x_RD.T, dadded_RW[:, :H])
        if model.mlp_biases:
            grads["blocks.0.mlp.b_in"].copy_(dbias_W[:H])
            grads["blocks.0.mlp.b_out"].copy_(dbias_W[H:])

        # attention weights -> scores: the softmax at "=", the sigmoid at b
        weighted_Bn2 = dA_2Bn2[0] * self.A_2Bn2[0]
        total_Bn = weighted_Bn2.sum(-1)
        dscores_Bn2 = weighted_Bn2 - self.A_2Bn2[0] * total_Bn[..., None]
        dscores_Rn = torch.zeros(2 * p + 1, model.n_heads)
        dscores_Rn.index_add_(0, self.a_B, dscores_Bn2[..., 0]).index_add_(0, self.b_B + p, dscores_Bn2[..., 1])
        dscores_Rn[-1] = -(self.A_equals_Bn * total_Bn).sum(0)
        dgrid_Pn = torch.zeros(p * p, model.n_heads)
        dgrid_Pn[self.in_grid_B] = (dA_2Bn2[1, ..., 0] - dA_2Bn2[1, ..., 1]) * self.A_2Bn2[1].prod(-1)
        dscores_nPP = dgrid_Pn.view(p, p, -1).permute(2, 0, 1)  # (h, b, a)
        down_nP1 = -dscores_nPP.sum(2, keepdim=True)  # of the score of b with itself

        q_nPd, q_n1d, k_nRd = self.q_nQd[:, :p], self.q_nQd[:, p:], self.k_nRd
        dq_nPd = dscores_nPP @ k_nRd[:, :p] + down_nP1 * k_nRd[:, p : 2 * p]
        dq_nQd = torch.cat([dq_nPd, dscores_Rn.T[:, None] @ k_nRd], dim=1) / math.sqrt(model.d_head)
        dk_nRd = dscores_Rn.T[:, :, None] @ q_n1d
        dk_nRd[:, :p] += dscores_nPP.mT @ q_nPd
        dk_nRd[:, p : 2 * p] += down_nP1 * q_nPd
        for name, rows_RD, d_nRd in (("V", self.x_RD, dv_nRd), ("K", self.x_RD, dk_nRd), ("Q", self.x_RD[p:], dq_nQd)):
            torch.matmul(rows_RD.T, d_nRd, out=grads[f"blocks.0.attn.W_{name}"])
        dx_RD = torch.addmm(dadded_RW[:, H:], dadded_RW[:, :H], W_in.T)
        dx_RD += (dv_nRd @ W_V.mT).sum(0) + (dk_nRd @ W_K.mT).sum(0)
        dx_RD[p:] += (dq_nQd @ W_Q.mT).sum(0)
        torch.add(dx_RD[:p], dx_RD[p:-1], out=grads["embed.W_E"][:p])
        grads["embed.W_E"][p] = dx_RD[-1]
        grads["pos_embed.W_pos"].copy_(torch.stack([dx_RD[:p].sum(0), dx_RD[p:-1].sum(0), dx_RD[-1]]))
