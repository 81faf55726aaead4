"""The exact fast step of the one-layer transformer on [a, b] with an attention rate, with hand-written gradients.

Nothing is approximated. What `one_layer` says holds here too, with two differences: the network is read at b, so its query is a
table over b; and there are only two positions, whose attention weights are A_0 = alpha w + 1 - alpha and A_1 = 2 - alpha - A_0,
with w the sigmoid of the difference of their scores. With G = [W_in | W_U] and, for head h, the tables T_h = X W_V_h W_O_h G over
the rows [a at 0, b at 1], the pre-activations and the residual stream's share of the logits are

    Y[pair] = base[b] + sum_h  A_0h[pair] T_h[a] + A_1h[pair] T_h[b]               base = X_1 G + biases

a sparse matrix with 2 n_heads + 1 non-zeros a row, S, times the stacked tables. Pairs go through in blocks whose buffers fit a
processor's cache; they are allocated once, and `gradients` writes into the gradient vector that the optimizer reads.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from modaddlab.experiments.spec import LossDtype
from modaddlab.models.attention_rate import AttentionRateSpec
from modaddlab.training.steps.activation import activate_into, activation_backward_
from modaddlab.training.steps.objective import CrossEntropy, Params
from modaddlab.training.steps.sparse import csr, transposed

BLOCK_PAIRS = 512
"""Pairs of a block: with the default widths 1.2 MB of pre-activations and as much of their derivative."""


class TwoPositions:
    """Logits and gradients of a one-layer transformer with an attention rate on a fixed set of pairs.

    Args:
        model: the network; n_layers 1.
        p: the modulus.
        pairs_B2: int64 residues (a, b), shape (B, 2), none of them twice.
        labels_B: int64 right answers, shape (B,).
        loss_dtype: how the loss is computed.
    """

    def __init__(
        self, model: AttentionRateSpec, p: int, pairs_B2: Tensor, labels_B: Tensor, loss_dtype: LossDtype = "float64"
    ) -> None:
        self.model, self.p, self.n_pairs = model, p, len(pairs_B2)
        n, width = model.n_heads, -(-(model.d_mlp + p) // 16) * 16  # rows that begin where a processor's vectors do
        self.logit_columns = slice(model.d_mlp, model.d_mlp + p)
        self.T_XY = torch.empty((2 * n + 1) * p, width)
        self.dT_XY = torch.empty_like(self.T_XY)
        self.blocks = [
            _Block(n, p, pairs_B2[rows], labels_B[rows], loss_dtype) for rows in torch.arange(len(pairs_B2)).split(BLOCK_PAIRS)
        ]
        self.Y = torch.empty(min(BLOCK_PAIRS, self.n_pairs), width)
        self.dY, self.G_DY = torch.zeros_like(self.Y), torch.zeros(model.d_model, width)
        # ReLU works in place: its derivative can be read off its value
        self.hidden_BH = self.Y[:, : model.d_mlp] if model.activation == "relu" else torch.empty(len(self.Y), model.d_mlp)
        self.g_nPP = torch.zeros(n, p, p)

    @staticmethod
    def covers(model: AttentionRateSpec) -> bool:
        """Whether this step can train that network."""
        return model.n_layers == 1

    def logits(self, params: Params) -> Tensor:
        """Logits of every pair, shape (B, C)."""
        self._tables(params)
        return torch.cat([self._logits(block).clone() for block in self.blocks])

    def gradients(self, params: Params, grads: Params) -> Tensor:
        """Mean loss of all pairs; its gradient is written into `grads`, the same names and shapes as `params`.

        The chain rule runs backwards through `logits`; a variable dX is the loss's derivative in X.

        Returns:
            the loss, a scalar.
        """
        model, p, n, H, C = self.model, self.p, self.model.n_heads, self.model.d_mlp, self.logit_columns
        self._tables(params)
        dW_L_CH, losses = torch.zeros_like(self.W_L_CH), []
        for number, block in enumerate(self.blocks):
            B = block.n_pairs
            logits_BC, dY, hidden_BH = self._logits(block), self.dY[:B], self.hidden_BH[:B]
            losses.append(block.cross_entropy.loss_and_gradient_(logits_BC) * B)
            dlogits_BC = logits_BC.mul_(1 / self.n_pairs)
            dW_L_CH.addmm_(dlogits_BC.T, hidden_BH)
            torch.mm(dlogits_BC, self.W_L_CH, out=dY[:, :H])
            dY[:, C] = dlogits_BC
            activation_backward_(dY[:, :H], self.Y[:B, :H], model.activation)
            block.back_to_tables(dY, self.dT_XY, add=number > 0)
            if model.attention_rate:
                block.back_to_attention(dY, self.T_XY, self.g_nPP)

        # tables
        W_Q, W_K, W_V, W_O = (params[f"blocks.0.attn.W_{name}"] for name in "QKVO")
        W_out, W_U = params["blocks.0.mlp.W_out"], params["unembed.W_U"]
        dT_nRY, dbase_PY = self.dT_XY[: 2 * n * p].view(n, 2 * p, -1), self.dT_XY[2 * n * p :]
        dv_nRd = dT_nRY @ self.OG_ndY.mT
        dOG_ndY = self.v_nRd.mT @ dT_nRY
        torch.matmul(dOG_ndY, self.G_DY.T, out=grads["blocks.0.attn.W_O"])
        dG_DY = self.x_RD[p:].T @ dbase_PY
        dG_DY.addmm_(W_O.reshape(-1, model.d_model).T, dOG_ndY.reshape(-1, dOG_ndY.shape[-1]))
        dbase_Y = dbase_PY.sum(0)
        grads["blocks.0.mlp.W_in"].copy_(dG_DY[:, :H])
        torch.addmm(dG_DY[:, C], W_out.T, dW_L_CH.T, out=grads["unembed.W_U"])
        torch.mm(dW_L_CH.T, W_U.T, out=grads["blocks.0.mlp.W_out"])
        grads["blocks.0.mlp.b_in"].copy_(dbase_Y[:H])
        torch.mv(W_U, dbase_Y[C], out=grads["blocks.0.mlp.b_out"])
        grads["unembed.W_U"].addr_(params["blocks.0.mlp.b_out"], dbase_Y[C])

        # values, and the residual stream that all read
        torch.matmul(self.x_RD.T, dv_nRd, out=grads["blocks.0.attn.W_V"])
        dx_RD = torch.bmm(dv_nRd, W_V.mT).sum(0)
        dx_RD[p:] += dbase_PY @ self.G_DY.T

        # attention weights -> difference of the scores (sigmoid) -> queries at b, keys at both
        if model.attention_rate:
            dscores_nPP = self.g_nPP * self.slope_nPP  # (h, a, b): of the score of a; of that of b its negative
            own_nP1 = -dscores_nPP.sum(1)[:, :, None]
            dq_nPd = (dscores_nPP.mT @ self.k_nRd[:, :p] + own_nP1 * self.k_nRd[:, p:]) / math.sqrt(model.d_head)
            dk_nRd = torch.cat([dscores_nPP @ self.q_nPd, own_nP1 * self.q_nPd], dim=1)
            torch.matmul(self.x_RD.T, dk_nRd, out=grads["blocks.0.attn.W_K"])
            torch.matmul(self.x_RD[p:].T, dq_nPd, out=grads["blocks.0.attn.W_Q"])
            dx_RD += torch.bmm(dk_nRd, W_K.mT).sum(0)
            dx_RD[p:] += torch.bmm(dq_nPd, W_Q.mT).sum(0)
        else:
            grads["blocks.0.attn.W_K"].zero_()
            grads["blocks.0.attn.W_Q"].zero_()

        torch.add(dx_RD[:p], dx_RD[p:], out=grads["embed.W_E"])
        torch.sum(dx_RD.view(2, p, -1), dim=1, out=grads["pos_embed.W_pos"])
        return torch.stack(losses).sum() / self.n_pairs

    def _tables(self, params: Params) -> None:
        """What all pairs share: the stacked tables, the attention weights and W_L."""
        model, p, n, H, C = self.model, self.p, self.model.n_heads, self.model.d_mlp, self.logit_columns
        W_in, W_out, W_U = params["blocks.0.mlp.W_in"], params["blocks.0.mlp.W_out"], params["unembed.W_U"]
        W_Q, W_K, W_V, W_O = (params[f"blocks.0.attn.W_{name}"] for name in "QKVO")
        # x: the residual stream before attention, a row for each of [a at 0, b at 1]
        self.x_RD = (params["embed.W_E"] + params["pos_embed.W_pos"][:, None]).flatten(0, 1)
        self.A_2nPP = torch.ones(2, n, p, p)
        if model.attention_rate:
            self.k_nRd, self.q_nPd = self.x_RD @ W_K, self.x_RD[p:] @ W_Q / math.sqrt(model.d_head)
            scores_nPP = self.k_nRd[:, :p] @ self.q_nPd.mT
            w_nPP = torch.sigmoid(scores_nPP - (self.k_nRd[:, p:] * self.q_nPd).sum(-1)[:, None])
            self.slope_nPP = model.attention_rate * w_nPP * (1 - w_nPP)
            torch.stack([w_nPP, 1 - w_nPP], out=self.A_2nPP)
            self.A_2nPP.mul_(model.attention_rate).add_(1 - model.attention_rate)
        self.v_nRd = self.x_RD @ W_V
        self.G_DY[:, :H], self.G_DY[:, C] = W_in, W_U
        self.OG_ndY = W_O @ self.G_DY
        torch.bmm(self.v_nRd, self.OG_ndY, out=self.T_XY[: 2 * n * p].view(n, 2 * p, -1))
        base_PY = self.T_XY[2 * n * p :]
        torch.mm(self.x_RD[p:], self.G_DY, out=base_PY)
        base_PY[:, :H] += params["blocks.0.mlp.b_in"]
        base_PY[:, C] += params["blocks.0.mlp.b_out"] @ W_U
        self.W_L_CH = (W_out @ W_U).T.contiguous()

    def _logits(self, block: _Block) -> Tensor:
        """The logits of a block's pairs, (B, C). They and the hidden neurons stay in their buffers until the next call."""
        H, Y, hidden_BH = self.model.d_mlp, self.Y[: block.n_pairs], self.hidden_BH[: block.n_pairs]
        block.into_pairs(self.A_2nPP, self.T_XY, Y)
        activate_into(Y[:, :H], self.model.activation, out=hidden_BH)
        return torch.addmm(Y[:, self.logit_columns], hidden_BH, self.W_L_CH.T, out=block.logits_BC)


