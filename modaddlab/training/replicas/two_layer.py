"""The exact step of several two-layer networks at once, on one core: `modaddlab.training.steps.two_layer` for stacked replicas.

The two facts that make a single network's step cheap hold here too: the pre-activations are a sparse sum of rows of theta^T, and
each unordered pair is computed once. What is different:

1. Side by side. theta^T of the replicas lies in one matrix with P rows, R * H columns, and so do the hidden neurons. One sparse
   product gives the pre-activations of all replicas, one more brings the gradient back; the nonlinearity, the softmax, the update
   and the metrics are one call each. Small networks, whose calls cost more than their arithmetic, gain most.
2. Splits are weights. Replicas have different training pairs, and still share one matrix: every pair is computed, and its
   derivative in the logits, (n softmax - t) / n_train, is zero for a replica that does not train on it. A network so large that
   a cache holds the neurons of just one gets a matrix of its own training pairs.
3. The softmax is taken along contiguous memory, and the dense products are arranged so that no result has as few as p columns.
   A lone network's products go to oneDNN where torch has it: where MKL does not use AVX-512 it takes two thirds of the time.

How many replicas a block holds at most depends on the network's shape alone. The weights of a replica have the same
bits whoever else is in its block.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from modaddlab import tasks
from modaddlab.experiments.spec import RunSpec, TwoLayerSpec
from modaddlab.training.measures import Row
from modaddlab.training.replicas.measures import StackedMeasures
from modaddlab.training.replicas.stack import Stack
from modaddlab.training.steps.activation import activate_into, activation_backward_

BLOCK_NUMBERS = 2**18
"""Hidden activations of a block: 1 MB in float32."""


def capacity(spec: RunSpec) -> int:
    """How many networks of that shape one block holds."""
    p = spec.task.p
    return max(1, BLOCK_NUMBERS // (p * (p + 1) // 2 * spec.model.d_mlp))


class TwoLayerBlock:
    """Gradients and metrics of R two-layer networks with the same shape, each on its own split; on the CPU.

    Args:
        specs: the runs, at most `capacity` of them.

    Attributes:
        stack: weights and gradients.
    """

    def __init__(self, specs: Sequence[RunSpec]) -> None:
        model, p = specs[0].model, specs[0].task.p
        assert isinstance(model, TwoLayerSpec)
        self.model, self.p, R = model, p, len(specs)
        self.alone = capacity(specs[0]) == 1
        side_by_side, by_columns = (1, 0, 2), (0, 2, 1)
        self.learned = model.d_model is not None
        orders = {"mlp.W_out": by_columns} | ({} if self.learned else {"mlp.W_in": side_by_side})
        self.stack = Stack(specs, torch.device("cpu"), orders)
        self.measures = StackedMeasures(specs, torch.device("cpu"))
        params, grads, H = self.stack.params, self.stack.grads, model.d_mlp
        if self.learned:
            self.theta_PX, self.dtheta_PX = torch.empty(p, R * H), torch.empty(p, R * H)
            self.theta_RPH, self.dtheta_RPH = (value.view(p, R, H).permute(1, 0, 2) for value in (self.theta_PX, self.dtheta_PX))
        else:
            self.theta_PX, self.dtheta_PX = (part["mlp.W_in"].permute(1, 0, 2).view(p, R * H) for part in (params, grads))
        self.xi_RCH, self.dxi_RCH = params["mlp.W_out"].mT, grads["mlp.W_out"].mT
        self._prepare_pairs(specs)

        U = len(self.low_U)
        pre_UX, dhidden_UX = torch.empty(U, R * H), torch.empty(U, R * H)
        # ReLU works in place: its derivative can be read off its value
        hidden_UX = pre_UX if model.activation == "relu" else torch.empty_like(pre_UX)
        self.buffers_UX = pre_UX, hidden_UX, dhidden_UX
        dtype = getattr(torch, specs[0].loss_dtype)
        self.logits_RCU, self.wide_RCU = torch.empty(R, p, U), torch.empty(R, p, self.n_trained, dtype=dtype)
        self.probabilities_RCU, self.dlogits_RCU = torch.empty_like(self.wide_RCU), torch.empty(R, p, self.n_trained)

    def _prepare_pairs(self, specs: Sequence[RunSpec]) -> None:
        """The unordered pairs, those that are trained on first, their sparse matrices, and each replica's weights."""
        p, R, dtype = self.p, len(specs), getattr(torch, specs[0].loss_dtype)
        low_U, high_U = np.triu_indices(p)
        a_B, b_B = tasks.all_pairs(p).T
        unordered_PP = np.zeros((p, p), np.int64)
        unordered_PP[low_U, high_U] = unordered_PP[high_U, low_U] = np.arange(len(low_U))
        pair_B = unordered_PP[a_B, b_B]
        trained_U = np.ones(len(low_U), dtype=bool)
        if self.alone:
            trained_U[:] = False
            trained_U[pair_B[self.measures.train_RB[0].numpy()]] = True
        order_U = np.argsort(~trained_U, kind="stable")
        self.low_U, self.high_U, self.n_trained = low_U[order_U], high_U[order_U], int(trained_U.sum())
        pair_B = np.argsort(order_U)[pair_B]
        self.pair_B = torch.tensor(pair_B)

        S = np.zeros((len(order_U), p), np.float32)
        for end_U in (self.low_U, self.high_U):
            S[np.arange(len(S)), end_U] += 1
        self.S_all, self.S, self.S_T = _csr(S), _csr(S[: self.n_trained]), _csr(S[: self.n_trained].T)

        t_RCU = np.zeros((R, p, self.n_trained))
        for r in range(R):
            train_B = self.measures.train_RB[r].numpy()
            np.add.at(t_RCU[r], (self.measures.labels_RB[r].numpy()[train_B], pair_B[train_B]), 1 / self.measures.n_train)
        self.minus_t_RCU = torch.tensor(-t_RCU).to(dtype)
        self.n_R1U = -self.minus_t_RCU.sum(dim=1, keepdim=True)

    def gradients(self) -> None:
        """Write the gradient of each replica's mean loss into the stack."""
        model, params, grads, R = self.model, self.stack.params, self.stack.grads, self.stack.n_replicas
        pre_UX, hidden_UX, dhidden_UX = (buffer[: self.n_trained] for buffer in self.buffers_UX)
        logits_RCU = self._logits(self.S)
        torch.softmax(self.wide_RCU.copy_(logits_RCU), dim=1, out=self.probabilities_RCU)
        torch.addcmul(self.minus_t_RCU, self.probabilities_RCU, self.n_R1U, out=self.dlogits_RCU)
        if self.alone:
            dlogits_CU = self.dlogits_RCU[0]
            self.dxi_RCH[0].copy_(_product(dlogits_CU, hidden_UX.T))
            dhidden_UX = _product(dlogits_CU.T.contiguous(), self.xi_RCH[0].T)
        else:
            hidden_RUH, dhidden_RUH = (value.view(self.n_trained, R, -1).permute(1, 0, 2) for value in (hidden_UX, dhidden_UX))
            torch.bmm(self.dlogits_RCU, hidden_RUH, out=self.dxi_RCH)
            torch.bmm(self.dlogits_RCU.mT, self.xi_RCH, out=dhidden_RUH)
        activation_backward_(dhidden_UX, pre_UX, model.activation)
        torch.addmm(self.dtheta_PX, self.S_T, dhidden_UX, beta=0, out=self.dtheta_PX)
        if self.learned:
            torch.bmm(params["embed.W_E"].mT, self.dtheta_RPH, out=grads["mlp.W_in"])
            torch.bmm(self.dtheta_RPH, params["mlp.W_in"].mT, out=grads["embed.W_E"])

    def rows(self, step: int) -> list[Row]:
        """A row of metrics for each replica, after `gradients` at these weights."""
        logits_RCU = self._logits(self.S_all).double()
        labels_RB = self.measures.labels_RB
        total_RU, best_RU = torch.logsumexp(logits_RCU, dim=1), logits_RCU.argmax(dim=1)
        right_logit_RB = logits_RCU.flatten(1).gather(1, labels_RB * len(self.low_U) + self.pair_B)
        loss_RB = total_RU[:, self.pair_B] - right_logit_RB
        right_RB = best_RU[:, self.pair_B] == labels_RB
        terms_RCU = torch.where(self.minus_t_RCU < 0, self.minus_t_RCU * self.probabilities_RCU.log(), 0.0)
        objective_R = terms_RCU.flatten(1).sum(dim=1).double()
        return self.measures.rows(step, self.stack, right_RB, loss_RB, objective_R)

    def _logits(self, S: Tensor) -> Tensor:
        """The logits of the pairs in a sparse matrix, (R, C, U'); they and the hidden neurons stay in their buffers."""
        n, R = S.shape[0], self.stack.n_replicas
        pre_UX, hidden_UX = self.buffers_UX[0][:n], self.buffers_UX[1][:n]
        if self.learned:
            torch.bmm(self.stack.params["embed.W_E"], self.stack.params["mlp.W_in"], out=self.theta_RPH)
        torch.addmm(pre_UX, S, self.theta_PX, beta=0, out=pre_UX)
        activate_into(pre_UX, self.model.activation, out=hidden_UX)
        if self.alone:
            return _product(self.xi_RCH[0], hidden_UX)[None]
        hidden_RHU = hidden_UX.view(n, R, -1).permute(1, 2, 0)
        return torch.bmm(self.xi_RCH, hidden_RHU, out=self.logits_RCU[:, :, :n])


def _product(x_XK: Tensor, y_YK: Tensor) -> Tensor:
    """x y^T, float32, in a new tensor."""
    if torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return torch.ops.mkldnn._linear_pointwise(x_XK, y_YK, None, "none", [], "")
    return x_XK @ y_YK.T


def _csr(matrix: np.ndarray) -> Tensor:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")
        return torch.tensor(np.ascontiguousarray(matrix)).to_sparse_csr()
