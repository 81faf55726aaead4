"""The exact fast step of the two-layer network, with hand-written gradients.

Nothing is approximated; two facts about the model make it cheap.

1. The inputs are one-hot, so the hidden layer needs no matrix product: the pre-activations of a pair are the sum of two rows
   of theta^T. That is a sparse matrix with the value 1 (2 where a = b) in the columns a and b, S, times theta^T; its transpose
   carries the gradient back.
2. The sum is symmetric: (a, b) and (b, a) have the same hidden neurons and logits. Each unordered pair is computed once. Its
   derivative in the logits is n softmax - t, where n (1 or 2) counts how many of its orderings are in the set, and t
   has a 1 for the right answer of each of them; where the operation is not symmetric these answers differ.

What stays dense per unordered pair is hidden @ xi and its two backward products. The softmax is taken of the transposed logits,
along contiguous memory. Pairs go through in blocks whose buffers fit a processor's cache; they are allocated once, and
`gradients` writes into the gradient vector that the optimizer reads.
"""

from __future__ import annotations

import warnings

import numpy as np
import torch
from torch import Tensor

from modaddlab.models.two_layer import TwoLayerSpec, theta_of
from modaddlab.training.steps.activation import activate_into, activation_backward_
from modaddlab.training.steps.objective import Params

BLOCK_NUMBERS = 2**18
"""Hidden activations of a block: 1 MB in float32."""