class _Block:
    """Some pairs with their rows of S.

    Args:
        n: heads.
        p: the modulus.
        pairs_B2: int64 residues (a, b), shape (B, 2).
        labels_B: int64 right answers, shape (B,).
        dtype: how the loss is computed.
    """

    def __init__(self, n: int, p: int, pairs_B2: Tensor, labels_B: Tensor, dtype: LossDtype) -> None:
        B = self.n_pairs = len(pairs_B2)
        # the columns of S: for each head a, then p + b; at the end base
        rows_B2 = pairs_B2 + torch.tensor([0, p])
        columns_BX = (rows_B2[:, :, None] + 2 * p * torch.arange(n)).flatten(1)
        with_base_BX = torch.cat([columns_BX, 2 * n * p + pairs_B2[:, 1:]], dim=1)
        self.S, self.S_sampled = csr(with_base_BX, (2 * n + 1) * p), csr(columns_BX, 2 * n * p)
        self.S_T, self.transposed_order = transposed(with_base_BX, (2 * n + 1) * p)
        self.S.values().fill_(1)
        # where each value of S stands in A_2nPP, and those of one position in g_nPP
        grid_B = pairs_B2[:, 0] * p + pairs_B2[:, 1]
        self.in_A_BX = (grid_B[:, None] + p * p * torch.arange(2 * n)).contiguous()
        self.in_g_Bn = self.in_A_BX[:, :n].contiguous()
        self.cross_entropy = CrossEntropy(labels_B, p, dtype)
        self.logits_BC = torch.empty(B, p)

    def into_pairs(self, A_2nPP: Tensor, T_XY: Tensor, Y: Tensor) -> None:
        """Y = S T."""
        self.S.values().view(self.n_pairs, -1)[:, :-1] = A_2nPP.view(-1)[self.in_A_BX]
        torch.addmm(Y, self.S, T_XY, beta=0, out=Y)

    def back_to_tables(self, dY: Tensor, dT_XY: Tensor, *, add: bool) -> None:
        """dT = S^T dY, added to what is there or not."""
        torch.index_select(self.S.values(), 0, self.transposed_order, out=self.S_T.values())
        torch.addmm(dT_XY, self.S_T, dY, beta=int(add), out=dT_XY)

    def back_to_attention(self, dY: Tensor, T_XY: Tensor, g_nPP: Tensor) -> None:
        """The derivative in A_0 less that in A_1, written where the pairs stand in (n, P, P)."""
        n = self.in_g_Bn.shape[1]
        torch.sparse.sampled_addmm(self.S_sampled, dY, T_XY[: self.S_sampled.shape[1]].T, beta=0.0, out=self.S_sampled)
        dA_B2n = self.S_sampled.values().view(self.n_pairs, 2, n)
        g_nPP.view(-1)[self.in_g_Bn] = dA_B2n[:, 0] - dA_B2n[:, 1]
