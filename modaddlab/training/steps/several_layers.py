"""The exact fast step of the causal transformer with two or three layers, with hand-written gradients.

Nothing is approximated. Three facts about the model make it fast:

1.  The first layer is a few tables and a sum of their rows for each pair (`first_layer`).
2.  With a causal mask position 0 knows a alone, through all layers: P rows; only b and "=" are rows of every pair.
3.  The network is read at "=": the last layer needs its keys and values everywhere, all else there alone, and its W_out is
    multiplied with W_U first, so that one product gives the logits: [hidden | stream] @ [W_out W_U ; W_U].

Pairs are sorted by a and go through in chunks of whole residues a, whose buffers fit a processor's cache. The rows of a chunk are
"=" of each pair, b of each pair, position 0 of each a. What is no dense product is compiled (`compiled.transformer_loops`).
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import torch
from torch import Tensor

from modaddlab.experiments.spec import LossDtype
from modaddlab.models.transformer import TransformerSpec
from modaddlab.training.compiled import kept
from modaddlab.training.compiled import transformer_loops as loops
from modaddlab.training.steps.activation import activation_backward_
from modaddlab.training.steps.first_layer import FirstLayer
from modaddlab.training.steps.objective import CrossEntropy, Params

CHUNK_PAIRS = 800
"""Pairs of a chunk, about; with the default widths 4 MB of the first layer's neurons and stream."""


