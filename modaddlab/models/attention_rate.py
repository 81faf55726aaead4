"""The transformer of Zhong, Liu, Tegmark and Andreas 2023, "The Clock and the Pizza": two positions and an attention rate.

    x_t     = W_E[token_t] + W_pos[t]                        t = 0, 1: the residues a and b, no "="
    A_h     = alpha softmax(q_h . k_h / sqrt(d_head)) + (1 - alpha)
    x      += sum_h  A_h v_h W_O_h                           no mask: both positions see both
    x      += act(x W_in + b_in) W_out + b_out
    logits  = x_1 W_U                                        read at b

The attention rate alpha goes from constant attention, every weight 1 (alpha = 0), to the usual one (alpha = 1). It is no weight:
it is set and stays. Names and shapes are those of `modaddlab.models.transformer`, whose `forward` computes it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from modaddlab.fields import check, setting, specification
from modaddlab.models.grid import Grid
from modaddlab.models.network import Activation, Array, NamedLoss, Network
from modaddlab.models.token_gradients import decoder_gradients
from modaddlab.models.transformer import RATE, STEP_SECONDS, at_the_end, forward
from modaddlab.models.weight_gradients import decoder_loss
from modaddlab.tasks import all_pairs


@specification("model")
class AttentionRateSpec(Network):
    """A transformer on [a, b] without a mask, whose attention is alpha softmax + (1 - alpha) (Zhong et al. 2023)."""

    kind: Literal["attention-rate"] = setting("attention-rate", "tells this network from others")
    attention_rate: float = setting(1.0, "alpha: 0 for constant attention, 1 for the usual one", ge=0, le=1)
    n_layers: int = setting(1, "number of layers", ge=1, le=4)
    d_model: int = setting(128, "width of the residual stream", ge=1, le=8192)
    n_heads: int = setting(4, "attention heads per layer", ge=1, le=8192)
    d_head: int = setting(32, "width of a head; d_head * n_heads must equal d_model", ge=1, le=8192)
    d_mlp: int = setting(512, "hidden neurons of each MLP", ge=1, le=8192)
    activation: Activation = setting("relu", "the MLP's nonlinearity")

    def __post_init__(self) -> None:
        check(
            self.d_head * self.n_heads == self.d_model,
            f"d_head (={self.d_head}) times n_heads (={self.n_heads}) must equal d_model (={self.d_model}); "
            "set model.d_head, model.n_heads and model.d_model together",
        )

    @property
    def causal(self) -> bool:
        """There is no mask."""
        return False

    @property
    def mlp_biases(self) -> bool:
        """There are biases."""
        return True

    @property
    def residue_weights(self) -> tuple[str, ...]:
        """The names of the parameters that stand for a residue."""
        return ("embed.W_E",)

    def phrase(self) -> str:
        """The network in a few words."""
        layers = f"{self.n_layers} layer{'s' * (self.n_layers > 1)}"
        return f"a transformer without '=' of {layers} with the attention rate {self.attention_rate:g}"

    def param_shapes(self, p: int) -> dict[str, tuple[int, ...]]:
        """The shape of every parameter, in the order in which they lie in the flat parameter vector."""
        D, H, n, d = self.d_model, self.d_mlp, self.n_heads, self.d_head
        shapes: dict[str, tuple[int, ...]] = {"embed.W_E": (p, D), "pos_embed.W_pos": (2, D)}
        for i in range(self.n_layers):
            shapes |= {f"blocks.{i}.attn.W_{name}": (n, D, d) for name in "QKV"} | {f"blocks.{i}.attn.W_O": (n, d, D)}
            shapes |= {f"blocks.{i}.mlp.{name}": shape for name, shape in (("W_in", (D, H)), ("W_out", (H, D)))}
            shapes |= {f"blocks.{i}.mlp.b_in": (H,), f"blocks.{i}.mlp.b_out": (D,)}
        return shapes | {"unembed.W_U": (D, p)}

    def init_params(self, p: int, seed: int) -> dict[str, np.ndarray]:
        """Initial weights: N(0, 1) / sqrt(d_model), W_in N(0, 1) / sqrt(d_mlp), W_U N(0, 1) / sqrt(p), biases 0.

        Drawn by NumPy's PCG64, one stream per parameter.

        Source:
            Zhong et al. 2023, released code.
        """
        widths = {"W_in": self.d_mlp, "W_U": p}
        params = {}
        for index, (name, shape) in enumerate(self.param_shapes(p).items()):
            leaf = name.rpartition(".")[2]
            scale = 0.0 if leaf[0] == "b" else 1 / math.sqrt(widths.get(leaf, self.d_model))
            params[name] = (scale * np.random.default_rng([seed, 0, index]).standard_normal(shape)).astype(np.float32)
        return params

    def forward(self, params: Mapping[str, Array], pairs_B2: Array, p: int) -> Array:
        """The logits at b, every position of every layer computed; see `Network.forward`."""
        return forward(params, pairs_B2, self)

    def logits(self, params: Mapping[str, Array], pairs_B2: Array, p: int) -> Array:
        """The same with the last position alone in the last layer."""
        return forward(params, pairs_B2, self, last_only=True)

    def pair_logits(self, params: Mapping[str, np.ndarray], p: int) -> np.ndarray:
        """See `Network.pair_logits`."""
        return self.logits(params, all_pairs(p), p).reshape(p, p, p)

    def token_gradients(self, params: Mapping[str, np.ndarray], pairs_B2: np.ndarray, p: int) -> np.ndarray:
        """See `Network.token_gradients`; of one layer."""
        return decoder_gradients(params, pairs_B2, self.activation, self.attention_rate, p)

    def weight_gradients(self, pairs_B2: np.ndarray, labels_B: np.ndarray, p: int) -> tuple[int, NamedLoss]:
        """See `Network.weight_gradients`; of one layer."""
        return len(pairs_B2), decoder_loss(pairs_B2, labels_B, self.activation, self.attention_rate)

    def step_seconds(self, p: int, n_train: int, metrics_every: int) -> float:
        """See `Network.step_seconds`."""
        if self.n_layers > 1:
            return super().step_seconds(p, n_train, metrics_every)
        return STEP_SECONDS + 6 * self.d_mlp * p * (n_train + p * p / 3 / metrics_every) / RATE

    def pair_operations(self, p: int) -> float:
        """See `Network.pair_operations`: as in `TransformerSpec`, with a query for each b; without softmax it adds two tables."""
        D, H = self.d_model, self.d_mlp
        n = self.n_heads if self.attention_rate else 0
        tables = 2 * D * (p * D + D * H + p * H + D * p + p * p + H * p + bool(n) * (2 * p * D + p * p))
        return tables + p * p * (8 * n + max(4 * n, 1) * (H + p) + H)

    def maps(self, params: Mapping[str, Array], p: int) -> dict[str, Array]:
        """The embedding, and W_L = W_out W_U, transposed."""
        maps = {"W_E": params["embed.W_E"]} if "embed.W_E" in params else {}
        if "unembed.W_U" in params:
            maps["W_L"] = (params[f"blocks.{self.n_layers - 1}.mlp.W_out"] @ params["unembed.W_U"]).mT
        return maps

    def page(self, p: int) -> dict[str, Any] | None:
        """What the interactive page's network must know of it besides its weights."""
        if self.n_layers > 1 or self.activation not in ("relu", "quad") or self.d_mlp % 4 or self.n_heads > 15:
            return None
        width = {"heads": self.n_heads, "D": self.d_model, "d": self.d_head, "H": self.d_mlp, "outputs": p}
        return {"kind": self.kind, "p": p, **width, "activation": self.activation, "rate": self.attention_rate}

    def grid(self, params: Mapping[str, np.ndarray], p: int) -> AttentionRateGrid:
        """The network on every pair."""
        weights = {name: np.asarray(value, dtype=np.float64) for name, value in params.items()}
        found = at_the_end(weights, all_pairs(p), self, p)
        return AttentionRateGrid(
            logits_PPC=found["logits"],
            neurons_PPH=found["neurons"],
            pattern_PPn2=found["pattern"],
            heads_PPnD=found["heads"],
            resid_mid_PPD=found["resid_mid"],
            params=weights,
            model=self,
        )


@dataclass(frozen=True, kw_only=True)
class AttentionRateGrid(Grid):
    """Activations at b in the last layer for every pair (a, b); float64.

    Attributes:
        pattern_PPn2: attention from b to a and b, the rate applied, shape (P, P, n, 2).
        heads_PPnD: what each head adds to the residual stream, shape (P, P, n, D).
        resid_mid_PPD: the residual stream after attention, shape (P, P, D).
    """

    pattern_PPn2: np.ndarray
    heads_PPnD: np.ndarray
    resid_mid_PPD: np.ndarray
