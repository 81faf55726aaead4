"""The transformer on [a, b, =] of Nanda et al. 2023, computed literally: every position, every layer, nothing skipped.

    x_t     = W_E[token_t] + W_pos[t]                        t = 0, 1, 2
    x      += sum_h  softmax(q_h . k_h / sqrt(d_head)) v_h W_O_h
    x      += act(x W_in + b_in) W_out + b_out
    logits  = x_2 W_U                                         read at "=" alone

Names and shapes are TransformerLens's (row vectors: x @ W); there are no attention biases and, by default, no LayerNorm. The one
`forward` runs on NumPy arrays (analysis, float64) and on torch tensors (the plain training step, with autograd): it is the
reference that the exact fast steps of `modaddlab.training` are held to.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from array_api_compat import array_namespace

from modaddlab.fields import check, setting, specification
from modaddlab.models.grid import Grid
from modaddlab.models.network import AUTOGRAD_BYTES, Activation, Array, Network, activate
from modaddlab.models.token_gradients import decoder_gradients
from modaddlab.tasks import all_pairs

N_POSITIONS = 3
LAYER_NORM_EPS = 1e-5

STEP_SECONDS = 2.5e-3
RATE = 3.8e10
LAYER_FACTOR = 1.6
"""What a step costs whatever its size; a one-layer network's operations a second in the products with its neurons, all else
included; what each layer of a deeper one takes more."""

CHUNK = 512
"""Pairs that are run at once for a grid; their activations fit a processor's cache."""


class Decoder(Protocol):
    """What `forward` asks of a network; `attention_rate` is the alpha of `modaddlab.models.attention_rate`."""

    @property
    def n_layers(self) -> int: ...
    @property
    def d_model(self) -> int: ...
    @property
    def d_head(self) -> int: ...
    @property
    def activation(self) -> Activation: ...
    @property
    def causal(self) -> bool: ...
    @property
    def mlp_biases(self) -> bool: ...
    @property
    def layer_norm(self) -> bool: ...
    @property
    def attention_rate(self) -> float: ...