class SeveralLayers:
    """Logits and gradients of a transformer of two or three layers on a fixed set of pairs.

    Args:
        model: the network; see `covers`.
        p: the modulus.
        pairs_B2: int64 residues (a, b), shape (B, 2), none of them twice.
        labels_B: int64 right answers, shape (B,).
        loss_dtype: how the loss is computed.
    """

    def __init__(
        self, model: TransformerSpec, p: int, pairs_B2: Tensor, labels_B: Tensor, loss_dtype: LossDtype = "float64"
    ) -> None:
        kept.load(loops, _use)
        order_B = torch.argsort(pairs_B2[:, 0] * p + pairs_B2[:, 1])
        self.inverse_B, pairs_B2, labels_B = torch.argsort(order_B), pairs_B2[order_B], labels_B[order_B]
        self.model, self.n_pairs, C = model, len(pairs_B2), p + 1 if model.predict_equals else p
        self.first = FirstLayer(model, p, pairs_B2)
        starts = np.searchsorted(pairs_B2[:, 0].numpy(), np.arange(p + 1))
        whole = np.searchsorted(starts, np.arange(CHUNK_PAIRS, self.n_pairs, CHUNK_PAIRS))
        cuts = np.unique([0, *whole, p])
        ranges = [range(low, high) for low, high in itertools.pairwise(cuts) if starts[high] > starts[low]]
        self.chunks = [_Chunk(model.n_heads, C, residues, starts, pairs_B2, labels_B, p, loss_dtype) for residues in ranges]
        self.n_rows, most = max(chunk.n_rows for chunk in self.chunks), max(chunk.n_pairs for chunk in self.chunks)
        self.Y = torch.empty(self.n_rows, model.d_mlp + model.d_model)
        self.layers = [
            _Layer(model, i, self.n_rows, most if i == model.n_layers - 1 else self.n_rows) for i in range(1, model.n_layers)
        ]
        self.logits_BC, self.W_LU_XC = torch.empty(self.n_pairs, C), torch.empty(model.d_mlp + model.d_model, C)

    @staticmethod
    def covers(model: TransformerSpec) -> bool:
        """Whether this step can train that network."""
        return model.n_layers > 1 and model.causal and model.activation == "relu" and not model.layer_norm and not model.dropout

    def logits(self, params: Params) -> Tensor:
        """Logits of every pair, shape (B, C)."""
        self._prepare(params)
        for chunk in self.chunks:
            self._forward(params, chunk)
        return self.logits_BC[self.inverse_B]

    def gradients(self, params: Params, grads: Params) -> Tensor:
        """Mean loss of all pairs; its gradient is written into `grads`, the same names and shapes as `params`.

        The chain rule runs backwards through `logits`; a variable dX is the loss's derivative in X.

        Returns:
            the loss, a scalar.
        """
        model, H, last = self.model, self.model.d_mlp, f"blocks.{self.model.n_layers - 1}.mlp"
        if not hasattr(self, "dY"):
            self.dY, self.dT_XW = torch.empty_like(self.Y), torch.empty_like(self.first.T_XW)
            self.dA_2Bn2, self.dW_LU_CX = torch.empty_like(self.first.A_2Bn2), torch.empty_like(self.W_LU_XC.T.contiguous())
        self._prepare(params)
        for total in (self.dT_XW, self.dW_LU_CX, grads["blocks.0.mlp.W_out"]):
            total.zero_()
        for layer in self.layers:
            layer.begin(grads)
        losses = []
        for chunk in self.chunks:
            self._forward(params, chunk)
            losses.append(chunk.cross_entropy.loss_and_gradient_(self.logits_BC[chunk.pairs]) * chunk.n_pairs)
            self._backward(params, grads, chunk)
        dW_LU_XC, W_U = self.dW_LU_CX.T, params["unembed.W_U"]
        torch.addmm(dW_LU_XC[H:], params[f"{last}.W_out"].T, dW_LU_XC[:H], out=grads["unembed.W_U"])
        torch.mm(dW_LU_XC[:H], W_U.T, out=grads[f"{last}.W_out"])
        if model.mlp_biases:
            dlogits_C = self.logits_BC.sum(0)
            torch.mv(W_U, dlogits_C, out=grads[f"{last}.b_out"])
            grads["unembed.W_U"].addr_(params[f"{last}.b_out"], dlogits_C)
        for layer in self.layers:
            layer.end(grads)
        self.first.backward(params, grads, self.dT_XW, self.dA_2Bn2)
        return torch.stack(losses).sum() / self.n_pairs

    def _prepare(self, params: Params) -> None:
        """What all chunks share: tables and products of weights."""
        H, last, W_U = self.model.d_mlp, f"blocks.{self.model.n_layers - 1}.mlp", params["unembed.W_U"]
        self.first.forward(params)
        for layer in self.layers:
            layer.prepare(params)
        torch.mm(params[f"{last}.W_out"], W_U, out=self.W_LU_XC[:H])
        self.W_LU_XC[H:] = W_U
        self.b_LU_C = params[f"{last}.b_out"] @ W_U if self.model.mlp_biases else None

    def _forward(self, params: Params, chunk: _Chunk) -> None:
        """The logits of a chunk's pairs; what its layers need backwards stays in their buffers."""
        Y, H = self.Y[: chunk.n_rows], self.model.d_mlp
        chunk.set_shares(self.first.A_2Bn2)
        loops.from_tables(self.first.T_XW.numpy(), chunk.columns, chunk.shares_Nn2.numpy(), chunk.base, H, Y.numpy())
        stream_ND = Y[:, H:]
        stream_ND.addmm_(Y[:, :H], params["blocks.0.mlp.W_out"])
        for layer in self.layers[:-1]:
            stream_ND = layer.stream_behind(layer.forward(stream_ND, chunk, chunk.n_rows))
        Z = self.layers[-1].forward(stream_ND, chunk, chunk.n_pairs)
        logits_BC = torch.mm(Z, self.W_LU_XC, out=self.logits_BC[chunk.pairs])
        if self.b_LU_C is not None:
            logits_BC += self.b_LU_C

    def _backward(self, params: Params, grads: Params, chunk: _Chunk) -> None:
        """From the derivative in a chunk's logits, times the number of all pairs, to what it adds to the gradients."""
        Y, dY, H = self.Y[: chunk.n_rows], self.dY[: chunk.n_rows], self.model.d_mlp
        dlogits_BC, last = self.logits_BC[chunk.pairs].mul_(1 / self.n_pairs), self.layers[-1]
        self.dW_LU_CX.addmm_(dlogits_BC.T, last.Z[: chunk.n_pairs])
        torch.mm(dlogits_BC, self.W_LU_XC.T, out=last.dZ[: chunk.n_pairs])
        for i, layer in reversed(list(enumerate(self.layers))):
            dstream_ND = self.layers[i - 1].dX[: chunk.n_rows] if i else dY[:, H:]
            layer.backward(grads, chunk, dstream_ND)
            if i:
                self.layers[i - 1].back_from_stream(grads, chunk.n_rows)
        grads["blocks.0.mlp.W_out"].addmm_(Y[:, :H].T, dY[:, H:])
        torch.mm(dY[:, H:], params["blocks.0.mlp.W_out"].T, out=dY[:, :H])
        tables, shares, dshares = self.first.T_XW.numpy(), chunk.shares_Nn2.numpy(), chunk.dshares_Nn2.numpy()
        loops.to_tables(tables, chunk.columns, shares, chunk.base, H, Y.numpy(), dY.numpy(), self.dT_XW.numpy(), dshares)
        chunk.get_dshares(self.dA_2Bn2)


