"""The exact fast step of the one-layer transformer, with hand-written gradients.

Nothing is approximated; three facts about the model make it cheap.

1. It is read at "=" alone, so only that position's query, MLP and unembedding matter. Its query is the same for all pairs.
2. Keys and values depend on a token and its position, so they are tables over the 2p + 1 rows [a at 0, b at 1, "=" at 2].
3. Everything up to the nonlinearity is linear in those tables. With G = [W_in | W_U], and for head h the table
   T_h = X W_V_h W_O_h G (2p + 1 rows, H + C columns), the pre-activations and the residual stream's share of the logits are

       Y[pair] = base + sum_h  A_h[pair, 0] (T_h[a] - T_h[=]) + A_h[pair, 1] (T_h[b] - T_h[=])

   because the attention weights A sum to one. That is a sparse matrix with 2 n_heads non-zeros a row, S, times the stacked
   differences: one CSR product forward; its transpose and a sampled dense-dense product (for dA) backward.

What stays dense per pair is hidden @ W_L, with W_L = W_out W_U (H, C), and its two backward products.

Buffers are allocated once; `gradients` writes into the gradient vector that the optimizer reads.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from modaddlab.experiments.spec import LossDtype
from modaddlab.models.transformer import TransformerSpec
from modaddlab.training.steps.activation import activate_into, activation_backward_
from modaddlab.training.steps.objective import CrossEntropy, Params
from modaddlab.training.steps.sparse import csr, transposed


class OneLayer:
    """Logits and gradients of a one-layer transformer without LayerNorm on a fixed set of pairs.

    Args:
        model: the network; n_layers 1, no LayerNorm, no dropout.
        p: the modulus.
        pairs_B2: int64 residues (a, b), shape (B, 2).
        labels_B: int64 right answers, shape (B,).
        loss_dtype: how the loss is computed.
    """

    def __init__(
        self, model: TransformerSpec, p: int, pairs_B2: Tensor, labels_B: Tensor, loss_dtype: LossDtype = "float64"
    ) -> None:
        if not self.covers(model):
            raise ValueError("OneLayer covers one layer without LayerNorm and dropout")
        self.model, self.p, self.n_pairs = model, p, len(pairs_B2)
        n, n_outputs = model.n_heads, p + 1 if model.predict_equals else p
        width = model.d_mlp + n_outputs
        self.cross_entropy = CrossEntropy(labels_B, n_outputs, loss_dtype)

        # Column h * (2p + 1) + t of S is row t of head h's table, t as in x_RD below: a, then p + b. The last column is base.
        self.n_rows, R = n * (2 * p + 1), 2 * p + 1
        self.columns_2nB = torch.stack([(torch.arange(n) * R)[:, None] + pairs_B2[:, 0],
                                        (torch.arange(n) * R)[:, None] + pairs_B2[:, 1] + p])  # fmt: skip
        columns_BX = self.columns_2nB.permute(2, 1, 0).reshape(self.n_pairs, 2 * n)
        base_column_B1 = torch.full((self.n_pairs, 1), self.n_rows)
        self.S = csr(torch.cat([columns_BX, base_column_B1], dim=1), self.n_rows + 1)
        self.S.values().view(self.n_pairs, -1)[:, -1] = 1
        self.S_sampled = csr(columns_BX, self.n_rows)
        self.S_T, order = transposed(columns_BX, self.n_rows)
        # where each value of S_T stands in A_2nB
        self.transposed_order = (order % 2 * n + order % (2 * n) // 2) * self.n_pairs + order // (2 * n)

        self.Y = torch.empty(self.n_pairs, width)
        self.T_XY = torch.empty(self.n_rows + 1, width)
        if model.activation != "relu":  # ReLU works in place: its derivative can be read off its value
            self.hidden_BH = torch.empty(self.n_pairs, model.d_mlp)

    @staticmethod
    def covers(model: TransformerSpec) -> bool:
        """Whether this step can train that network."""
        return model.n_layers == 1 and not model.layer_norm and not model.dropout

    def logits(self, params: Params) -> Tensor:
        """Logits of every pair, shape (B, C); the tensor is overwritten by the next call."""
        model, p, H = self.model, self.p, self.model.d_mlp
        W_in, W_out, W_U = params["blocks.0.mlp.W_in"], params["blocks.0.mlp.W_out"], params["unembed.W_U"]
        W_Q, W_K, W_V, W_O = (params[f"blocks.0.attn.W_{name}"] for name in "QKVO")
        W_E, W_pos = params["embed.W_E"], params["pos_embed.W_pos"]

        # x: the residual stream before attention, one row for each of [a at 0, b at 1, "=" at 2].
        self.x_RD = torch.cat([W_E[:p] + W_pos[0], W_E[:p] + W_pos[1], W_E[p:] + W_pos[2]])
        self.q_nd = torch.einsum("d,nde->ne", self.x_RD[-1], W_Q) / math.sqrt(model.d_head)
        self.w_nD = torch.einsum("nde,ne->nd", W_K, self.q_nd)
        scores_nR = self.w_nD @ self.x_RD.T
        scores_2nB = scores_nR.reshape(-1)[self.columns_2nB]
        scores_n1 = scores_nR[:, -1:]
        top_nB = torch.maximum(scores_2nB.amax(0), scores_n1)
        weights_2nB, weights_nB = torch.exp(scores_2nB - top_nB), torch.exp(scores_n1 - top_nB)
        total_nB = weights_2nB.sum(0) + weights_nB
        self.A_2nB, self.A_equals_nB = weights_2nB / total_nB, weights_nB / total_nB
        self.S.values().view(self.n_pairs, -1)[:, :-1].copy_(self.A_2nB.permute(2, 1, 0).reshape(self.n_pairs, -1))

        self.v_nRd = self.x_RD @ W_V
        self.G_DY = torch.cat([W_in, W_U], dim=1)
        self.OG_ndY = W_O @ self.G_DY
        T_nRY, base_Y = self.T_XY[:-1].view(model.n_heads, 2 * p + 1, -1), self.T_XY[-1]
        torch.bmm(self.v_nRd, self.OG_ndY, out=T_nRY)
        base_Y.copy_(self.x_RD[-1] @ self.G_DY + T_nRY[:, -1].sum(0))
        if model.mlp_biases:
            base_Y[:H] += params["blocks.0.mlp.b_in"]
            base_Y[H:] += params["blocks.0.mlp.b_out"] @ W_U
        T_nRY -= T_nRY[:, -1:].clone()

        torch.addmm(self.Y, self.S, self.T_XY, beta=0, out=self.Y)
        pre_BH, logits_BC = self.Y[:, :H], self.Y[:, H:]
        if model.activation == "relu":
            self.hidden_BH = pre_BH.relu_()
        else:
            activate_into(pre_BH, model.activation, out=self.hidden_BH)
        self.W_L_HC = W_out @ W_U
        return torch.addmm(logits_BC, self.hidden_BH, self.W_L_HC, out=logits_BC)

    def gradients(self, params: Params, grads: Params) -> Tensor:
        """Loss on all pairs; its gradient is written into `grads`, the same names and shapes as `params`.

        The chain rule runs backwards through `logits`; a variable dX is the loss's derivative in X.

        Returns:
            the loss, a scalar.
        """
        model, p, H = self.model, self.p, self.model.d_mlp
        n, R = model.n_heads, 2 * p + 1
        logits_BC = self.logits(params)
        if not hasattr(self, "dY"):
            self.dY, self.dT_XY = torch.empty_like(self.Y), torch.empty_like(self.T_XY[:-1])
        dhidden_BH, dlogits_BC = self.dY[:, :H], self.dY[:, H:]
        loss = self.cross_entropy.loss_and_gradient_(logits_BC)
        torch.mul(logits_BC, 1 / self.n_pairs, out=dlogits_BC)
        dW_L_HC = (dlogits_BC.T @ self.hidden_BH).T
        torch.mm(dlogits_BC, self.W_L_HC.T, out=dhidden_BH)
        activation_backward_(dhidden_BH, self.Y[:, :H], model.activation)  # dhidden becomes dpre, so dY is whole

        # Y = S T, the last row of T being base
        torch.index_select(self.A_2nB.view(-1), 0, self.transposed_order, out=self.S_T.values())
        torch.addmm(self.dT_XY, self.S_T, self.dY, beta=0, out=self.dT_XY)
        torch.sparse.sampled_addmm(self.S_sampled, self.dY, self.T_XY[:-1].T, beta=0.0, out=self.S_sampled)
        dA_2nB = self.S_sampled.values().view(self.n_pairs, n, 2).permute(2, 1, 0)
        dbase_Y = self.dY.sum(0)

        # attention weights -> scores (softmax), with the weight on "=" already eliminated
        weighted_2nB = dA_2nB * self.A_2nB
        total_nB = weighted_2nB.sum(0)
        dscores_2nB = weighted_2nB - self.A_2nB * total_nB
        dscores_nR = torch.zeros(n * R).index_add_(0, self.columns_2nB.reshape(-1), dscores_2nB.reshape(-1)).view(n, R)
        dscores_nR[:, -1] = -(self.A_equals_nB * total_nB).sum(1)

        # tables: T = v OG - its "=" row, base = x_= G + sum_h T_h[=] + biases
        dT_nRY = self.dT_XY.view(n, R, -1)
        dT_nRY[:, -1] = dbase_Y - dT_nRY[:, :-1].sum(1)
        dv_nRd = dT_nRY @ self.OG_ndY.mT
        dOG_ndY = self.v_nRd.mT @ dT_nRY
        W_Q, W_K, W_V, W_O = (params[f"blocks.0.attn.W_{name}"] for name in "QKVO")
        W_out, W_U = params["blocks.0.mlp.W_out"], params["unembed.W_U"]
        torch.matmul(dOG_ndY, self.G_DY.T, out=grads["blocks.0.attn.W_O"])
        dG_DY = W_O.reshape(-1, model.d_model).T @ dOG_ndY.reshape(-1, dOG_ndY.shape[-1])
        dG_DY.addr_(self.x_RD[-1], dbase_Y)
        grads["blocks.0.mlp.W_in"].copy_(dG_DY[:, :H])
        torch.addmm(dG_DY[:, H:], W_out.T, dW_L_HC, out=grads["unembed.W_U"])
        torch.mm(dW_L_HC, W_U.T, out=grads["blocks.0.mlp.W_out"])
        if model.mlp_biases:
            grads["blocks.0.mlp.b_in"].copy_(dbase_Y[:H])
            torch.mv(W_U, dbase_Y[H:], out=grads["blocks.0.mlp.b_out"])
            grads["unembed.W_U"].addr_(params["blocks.0.mlp.b_out"], dbase_Y[H:])

        # values, keys, the one query, and the residual stream that they all read
        torch.matmul(self.x_RD.T, dv_nRd, out=grads["blocks.0.attn.W_V"])
        dx_RD = torch.bmm(dv_nRd, W_V.mT).sum(0)
        dw_nD = dscores_nR @ self.x_RD
        dx_RD += dscores_nR.T @ self.w_nD
        torch.mul(dw_nD[:, :, None], self.q_nd[:, None, :], out=grads["blocks.0.attn.W_K"])
        dq_nd = torch.einsum("nde,nd->ne", W_K, dw_nD) / math.sqrt(model.d_head)
        torch.mul(self.x_RD[-1][None, :, None], dq_nd[:, None, :], out=grads["blocks.0.attn.W_Q"])
        dx_RD[-1] += self.G_DY @ dbase_Y + torch.einsum("nde,ne->d", W_Q, dq_nd)

        grads["embed.W_E"][:p] = dx_RD[:p] + dx_RD[p:-1]
        grads["embed.W_E"][p] = dx_RD[-1]
        grads["pos_embed.W_pos"].copy_(torch.stack([dx_RD[:p].sum(0), dx_RD[p:-1].sum(0), dx_RD[-1]]))
        return loss