class UnorderedPairs:
    """Logits and gradients of a two-layer network on a fixed set of ordered pairs, each unordered one computed once.

    An entry is an unordered pair with one right answer: for a symmetric operation there is one to a pair.

    Args:
        model: the network.
        p: the modulus.
        pairs_B2: int64 residues (a, b), shape (B, 2).
        labels_B: int64 right answers, shape (B,).
        loss_dtype: precision of the log-softmax.
    """

    def __init__(
        self, model: TwoLayerSpec, p: int, pairs_B2: Tensor, labels_B: Tensor, loss_dtype: torch.dtype = torch.float64
    ) -> None:
        self.model, self.p, self.n_ordered = model, p, len(pairs_B2)
        low_B, high_B = pairs_B2.numpy().min(axis=1), pairs_B2.numpy().max(axis=1)
        keys_U, pair_of_B = np.unique(low_B * p + high_B, return_inverse=True)
        entries_E, entry_of_B, counts_E = np.unique(
            pair_of_B * p + labels_B.numpy(), return_inverse=True, return_counts=True
        )
        self.pair_of_ordered_B, self.entry_of_ordered_B = torch.tensor(pair_of_B), torch.tensor(entry_of_B)
        self.n_entries = len(entries_E)
        rows = min(len(keys_U), max(32, BLOCK_NUMBERS // model.d_mlp))
        # ReLU works in place: its derivative can be read off its value
        pre_UH, dhidden_UH = torch.empty(rows, model.d_mlp), torch.empty(rows, model.d_mlp)
        hidden_UH = pre_UH if model.activation == "relu" else torch.empty_like(pre_UH)
        self.blocks = []
        for start in range(0, len(keys_U), rows):
            stop = min(start + rows, len(keys_U))
            chosen = slice(*np.searchsorted(entries_E, [start * p, stop * p]))
            pair_E, label_E = np.divmod(entries_E[chosen] - start * p, p)
            block = _Block(np.divmod(keys_U[start:stop], p), pair_E, label_E, counts_E[chosen], p, loss_dtype)
            block.buffers_UH = tuple(buffer[: stop - start] for buffer in (pre_UH, hidden_UH, dhidden_UH))
            self.blocks.append(block)
        if model.d_model is not None:
            self.dtheta_PH = torch.empty(p, model.d_mlp)

    def gradients(self, params: Params, grads: Params, *, with_loss: bool = True) -> Tensor | None:
        """Mean loss of all ordered pairs; its gradient is written into `grads`, the same names and shapes as `params`.

        Returns:
            the loss, a scalar in `loss_dtype`, when asked for.
        """
        theta_PH, xi_HC, dxi_CH = theta_of(params), params["mlp.W_out"], grads["mlp.W_out"].T
        learned, scale = self.model.d_model is not None, 1 / self.n_ordered
        dtheta_PH = self.dtheta_PH if learned else grads["mlp.W_in"]
        losses = []
        for number, block in enumerate(self.blocks):
            kept = 0 if number == 0 else 1  # whether the blocks before are kept in the sums
            self._hidden_and_logits(block, theta_PH, xi_HC)
            pre_UH, hidden_UH, dhidden_UH = block.buffers_UH
            dlogits_CU = block.derivative()
            if with_loss:
                losses.append(block.loss())
            torch.addmm(dxi_CH, dlogits_CU, hidden_UH, beta=kept, alpha=scale, out=dxi_CH)
            torch.addmm(dhidden_UH, dlogits_CU.T, xi_HC.T, beta=0, alpha=scale, out=dhidden_UH)
            activation_backward_(dhidden_UH, pre_UH, self.model.activation)
            torch.addmm(dtheta_PH, block.S_T, dhidden_UH, beta=kept, out=dtheta_PH)
        if learned:
            torch.mm(params["embed.W_E"].T, dtheta_PH, out=grads["mlp.W_in"])
            torch.mm(dtheta_PH, params["mlp.W_in"].T, out=grads["embed.W_E"])
        return torch.stack(losses).sum() * scale if with_loss else None

    def logits(self, params: Params) -> Tensor:
        """Logits of every ordered pair, shape (B, C)."""
        theta_PH, xi_HC = theta_of(params), params["mlp.W_out"]
        logits_UC = torch.cat([self._hidden_and_logits(block, theta_PH, xi_HC).clone() for block in self.blocks])
        return logits_UC[self.pair_of_ordered_B]

    def right_and_loss(self, params: Params) -> tuple[Tensor, Tensor]:
        """Per entry: whether the largest logit is the right one (bool) and the cross-entropy (float64), both of shape (E,)."""
        theta_PH, xi_HC = theta_of(params), params["mlp.W_out"]
        rights, losses = [], []
        for block in self.blocks:
            logits_UC = self._hidden_and_logits(block, theta_PH, xi_HC)
            rights.append(logits_UC.argmax(dim=1)[block.pair_E] == block.label_E)
            losses.append(-torch.log_softmax(logits_UC.double(), dim=1)[block.pair_E, block.label_E])
        return torch.cat(rights), torch.cat(losses)

    def _hidden_and_logits(self, block: _Block, theta_PH: Tensor, xi_HC: Tensor) -> Tensor:
        """The logits of a block's pairs, (U, C). They and the hidden neurons stay in their buffers until the next call."""
        pre_UH, hidden_UH, _ = block.buffers_UH
        torch.addmm(pre_UH, block.S, theta_PH, beta=0, out=pre_UH)
        activate_into(pre_UH, self.model.activation, out=hidden_UH)
        return torch.mm(hidden_UH, xi_HC, out=block.logits_UC)


class _Block:
    """Some unordered pairs with what is fixed about them, and the buffers of their logits.

    Args:
        ends: the two residues of each pair, (U,) each.
        pair_E: the pair of each entry.
        label_E: its right answer.
        count_E: how many ordered pairs it stands for.
        p: the modulus.
        dtype: precision of the softmax.
    """

    def __init__(
        self,
        ends: tuple[np.ndarray, np.ndarray],
        pair_E: np.ndarray,
        label_E: np.ndarray,
        count_E: np.ndarray,
        p: int,
        dtype: torch.dtype,
    ) -> None:
        U = self.n_pairs = len(ends[0])
        S = np.zeros((U, p), np.float32)
        for end_U in ends:
            S[np.arange(U), end_U] += 1
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")
            self.S, self.S_T = torch.tensor(S).to_sparse_csr(), torch.tensor(S.T.copy()).to_sparse_csr()
        self.pair_E, self.label_E, self.count_E = torch.tensor(pair_E), torch.tensor(label_E), torch.tensor(count_E, dtype=dtype)
        self.minus_t_CU = torch.zeros(p, U, dtype=dtype)
        self.minus_t_CU[self.label_E, self.pair_E] = -self.count_E
        self.n_U = -self.minus_t_CU.sum(dim=0)
        self.logits_UC = torch.empty(U, p)
        self.logits_CU, self.probabilities_CU = torch.empty(p, U, dtype=dtype), torch.empty(p, U, dtype=dtype)
        self.dlogits_CU = torch.empty(p, U)
        self.buffers_UH: tuple[Tensor, ...] = ()
        """Pre-activations, hidden neurons and the derivative in them, which the blocks share."""

    def derivative(self) -> Tensor:
        """The derivative of the summed loss in the logits, n softmax - t, computed in `dtype`; float32 of shape (C, U)."""
        self.logits_CU.copy_(self.logits_UC.T)
        torch.softmax(self.logits_CU, dim=0, out=self.probabilities_CU)
        return torch.addcmul(self.minus_t_CU, self.probabilities_CU, self.n_U, out=self.dlogits_CU)

    def loss(self) -> Tensor:
        """The loss summed over the ordered pairs, after `derivative`."""
        return -self.probabilities_CU[self.label_E, self.pair_E].log().dot(self.count_E)