class _Layer:
    """A layer behind the first: its weights, and buffers for the rows of one chunk.

    Args:
        model: the network.
        i: which layer, 1 or 2.
        n_rows: rows that it reads.
        n_queries: rows that it computes: "=" alone in the last layer.
    """

    def __init__(self, model: TransformerSpec, i: int, n_rows: int, n_queries: int) -> None:
        self.model, self.block, D, H, n = model, f"blocks.{i}", model.d_model, model.d_mlp, model.n_heads
        self.scale = np.float32(1 / math.sqrt(model.d_head))
        self.is_last = i == model.n_layers - 1
        self.KV, self.A = torch.empty(n_rows, 2 * D), torch.empty(n_queries, n, 3)
        self.q, self.z = torch.empty(n_queries, D), torch.empty(n_queries, D)
        self.Z, self.X = torch.empty(n_queries, H + D), torch.empty(0 if self.is_last else n_rows, D)
        self.dKV, self.dq, self.dz, self.dZ = (torch.empty_like(buffer) for buffer in (self.KV, self.q, self.z, self.Z))
        self.dX, self.dW_DX = torch.empty_like(self.X), torch.empty(D, 3 * D)

    def prepare(self, params: Params) -> None:
        """Take the weights of this step."""
        D = self.model.d_model
        self.W_Q, *W_KV = (params[f"{self.block}.attn.W_{name}"].permute(1, 0, 2).reshape(D, -1) for name in "QKV")
        self.W_KV, self.W_O = torch.cat(W_KV, dim=1), params[f"{self.block}.attn.W_O"].reshape(-1, D)
        self.W_in, self.W_out = params[f"{self.block}.mlp.W_in"], params[f"{self.block}.mlp.W_out"]
        self.b_in, self.b_out = params.get(f"{self.block}.mlp.b_in"), params.get(f"{self.block}.mlp.b_out")

    def forward(self, x_ND: Tensor, chunk: _Chunk, n_queries: int) -> Tensor:
        """The neurons and the stream between attention and MLP, (M, H + D), from the stream."""
        self.x_ND, M, H = x_ND, n_queries, self.model.d_mlp
        KV, q, z, A, Z = self.KV[: len(x_ND)], self.q[:M], self.z[:M], self.A[:M], self.Z[:M]
        torch.mm(x_ND, self.W_KV, out=KV)
        torch.mm(x_ND[:M], self.W_Q, out=q)
        loops.attend(q.numpy(), KV.numpy(), chunk.sources, chunk.n_sources, self.scale, A.numpy(), z.numpy())
        hidden_MH, mid_MD = Z[:, :H], Z[:, H:]
        torch.addmm(x_ND[:M], z, self.W_O, out=mid_MD)
        torch.mm(mid_MD, self.W_in, out=hidden_MH)
        if self.b_in is not None:
            hidden_MH += self.b_in
        hidden_MH.relu_()
        return Z

    def stream_behind(self, Z: Tensor) -> Tensor:
        """The stream behind a layer that is not the last."""
        H = self.model.d_mlp
        X = torch.addmm(Z[:, H:], Z[:, :H], self.W_out, out=self.X[: len(Z)])
        return X if self.b_out is None else X.add_(self.b_out)

    def back_from_stream(self, grads: Params, n_rows: int) -> None:
        """Backwards through `stream_behind`, from dX to dZ."""
        H, Z, dZ, dX = self.model.d_mlp, self.Z[:n_rows], self.dZ[:n_rows], self.dX[:n_rows]
        torch.mm(dX, self.W_out.T, out=dZ[:, :H])
        dZ[:, H:] = dX
        grads[f"{self.block}.mlp.W_out"].addmm_(Z[:, :H].T, dX)
        if self.b_out is not None:
            grads[f"{self.block}.mlp.b_out"].add_(dX.sum(0))

    def backward(self, grads: Params, chunk: _Chunk, dx_ND: Tensor) -> None:
        """Backwards through `forward`, from dZ to the derivative in the stream, which is written into `dx_ND`."""
        M, N, H, D = chunk.n_pairs if self.is_last else chunk.n_rows, chunk.n_rows, self.model.d_mlp, self.model.d_model
        KV, q, z, A, Z = self.KV[:N], self.q[:M], self.z[:M], self.A[:M], self.Z[:M]
        dKV, dq, dz, dZ = self.dKV[:N], self.dq[:M], self.dz[:M], self.dZ[:M]
        dhidden_MH, dmid_MD = dZ[:, :H], dZ[:, H:]
        activation_backward_(dhidden_MH, Z[:, :H], self.model.activation)
        grads[f"{self.block}.mlp.W_in"].addmm_(Z[:, H:].T, dhidden_MH)
        if self.b_in is not None:
            grads[f"{self.block}.mlp.b_in"].add_(dhidden_MH.sum(0))
        dmid_MD.addmm_(dhidden_MH, self.W_in.T)
        grads[f"{self.block}.attn.W_O"].view(-1, D).addmm_(z.T, dmid_MD)
        torch.mm(dmid_MD, self.W_O.T, out=dz)
        arrays = (values.numpy() for values in (A, dz, dq, dKV.zero_()))
        loops.attend_backward(q.numpy(), KV.numpy(), chunk.sources, chunk.n_sources, self.scale, *arrays)
        torch.mm(dKV, self.W_KV.T, out=dx_ND)
        dx_ND[:M] += dmid_MD
        dx_ND[:M].addmm_(dq, self.W_Q.T)
        self.dW_DX[:, :D].addmm_(self.x_ND[:M].T, dq)
        self.dW_DX[:, D:].addmm_(self.x_ND.T, dKV)

    def begin(self, grads: Params) -> None:
        """Set to zero what the chunks add to."""
        self.dW_DX.zero_()
        for name, gradient in grads.items():
            if name.startswith(self.block):
                gradient.zero_()

    def end(self, grads: Params) -> None:
        """Write the gradients of queries, keys and values."""
        dW_3nDd = self.dW_DX.view(self.model.d_model, 3, self.model.n_heads, -1).permute(1, 2, 0, 3)
        for name, gradient in zip("QKV", dW_3nDd, strict=True):
            grads[f"{self.block}.attn.W_{name}"].copy_(gradient)


