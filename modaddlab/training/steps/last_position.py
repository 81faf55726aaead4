"""The exact step of every other transformer (LayerNorm, dropout, no causal mask, minibatches, GPU), with autograd.

The same facts as in `one_layer` are used as far as they hold there. Each position's residual stream is kept as a table of
its distinct rows and, per pair, the row that it reads: before the first layer p rows at positions 0 and 1 and a single one
at "="; with a causal mask position 0 stays a table of p rows for good, since it sees nothing but its own token.
Projections are done on tables and gathered. In the last layer only the final position is computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from modaddlab.experiments.spec import LossDtype
from modaddlab.models.network import activate
from modaddlab.models.transformer import N_POSITIONS, TransformerSpec, layer_norm
from modaddlab.training.steps.objective import Params, autograd_gradients


@dataclass(frozen=True)
class _Rows:
    """Values at one position: a table (R, ...) and the row that each pair reads (B,); no index: row i belongs to pair i."""

    table: Tensor
    index: Tensor | None

    def map(self, function: Callable[[Tensor], Tensor]) -> _Rows:
        return _Rows(function(self.table), self.index)

    def per_pair(self) -> Tensor:
        return self.table if self.index is None else self.table[self.index]


class LastPosition:
    """Logits and gradients of any transformer of `TransformerSpec` on a set of pairs.

    Args:
        model: the network.
        p: the modulus.
        pairs_B2: int64 residues (a, b), shape (B, 2), on the device of the parameters.
        labels_B: int64 right answers, shape (B,).
        loss_dtype: how the loss is computed.
    """

    def __init__(
        self, model: TransformerSpec, p: int, pairs_B2: Tensor, labels_B: Tensor, loss_dtype: LossDtype = "float64"
    ) -> None:
        self.model, self.p, self.pairs_B2, self.labels_B = model, p, pairs_B2, labels_B
        self.loss_dtype: LossDtype = loss_dtype

    def logits(self, params: Params, dropout: torch.Generator | None = None) -> Tensor:
        """Logits at "=", shape (B, C).

        Args:
            params: tensors by name.
            dropout: when given, hidden neurons are dropped with probability `model.dropout` and the rest scaled up.
        """
        model, p = self.model, self.p
        W_E, W_pos = params["embed.W_E"], params["pos_embed.W_pos"]
        equals_B = torch.zeros_like(self.pairs_B2[:, 0])
        stream = [
            _Rows(W_E[:p] + W_pos[0], self.pairs_B2[:, 0]),
            _Rows(W_E[:p] + W_pos[1], self.pairs_B2[:, 1]),
            _Rows(W_E[p:] + W_pos[2], equals_B),
        ]
        for i in range(model.n_layers):
            weights = {k.removeprefix(f"blocks.{i}."): v for k, v in params.items() if k.startswith(f"blocks.{i}.")}
            positions = [N_POSITIONS - 1] if i == model.n_layers - 1 else range(N_POSITIONS)
            attended = [self._attention(stream, position, weights) for position in positions]
            stream = [rows.map(lambda x, w=weights: self._mlp(x, w, dropout)) for rows in attended]
        last_BD = stream[-1].per_pair()
        if model.layer_norm:
            last_BD = layer_norm(last_BD, params["ln_final.w"], params["ln_final.b"])
        return last_BD @ params["unembed.W_U"]

    def gradients(self, params: Params, grads: Params, dropout: torch.Generator | None = None) -> Tensor:
        """Mean loss of all pairs (a scalar); its gradient is written into `grads`."""
        return autograd_gradients(lambda leaves: self.logits(leaves, dropout), params, self.labels_B, self.loss_dtype, grads)

    def _attention(self, stream: list[_Rows], position: int, weights: Params) -> _Rows:
        """The residual stream at `position` after attention."""
        model = self.model
        sources = stream[: position + 1] if model.causal else stream
        read = [rows.map(lambda x: self._normed(x, weights, "ln1")) for rows in sources]
        values = [rows.map(lambda x: torch.einsum("rd,nde->rne", x, weights["attn.W_V"])) for rows in read]
        W_O = weights["attn.W_O"].reshape(-1, model.d_model)
        if len(sources) == 1:
            return _Rows(stream[position].table + values[0].table.flatten(1) @ W_O, stream[position].index)

        query = read[position].map(lambda x: torch.einsum("rd,nde->rne", x, weights["attn.W_Q"]))
        scores = []
        for rows in read:
            key = rows.map(lambda x: torch.einsum("rd,nde->rne", x, weights["attn.W_K"]))
            if len(query.table) == 1:  # one query for all pairs: a table of scores
                scores.append(key.map(lambda k: (k * query.table).sum(-1)).per_pair())
            else:
                scores.append((key.per_pair() * query.per_pair()).sum(-1))
        pattern_BnS = torch.softmax(torch.stack(scores, dim=-1) / math.sqrt(model.d_head), dim=-1)
        z_Bnd = torch.stack([pattern_BnS[..., s, None] * rows.per_pair() for s, rows in enumerate(values)]).sum(0)
        return _Rows(stream[position].per_pair() + z_Bnd.flatten(1) @ W_O, None)

    def _mlp(self, x_RD: Tensor, weights: Params, dropout: torch.Generator | None) -> Tensor:
        """The residual stream after the MLP, row by row."""
        pre_RH = self._normed(x_RD, weights, "ln2") @ weights["mlp.W_in"]
        if self.model.mlp_biases:
            pre_RH = pre_RH + weights["mlp.b_in"]
        post_RH = activate(pre_RH, self.model.activation)
        if dropout is not None and self.model.dropout:
            kept = torch.rand(post_RH.shape, generator=dropout, device=post_RH.device) >= self.model.dropout
            post_RH = post_RH * kept / (1 - self.model.dropout)
        out_RD = post_RH @ weights["mlp.W_out"]
        return x_RD + (out_RD + weights["mlp.b_out"] if self.model.mlp_biases else out_RD)

    def _normed(self, x_RD: Tensor, weights: Params, name: str) -> Tensor:
        return layer_norm(x_RD, weights[f"{name}.w"], weights[f"{name}.b"]) if self.model.layer_norm else x_RD
