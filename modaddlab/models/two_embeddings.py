"""The multilayer perceptron of Chughtai, Chan and Nanda 2023: an embedding for each of the two residues, one hidden layer.

    logits = act([W_x[a], W_y[b]] W) W_U  =  act(theta_x[a] + theta_y[b]) W_U

theta_x is W_x times the upper half of W, theta_y W_y times the lower half: what a residue adds to every neuron as a and as b.
There are no biases. Unlike in `modaddlab.models.two_layer` the order of a and b makes a difference.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import numpy as np
from array_api_compat import array_namespace

from modaddlab.fields import setting, specification
from modaddlab.models.grid import Grid
from modaddlab.models.network import Activation, Array, Network, activate


@specification("model")
class TwoEmbeddingsSpec(Network):
    """A hidden layer on two separate embeddings side by side (Chughtai et al. 2023): no attention, no biases."""

    kind: Literal["two-embeddings"] = setting("two-embeddings", "tells this network from others")
    d_model: int = setting(256, "width of each embedding", ge=1, le=8192)
    d_mlp: int = setting(128, "hidden neurons", ge=1, le=8192)
    activation: Activation = setting("relu", "the nonlinearity")

    @property
    def residue_weights(self) -> tuple[str, ...]:
        """The names of the parameters that stand for a residue."""
        return ("embed.W_x", "embed.W_y", "mlp.W")

    def phrase(self) -> str:
        """The network in a few words."""
        return "a hidden layer on two embeddings"

    def param_shapes(self, p: int) -> dict[str, tuple[int, ...]]:
        """The shape of every parameter, in the order in which they lie in the flat parameter vector."""
        D, H = self.d_model, self.d_mlp
        return {"embed.W_x": (p, D), "embed.W_y": (p, D), "mlp.W": (2 * D, H), "unembed.W_U": (H, p)}

    def init_params(self, p: int, seed: int) -> dict[str, np.ndarray]:
        """Initial weights: embeddings N(0, 1) / sqrt(d_model), W N(0, 1) / sqrt(2 d_model), W_U N(0, 1) / sqrt(d_mlp).

        Drawn by NumPy's PCG64, one stream per parameter.

        Source:
            Chughtai et al. 2023, released code.
        """
        widths = {"mlp.W": 2 * self.d_model, "unembed.W_U": self.d_mlp}
        params = {}
        for index, (name, shape) in enumerate(self.param_shapes(p).items()):
            draw = np.random.default_rng([seed, 0, index]).standard_normal(shape)
            params[name] = (draw / math.sqrt(widths.get(name, self.d_model))).astype(np.float32)
        return params

    def forward(self, params: Mapping[str, Array], pairs_B2: Array, p: int) -> Array:
        """The logits, the embeddings side by side before the product; see `Network.forward`."""
        xp = array_namespace(params["mlp.W"])
        side_by_side_BX = xp.concat([params["embed.W_x"][pairs_B2[:, 0]], params["embed.W_y"][pairs_B2[:, 1]]], axis=1)
        return activate(side_by_side_BX @ params["mlp.W"], self.activation) @ params["unembed.W_U"]

    def logits(self, params: Mapping[str, Array], pairs_B2: Array, p: int) -> Array:
        """The same by tables of theta."""
        theta_x_PH, theta_y_PH = self.thetas(params)
        return activate(theta_x_PH[pairs_B2[:, 0]] + theta_y_PH[pairs_B2[:, 1]], self.activation) @ params["unembed.W_U"]

    def thetas(self, params: Mapping[str, Array]) -> tuple[Array, Array]:
        """What a residue adds to every neuron as a and as b, (..., P, H) each."""
        W_XH = params["mlp.W"]
        upper_DH, lower_DH = W_XH[..., : self.d_model, :], W_XH[..., self.d_model :, :]
        return params["embed.W_x"] @ upper_DH, params["embed.W_y"] @ lower_DH

    def maps(self, params: Mapping[str, Array], p: int) -> dict[str, Array]:
        """theta_x and theta_y side by side, (P, 2H); and W_U, transposed."""
        maps = {}
        if params.keys() >= set(self.residue_weights):
            maps["W_E"] = array_namespace(params["mlp.W"]).concat(self.thetas(params), axis=-1)
        return maps | ({"W_L": params["unembed.W_U"].mT} if "unembed.W_U" in params else {})

    def pair_operations(self, p: int) -> float:
        """See `Network.pair_operations`."""
        return super().pair_operations(p) + 4 * p * self.d_model * self.d_mlp

    def grid(self, params: Mapping[str, np.ndarray], p: int) -> Grid:
        """The network on every pair."""
        weights = {name: np.asarray(value, dtype=np.float64) for name, value in params.items()}
        theta_x_PH, theta_y_PH = self.thetas(weights)
        neurons_PPH = activate(theta_x_PH[:, None] + theta_y_PH[None, :], self.activation)
        return Grid(logits_PPC=neurons_PPH @ weights["unembed.W_U"], neurons_PPH=neurons_PPH, params=weights, model=self)