@specification("model")
class TransformerSpec(Network):
    """A decoder on the tokens [a, b, =], read at the last position (Nanda et al. 2023)."""

    kind: ClassVar[str] = "transformer"

    n_layers: int = setting(1, "number of layers", ge=1, le=3)
    d_model: int = setting(128, "width of the residual stream", ge=1, le=8192)
    n_heads: int = setting(4, "attention heads per layer", ge=1, le=8192)
    d_head: int = setting(32, "width of a head; d_head * n_heads must equal d_model", ge=1, le=8192)
    d_mlp: int = setting(512, "hidden neurons of each MLP", ge=1, le=8192)
    activation: Activation = setting("relu", "the MLP's nonlinearity")
    causal: bool = setting(True, "whether a position attends only to itself and earlier ones")
    mlp_biases: bool = setting(True, "whether the MLPs have b_in and b_out")
    layer_norm: bool = setting(False, "LayerNorm before attention, MLP and unembedding")
    predict_equals: bool = setting(
        True, "whether '=' is among the outputs of the training loss (the released code: p + 1; the paper's text: p)"
    )
    dropout: float = setting(0.0, "probability that a hidden neuron is dropped while training", ge=0, lt=1)
    init: Literal["normal", "layers"] = setting(
        "normal", "initial weights: normal, scaled by the width, with biases 0; or the defaults of PyTorch's layers"
    )

    def __post_init__(self) -> None:
        check(
            self.d_head * self.n_heads == self.d_model,
            f"d_head (={self.d_head}) times n_heads (={self.n_heads}) must equal d_model (={self.d_model}); "
            "set model.d_head, model.n_heads and model.d_model together",
        )

    @property
    def train_version(self) -> int:
        """Of several layers 2, since they have a step of their own."""
        return 1 if self.n_layers == 1 else 2

    @property
    def attention_rate(self) -> float:
        """The usual attention."""
        return 1.0

    @property
    def residue_weights(self) -> tuple[str, ...]:
        """The names of the parameters that stand for a residue."""
        return ("embed.W_E",)

    def phrase(self) -> str:
        """The network in a few words."""
        return f"a transformer of {self.n_layers} layer{'s' * (self.n_layers > 1)}{' with LayerNorm' * self.layer_norm}"

    def param_shapes(self, p: int) -> dict[str, tuple[int, ...]]:
        """The shape of every parameter, in the order in which they lie in the flat parameter vector."""
        D, H, n, d = self.d_model, self.d_mlp, self.n_heads, self.d_head
        shapes: dict[str, tuple[int, ...]] = {"embed.W_E": (p + 1, D), "pos_embed.W_pos": (N_POSITIONS, D)}
        for i in range(self.n_layers):
            block = f"blocks.{i}"
            if self.layer_norm:
                shapes |= {f"{block}.ln1.w": (D,), f"{block}.ln1.b": (D,), f"{block}.ln2.w": (D,), f"{block}.ln2.b": (D,)}
            shapes |= {f"{block}.attn.W_{name}": (n, D, d) for name in "QKV"} | {f"{block}.attn.W_O": (n, d, D)}
            shapes |= {f"{block}.mlp.W_in": (D, H), f"{block}.mlp.W_out": (H, D)}
            if self.mlp_biases:
                shapes |= {f"{block}.mlp.b_in": (H,), f"{block}.mlp.b_out": (D,)}
        if self.layer_norm:
            shapes |= {"ln_final.w": (D,), "ln_final.b": (D,)}
        return shapes | {"unembed.W_U": (D, p + 1 if self.predict_equals else p)}

    def init_params(self, p: int, seed: int) -> dict[str, np.ndarray]:
        """Initial weights, LayerNorm weights being 1 and its biases 0.

        "normal": N(0, 1) / sqrt(d_model), W_U N(0, 1) / sqrt(its outputs), biases 0 (Nanda et al. 2023). "layers": what a network
        of PyTorch's layers begins with: embeddings N(0, 1), the MLP, its biases and W_U uniform within 1 / sqrt(their inputs),
        attention as before.

        Drawn by NumPy's PCG64, one stream per parameter, so that they depend neither on torch nor on the device.

        Returns:
            float32 arrays by name.
        """
        params: dict[str, np.ndarray] = {}
        for index, (name, shape) in enumerate(self.param_shapes(p).items()):
            leaf = name.split(".")[-1]
            if self.init == "layers" and leaf in ("W_in", "b_in", "W_out", "b_out", "W_U"):
                bound = 1 / math.sqrt(self.d_mlp if leaf.endswith("out") else self.d_model)
                params[name] = np.random.default_rng([seed, 0, index]).uniform(-bound, bound, shape).astype(np.float32)
            elif leaf.startswith("b"):
                params[name] = np.zeros(shape, np.float32)
            elif leaf == "w":
                params[name] = np.ones(shape, np.float32)
            else:
                scale = 1 / math.sqrt(shape[1] if leaf == "W_U" else self.d_model)
                if self.init == "layers" and leaf in ("W_E", "W_pos"):
                    scale = 1.0
                draw = np.random.default_rng([seed, 0, index]).standard_normal(shape)
                params[name] = (draw * scale).astype(np.float32)
        return params

    def forward(self, params: Mapping[str, Array], pairs_B2: Array, p: int) -> Array:
        """The logits at "=", every position of every layer computed; see `Network.forward`."""
        return forward(params, tokens(pairs_B2, p), self)

    def logits(self, params: Mapping[str, Array], pairs_B2: Array, p: int) -> Array:
        """The same with the last position alone in the last layer."""
        return forward(params, tokens(pairs_B2, p), self, last_only=True)

    def maps(self, params: Mapping[str, Array], p: int) -> dict[str, Array]:
        """The embedding of the residues, and W_L = W_out W_U cut to their outputs, transposed."""
        maps = {"W_E": params["embed.W_E"][..., :p, :]} if "embed.W_E" in params else {}
        if "unembed.W_U" in params:
            maps["W_L"] = (params[f"blocks.{self.n_layers - 1}.mlp.W_out"] @ params["unembed.W_U"][..., :p]).mT
        return maps

    def page(self, p: int) -> dict[str, Any] | None:
        """What the interactive page's network must know of it besides its weights."""
        if self.n_layers > 1 or self.layer_norm or self.activation not in ("relu", "quad") or self.d_mlp % 4 or self.n_heads > 16:
            return None
        width = {"heads": self.n_heads, "D": self.d_model, "d": self.d_head, "H": self.d_mlp}
        return {"kind": self.kind, "p": p, **width, "activation": self.activation, "outputs": p + self.predict_equals}

    def grid(self, params: Mapping[str, np.ndarray], p: int) -> TransformerGrid:
        """The network on every pair."""
        from modaddlab.models.token_tables import has_tables, pair_activations

        weights = {name: np.asarray(value, dtype=np.float64) for name, value in params.items()}
        by_tables = has_tables(self)
        found = pair_activations(weights, self, p) if by_tables else at_the_end(weights, tokens(all_pairs(p), p), self, p)
        return TransformerGrid(
            logits_PPC=found["logits"],
            neurons_PPH=found["neurons"],
            pattern_PPn3=found["pattern"],
            heads_PPnD=found["heads"],
            resid_pre_PPD=found["resid_pre"],
            resid_mid_PPD=found["resid_mid"],
            params=weights,
            model=self,
        )

    def pair_logits(self, params: Mapping[str, np.ndarray], p: int) -> np.ndarray:
        """See `Network.pair_logits`."""
        from modaddlab.models import token_tables

        return token_tables.pair_logits(params, self, p)

    def token_gradients(self, params: Mapping[str, np.ndarray], pairs_B2: np.ndarray, p: int) -> np.ndarray:
        """See `Network.token_gradients`; of one layer without LayerNorm."""
        return decoder_gradients(params, tokens(pairs_B2, p), self.activation, self.attention_rate, p)

    def step_seconds(self, p: int, n_train: int, metrics_every: int) -> float:
        """See `Network.step_seconds`."""
        layers = 1 if self.n_layers == 1 else LAYER_FACTOR * self.n_layers
        step, on_all = n_train * 6 * self.d_mlp * p * layers / RATE, p * p / n_train / 3
        return STEP_SECONDS + step * (1 + on_all / metrics_every)

    def pair_operations(self, p: int) -> float:
        """See `Network.pair_operations`: tables of what each head gives to neurons and to logits, weighed for every pair."""
        D, H, n = self.d_model, self.d_mlp, self.n_heads
        tables = 2 * D * (p * D + D * H + p * H + D * p + p * p + H * p)
        return tables + p * p * (8 * n + (4 * n + 1) * H + 4 * n * p)

    def memory(self, p: int, n_train: int) -> float:
        """See `Network.memory`."""
        step = n_train * (12 * self.d_mlp + 8 * p)
        is_covered = self.n_layers == 1 or (self.causal and self.activation == "relu")
        if self.layer_norm or self.dropout or not is_covered:  # by autograd
            step += AUTOGRAD_BYTES + n_train * self.n_layers * 24 * self.d_mlp
        return step + p * p * (8 * self.d_mlp + 16 * p)


