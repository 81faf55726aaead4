"""The linear models of Zhong et al. 2023, "The Clock and the Pizza": one or two dense layers on two embeddings of one table.

    A    h = act((E_a + E_b) L1 + b1)
    B    h = act(act((E_a + E_b) L1 + b1) L2 + b2)
    C    h = act(act(E_a L1 + b1 + E_b L1 + b1) L2 + b2)
    D    h = act([E_a, E_b] L1 + b1)                          embeddings of half the width side by side
    logits = h W_U

The letters are those of the released code.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import numpy as np

from modaddlab.fields import setting, specification
from modaddlab.models.grid import Grid
from modaddlab.models.network import Activation, Array, Network, activate, activation_slope
from modaddlab.tasks import all_pairs


@specification("model")
class LinearLayersSpec(Network):
    """Dense layers on two embeddings of one table (Zhong et al. 2023)."""

    kind: Literal["linear-layers"] = setting("linear-layers", "tells this network from others")
    arrangement: Literal["A", "B", "C", "D"] = setting("A", "how the two embeddings meet and how many layers follow")
    d_mlp: int = setting(256, "width of every layer", ge=2, le=8192, multiple_of=2)
    activation: Activation = setting("relu", "the nonlinearity")

    @property
    def residue_weights(self) -> tuple[str, ...]:
        """The names of the parameters that stand for a residue."""
        return ("embed.W_E",)

    @property
    def n_dense(self) -> int:
        """Dense layers before the outputs."""
        return 2 if self.arrangement in "BC" else 1

    def phrase(self) -> str:
        """The network in a few words."""
        return f"dense layers in arrangement {self.arrangement}"

    def param_shapes(self, p: int) -> dict[str, tuple[int, ...]]:
        """The shape of every parameter, in the order in which they lie in the flat parameter vector."""
        D = self.d_mlp
        shapes: dict[str, tuple[int, ...]] = {"embed.W_E": (p, D // 2 if self.arrangement == "D" else D)}
        for layer in range(1, self.n_dense + 1):
            shapes |= {f"l{layer}.W": (D, D), f"l{layer}.b": (D,)}
        return shapes | {"unembed.W_U": (D, p)}

    def init_params(self, p: int, seed: int) -> dict[str, np.ndarray]:
        """Initial weights: W_E N(0, 1) / sqrt(d_mlp / 2), W_U N(0, 1) / sqrt(d_mlp), layers uniform within 1 / sqrt(d_mlp).

        Drawn by NumPy's PCG64, one stream per parameter.

        Source:
            Zhong et al. 2023, released code.
        """
        params = {}
        for index, (name, shape) in enumerate(self.param_shapes(p).items()):
            rng, bound = np.random.default_rng([seed, 0, index]), 1 / math.sqrt(self.d_mlp)
            if name[0] == "l":
                draw = rng.uniform(-bound, bound, shape)
            else:
                draw = rng.standard_normal(shape) * (bound * math.sqrt(2) if name == "embed.W_E" else bound)
            params[name] = draw.astype(np.float32)
        return params

    def _first(self, params: Mapping[str, Array], pairs_B2: Array) -> Array:
        """What the first nonlinearity is given, (B, H): the first layer is linear, and so it is applied to p embeddings, not to
        pairs."""
        W_E, L1, b1 = (params[name] for name in ("embed.W_E", "l1.W", "l1.b"))
        half = W_E.shape[1] if self.arrangement == "D" else 0
        from_a, from_b = W_E @ L1[: half or None], W_E @ L1[half:]
        return from_a[pairs_B2[:, 0]] + from_b[pairs_B2[:, 1]] + b1 * (2 if self.arrangement == "C" else 1)

    def hidden(self, params: Mapping[str, Array], pairs_B2: Array) -> Array:
        """The last layer's neurons, (B, H)."""
        pre = self._first(params, pairs_B2)
        h = activate(pre, self.activation)
        return activate(h @ params["l2.W"] + params["l2.b"], self.activation) if self.n_dense == 2 else h

    def forward(self, params: Mapping[str, Array], pairs_B2: Array, p: int) -> Array:
        """The logits; see `Network.forward`."""
        return self.hidden(params, pairs_B2) @ params["unembed.W_U"]

    def token_gradients(self, params: Mapping[str, np.ndarray], pairs_B2: np.ndarray, p: int) -> np.ndarray:
        """See `Network.token_gradients`: the same in both, but for arrangement D."""
        both, pre_BH = self.arrangement == "D", self._first(params, pairs_B2)
        single = {name: value.astype(np.float32) for name, value in params.items()}
        back_BCH = np.broadcast_to(single["unembed.W_U"].T, (len(pairs_B2), p, self.d_mlp))

        def through(back_BCH: np.ndarray, pre_BH: np.ndarray, layer: str) -> np.ndarray:
            slope_BH = activation_slope(pre_BH, self.activation).astype(np.float32)
            return (back_BCH * slope_BH[:, None]) @ single[f"{layer}.W"].T

        if self.n_dense == 2:
            back_BCH = through(back_BCH, activate(pre_BH, self.activation) @ params["l2.W"] + params["l2.b"], "l2")
        back_BCD = through(back_BCH, pre_BH, "l1")
        return np.stack(np.split(back_BCD, 2, axis=2)) if both else np.stack([back_BCD, back_BCD])

    def maps(self, params: Mapping[str, Array], p: int) -> dict[str, Array]:
        """The embedding, and W_U transposed."""
        maps = {"W_E": params["embed.W_E"]} if "embed.W_E" in params else {}
        return maps | ({"W_L": params["unembed.W_U"].mT} if "unembed.W_U" in params else {})

    def pair_operations(self, p: int) -> float:
        """See `Network.pair_operations`: the second dense layer goes pair by pair."""
        return super().pair_operations(p) + 2 * self.d_mlp**2 * (p + (self.n_dense - 1) * p * p)

    def grid(self, params: Mapping[str, np.ndarray], p: int) -> Grid:
        """The network on every pair."""
        weights = {name: np.asarray(value, dtype=np.float64) for name, value in params.items()}
        neurons_PPH = self.hidden(weights, all_pairs(p)).reshape(p, p, -1)
        return Grid(logits_PPC=neurons_PPH @ weights["unembed.W_U"], neurons_PPH=neurons_PPH, params=weights, model=self)