class _Chunk:
    """The pairs of some residues a, and what their rows read.

    Args:
        n: heads.
        C: outputs.
        residues: those a.
        starts: where the pairs of each a begin, (P + 1,).
        pairs_B2, labels_B: all pairs and their answers, sorted.
        p: the modulus.
        dtype: how the loss is computed.

    Attributes:
        columns, base: of the first layer's tables; see `transformer_loops.from_tables`.
        sources, n_sources: the rows of the chunk that each of its rows sees in later layers.
    """

    def __init__(
        self, n: int, C: int, residues: range, starts: np.ndarray, pairs_B2: Tensor, labels_B: Tensor, p: int, dtype: LossDtype
    ) -> None:
        self.pairs = slice(starts[residues.start], starts[residues.stop])
        self.cross_entropy = CrossEntropy(labels_B[self.pairs], C, dtype)
        a_B, b_B = pairs_B2[self.pairs].numpy().T
        B, own = len(a_B), np.arange(residues.start, residues.stop)
        self.n_pairs, self.n_rows = B, 2 * B + len(own)
        rows_2N = [np.concatenate([a_B, a_B, own]), np.concatenate([b_B, b_B, 0 * own]) + p]
        self.columns = (np.stack(rows_2N, axis=-1)[:, None] + (2 * p + 1) * np.arange(n)[:, None]).astype(np.int32)
        self.base = ((2 * p + 1) * n + np.concatenate([np.full(B, 2 * p), p + b_B, own])).astype(np.int32)
        equals, none = np.arange(B), 0 * own
        at_a, at_b = 2 * B + a_B - residues.start, equals + B
        sources_3N = [[at_a, at_a, 2 * B + own - residues.start], [at_b, at_b, none], [equals, equals, none]]
        self.sources = np.stack([np.concatenate(parts) for parts in sources_3N], axis=-1).astype(np.int32)
        self.n_sources = np.repeat(np.array([3, 2, 1], np.int32), [B, B, len(own)])
        self.shares_Nn2 = torch.tensor([1.0, 0.0]).repeat(self.n_rows, n, 1)  # position 0 sees itself alone
        self.dshares_Nn2 = torch.empty_like(self.shares_Nn2)

    def set_shares(self, A_2Bn2: Tensor) -> None:
        """Take the first layer's attention weights of this step."""
        self.shares_Nn2[: 2 * self.n_pairs].view(2, self.n_pairs, -1, 2).copy_(A_2Bn2[:, self.pairs])

    def get_dshares(self, dA_2Bn2: Tensor) -> None:
        """Write the derivative in them."""
        dA_2Bn2[:, self.pairs] = self.dshares_Nn2[: 2 * self.n_pairs].view(2, self.n_pairs, -1, 2)


def _use() -> None:
    """Call every compiled loop, on one pair of one number."""
    one, two, index = np.ones((1, 1), np.float32), np.ones((1, 2), np.float32), np.zeros((1, 1, 2), np.int32)
    shares, A = np.ones((1, 1, 2), np.float32), np.ones((1, 1, 3), np.float32)
    loops.from_tables(one, index, shares, index[0, 0, :1], 1, one.copy())
    loops.to_tables(one, index, shares, index[0, 0, :1], 1, one, one.copy(), one.copy(), shares.copy())
    sources, n_sources = np.zeros((1, 3), np.int32), np.ones(1, np.int32)
    loops.attend(one, two, sources, n_sources, np.float32(1), A, one.copy())
    loops.attend_backward(one, two, sources, n_sources, np.float32(1), A, one, one.copy(), two.copy())