@dataclass(frozen=True, kw_only=True)
class TransformerGrid(Grid):
    """Activations at "=" in the last layer for every pair (a, b); float64. Without LayerNorm the logits are exactly

        logits = neurons @ W_L + (resid_mid + b_out) @ W_U,        W_L = W_out W_U   (W_U cut to the p residues)

    Attributes:
        pattern_PPn3: attention from "=" to a, b and "=", shape (P, P, n, 3).
        heads_PPnD: what each head adds to the residual stream, shape (P, P, n, D).
        resid_pre_PPD: the residual stream before attention, shape (P, P, D).
        resid_mid_PPD: the residual stream after attention, shape (P, P, D).
    """

    pattern_PPn3: np.ndarray
    heads_PPnD: np.ndarray
    resid_pre_PPD: np.ndarray
    resid_mid_PPD: np.ndarray
    model: TransformerSpec

    @property
    def W_U_DC(self) -> np.ndarray:
        """The unembedding of the residues, (D, P)."""
        return self.params["unembed.W_U"][:, : self.p]

    def logits_from(self, neurons_PPH: np.ndarray | None = None, resid_mid_PPD: np.ndarray | None = None) -> np.ndarray:
        """The logits that other hidden neurons, or another residual stream into the unembedding, would give.

        Neurons that are given are used as they are; the residual stream's own effect on the neurons is not computed (see
        `neurons_from`).

        Returns:
            (P, P, P) float64.

        Raises:
            ValueError: the network has a LayerNorm, so that its logits are no sum of the two parts.
        """
        if self.model.layer_norm:
            raise ValueError("with LayerNorm the logits are not a sum of neurons and residual stream")
        neurons_PPH = self.neurons_PPH if neurons_PPH is None else neurons_PPH
        direct_PPD = self.resid_mid_PPD if resid_mid_PPD is None else resid_mid_PPD
        if self.model.mlp_biases:
            direct_PPD = direct_PPD + self.params[f"blocks.{self.model.n_layers - 1}.mlp.b_out"]
        return neurons_PPH @ self.W_L_HC + direct_PPD @ self.W_U_DC

    def neurons_from(self, resid_mid_PPD: np.ndarray) -> np.ndarray:
        """The hidden neurons that another residual stream would give, (P, P, H).

        Raises:
            ValueError: the network has a LayerNorm.
        """
        if self.model.layer_norm:
            raise ValueError("with LayerNorm the neurons need the whole network; use run_grid on changed weights")
        block = f"blocks.{self.model.n_layers - 1}.mlp"
        pre_PPH = resid_mid_PPD @ self.params[f"{block}.W_in"]
        if self.model.mlp_biases:
            pre_PPH = pre_PPH + self.params[f"{block}.b_in"]
        return activate(pre_PPH, self.model.activation)


def tokens(pairs_B2: Array, p: int) -> Array:
    """[a, b, =] for each pair, integers of shape (B, 3); "=" is the token p."""
    xp = array_namespace(pairs_B2)
    return xp.concat([pairs_B2, xp.full_like(pairs_B2[:, :1], p)], axis=1)


def layer_norm(x: Array, weight: Array, bias: Array) -> Array:
    """LayerNorm over the last axis."""
    xp = array_namespace(x)
    centred = x - xp.mean(x, axis=-1, keepdims=True)
    variance = xp.mean(centred * centred, axis=-1, keepdims=True)
    return centred / xp.sqrt(variance + LAYER_NORM_EPS) * weight + bias


def _per_head(x_BtD: Array, W_nDd: Array) -> Array:
    """x @ W_h for every head h, as one matrix product: (B, t, D) and (n, D, d) -> (B, n, t, d)."""
    xp = array_namespace(W_nDd)
    n, D, d = W_nDd.shape
    W_DX = xp.reshape(xp.permute_dims(W_nDd, (1, 0, 2)), (D, n * d))
    return xp.permute_dims(xp.reshape(x_BtD @ W_DX, (*x_BtD.shape[:2], n, d)), (0, 2, 1, 3))


def forward(
    params: Mapping[str, Array],
    tokens_Bt: Array,
    model: Decoder,
    cache: MutableMapping[str, Array] | None = None,
    *,
    last_only: bool = False,
) -> Array:
    """The logits at the last position.

    Args:
        params: arrays or tensors by name, shapes of `param_shapes`.
        tokens_Bt: integer tokens such as [a, b, p], shape (B, t).
        model: the network's specification; its dropout is not applied here.
        cache: when given, receives every activation under TransformerLens's hook names, for example
            "blocks.0.attn.hook_pattern" (B, n, t, t) and "blocks.0.mlp.hook_post" (B, t, H).
        last_only: compute only the last position in the last layer, which is all that the logits need; its activations
            in the cache then have one position instead of t.

    Returns:
        logits of shape (B, C), C the number of columns of W_U.

    Source:
        Nanda et al. 2023, section 3 and the released code.
    """
    xp = array_namespace(params["embed.W_E"])
    keep = cache if cache is not None else {}
    keep["hook_embed"] = params["embed.W_E"][tokens_Bt]
    x_BtD = keep["hook_embed"] + params["pos_embed.W_pos"]
    t = tokens_Bt.shape[1]
    hidden_from = xp.triu(xp.ones((t, t), dtype=x_BtD.dtype), k=1) * -1e30 if model.causal else 0

    for i in range(model.n_layers):
        block = f"blocks.{i}"
        weights = {name.removeprefix(block + "."): value for name, value in params.items() if name.startswith(block + ".")}

        def normed(x: Array, name: str, weights: dict[str, Array] = weights) -> Array:
            return layer_norm(x, weights[f"{name}.w"], weights[f"{name}.b"]) if model.layer_norm else x

        keep[f"{block}.hook_resid_pre"] = x_BtD
        read_BtD = normed(x_BtD, "ln1")
        k, v = (_per_head(read_BtD, weights[f"attn.W_{name}"]) for name in "KV")
        if last_only and i == model.n_layers - 1:
            x_BtD, read_BtD, hidden_from = x_BtD[:, -1:], read_BtD[:, -1:], 0
        q = _per_head(read_BtD, weights["attn.W_Q"])
        scores_Bntt = q @ xp.matrix_transpose(k) / math.sqrt(model.d_head) + hidden_from
        pattern_Bntt = xp.exp(scores_Bntt - xp.max(scores_Bntt, axis=-1, keepdims=True))
        pattern_Bntt = pattern_Bntt / xp.sum(pattern_Bntt, axis=-1, keepdims=True)
        if model.attention_rate != 1:
            pattern_Bntt = model.attention_rate * pattern_Bntt + (1 - model.attention_rate)
        z_Bntd = pattern_Bntt @ v
        z_Btnd = xp.permute_dims(z_Bntd, (0, 2, 1, 3))
        attn_out_BtD = xp.reshape(z_Btnd, (*z_Btnd.shape[:2], -1)) @ xp.reshape(weights["attn.W_O"], (-1, model.d_model))
        resid_mid_BtD = x_BtD + attn_out_BtD

        pre_BtH = normed(resid_mid_BtD, "ln2") @ weights["mlp.W_in"]
        if model.mlp_biases:
            pre_BtH = pre_BtH + weights["mlp.b_in"]
        post_BtH = activate(pre_BtH, model.activation)
        mlp_out_BtD = post_BtH @ weights["mlp.W_out"]
        if model.mlp_biases:
            mlp_out_BtD = mlp_out_BtD + weights["mlp.b_out"]
        x_BtD = resid_mid_BtD + mlp_out_BtD

        keep[f"{block}.attn.hook_q"], keep[f"{block}.attn.hook_k"], keep[f"{block}.attn.hook_v"] = q, k, v
        keep[f"{block}.attn.hook_attn_scores"], keep[f"{block}.attn.hook_pattern"] = scores_Bntt, pattern_Bntt
        keep[f"{block}.attn.hook_z"], keep[f"{block}.hook_attn_out"] = z_Bntd, attn_out_BtD
        keep[f"{block}.hook_resid_mid"], keep[f"{block}.mlp.hook_pre"] = resid_mid_BtD, pre_BtH
        keep[f"{block}.mlp.hook_post"], keep[f"{block}.hook_mlp_out"] = post_BtH, mlp_out_BtD
        keep[f"{block}.hook_resid_post"] = x_BtD

    last_BD = x_BtD[:, -1]
    if model.layer_norm:
        last_BD = layer_norm(last_BD, params["ln_final.w"], params["ln_final.b"])
    return last_BD @ params["unembed.W_U"]


def at_the_end(params: Mapping[str, np.ndarray], tokens_Bt: np.ndarray, model: Decoder, p: int) -> dict[str, np.ndarray]:
    """What a decoder has at its last position in its last layer, for all pairs, computed some of them at a time.

    Args:
        params: float64 weights by name.
        tokens_Bt: the tokens of all p*p pairs, row-major.
        model: the network.
        p: the modulus.

    Returns:
        float64: "logits" of the residues (P, P, P), "neurons" (P, P, H), "pattern" (P, P, n, t), what each head adds, "heads"
        (P, P, n, D), and the residual stream around attention, "resid_pre" and "resid_mid" (P, P, D).
    """
    last, found = f"blocks.{model.n_layers - 1}", []
    for start in range(0, p * p, CHUNK):
        cache: dict[str, np.ndarray] = {}
        logits_BC = forward(params, tokens_Bt[start : start + CHUNK], model, cache, last_only=True)[:, :p]
        z_Bnd = cache[f"{last}.attn.hook_z"][:, :, -1]
        found.append(
            {
                "logits": logits_BC,
                "neurons": cache[f"{last}.mlp.hook_post"][:, -1],
                "pattern": cache[f"{last}.attn.hook_pattern"][:, :, -1],
                "heads": np.stack([z_Bnd[:, head] @ W_O_dD for head, W_O_dD in enumerate(params[f"{last}.attn.W_O"])], axis=1),
                "resid_pre": cache[f"{last}.hook_resid_pre"][:, -1],
                "resid_mid": cache[f"{last}.hook_resid_mid"][:, -1],
            }
        )
    joined = {name: np.concatenate([part[name] for part in found]) for name in found[0]}
    return {name: values.reshape(p, p, *values.shape[1:]) for name, values in joined.items()}
