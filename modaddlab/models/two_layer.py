"""The two-layer network of He, Wang, Chen and Yang 2026: one hidden layer on the sum of two one-hot vectors.

    logits[c] = sum_m  xi_m[c] act(theta_m[a] + theta_m[b])

theta_m and xi_m are the weights of neuron m in and out, functions of a residue. There are no biases, and the order of a and b
makes no difference. With a learned embedding theta = (W_E W_in)^T; with one-hot vectors theta = W_in^T; always xi = W_out.

`forward` is the literal computation with one-hot vectors, on NumPy arrays or torch tensors: the reference that the exact fast
step of `modaddlab.training.compiled` is held to. `TwoLayerGrid` is the network on all pairs, with the names of the
transformer's `Grid` where they make sense: W_E is what stands for a residue in the hidden layer, theta; W_L is xi.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from array_api_compat import array_namespace

from modaddlab.fields import check, setting, specification
from modaddlab.models.grid import Grid
from modaddlab.models.network import Activation, Array, NamedLoss, Network, activate
from modaddlab.models.weight_gradients import summed_loss

STEP_SECONDS = 4e-5
"""What a step costs whatever its size."""

PRODUCT_RATE = 1.1e11
PASS_SECONDS = 2e-10
"""Floating-point operations a second in its dense products; seconds per hidden activation for all else."""


@specification("model")
class TwoLayerSpec(Network):
    """A network with one hidden layer on the sum of the two residues' one-hot vectors (He et al. 2026): no attention, no biases.

    logits = act(theta[a] + theta[b]) xi, the same for (a, b) and (b, a).
    """

    kind: Literal["two-layer"] = setting("two-layer", "tells this network from a transformer")
    d_mlp: int = setting(512, "hidden neurons", ge=1, le=2**20)
    activation: Activation = setting("relu", "the nonlinearity")
    d_model: int | None = setting(
        None, "width of a learned embedding before the hidden layer; none: one-hot vectors of length p", ge=1, le=8192
    )
    init: Literal["random", "single-frequency"] = setting(
        "random", "initial weights: normal; or one cosine a neuron, of one frequency in and out, with random phases (odd p)"
    )
    init_scale: float = setting(
        0.1, "random: weights are init_scale * N(0, 1) / sqrt(width); single-frequency: the amplitude", gt=0, le=100
    )

    def __post_init__(self) -> None:
        check(
            self.init == "random" or self.d_model is None,
            f"model.init (={self.init}) is for one-hot vectors; model.d_model (={self.d_model}) must be none with it",
        )

    @property
    def embedding(self) -> Literal["one-hot", "learned"]:
        """What stands for a residue."""
        return "one-hot" if self.d_model is None else "learned"

    @property
    def train_version(self) -> int:
        """Since 2 every run takes the compiled step, as batches did before, or goes by autograd."""
        return 2

    @property
    def residue_weights(self) -> tuple[str, ...]:
        """The names of the parameters that stand for a residue."""
        return ("mlp.W_in",) if self.d_model is None else ("embed.W_E", "mlp.W_in")

    def phrase(self) -> str:
        """The network in a few words."""
        return f"a two-layer network from {self.init.replace('-', ' ')} initial weights"

    def check_modulus(self, p: int) -> None:
        """Raise a `LabError` where the initial weights are not defined for this modulus."""
        check(
            self.init != "single-frequency" or p % 2 == 1,
            f"task.p (={p}) must be odd for model.init=single-frequency, whose cosines have the frequencies "
            "1..(p-1)/2; take an odd p, or model.init=random",
        )

    def param_shapes(self, p: int) -> dict[str, tuple[int, ...]]:
        """The shape of every parameter, in the order in which they lie in the flat parameter vector."""
        if self.d_model is None:
            return {"mlp.W_in": (p, self.d_mlp), "mlp.W_out": (self.d_mlp, p)}
        return {"embed.W_E": (p, self.d_model), "mlp.W_in": (self.d_model, self.d_mlp), "mlp.W_out": (self.d_mlp, p)}

    def init_params(self, p: int, seed: int) -> dict[str, np.ndarray]:
        """Initial weights.

        "random": init_scale * N(0, 1) / sqrt(width) in and out, width being p for one-hot vectors and d_model for a learned
        embedding, which itself is N(0, 1) / sqrt(d_model). "single-frequency": theta_m[j] = init_scale * cos(w_k j + phi_m)
        and xi_m[j] = init_scale * cos(w_k j + psi_m), w_k = 2 pi k / p, with independent uniform phases; the (p - 1) / 2
        frequencies are dealt out to the neurons in random order, as evenly as possible.

        Drawn by NumPy's PCG64, one stream per parameter, so that they depend neither on torch nor on the device.

        Returns:
            float32 arrays by name; W_out lies column by column in memory, as the fast step of training reads it.

        Source:
            He et al. 2026, released code.
        """
        shapes = self.param_shapes(p)
        rngs = {name: np.random.default_rng([seed, 0, index]) for index, name in enumerate(shapes)}
        if self.init == "single-frequency":
            waves = {name: _waves(rng, frequencies(self, p, seed), p) for name, rng in rngs.items()}
            draws = {"mlp.W_in": self.init_scale * waves["mlp.W_in"].T, "mlp.W_out": self.init_scale * waves["mlp.W_out"]}
        else:
            width = self.d_model or p
            scales = {"embed.W_E": 1.0, "mlp.W_in": self.init_scale, "mlp.W_out": self.init_scale}
            draws = {name: scales[name] / math.sqrt(width) * rngs[name].standard_normal(shape) for name, shape in shapes.items()}
        order = {"mlp.W_out": "F"}
        return {name: np.array(value, dtype=np.float32, order=order.get(name, "C")) for name, value in draws.items()}  # type: ignore[arg-type]

    def forward(self, params: Mapping[str, Array], pairs_B2: Array, p: int) -> Array:
        """The logits, computed literally with one-hot vectors; see `Network.forward`."""
        W_out_HP = params["mlp.W_out"]
        xp = array_namespace(W_out_HP)
        one_hot_B2P = xp.eye(W_out_HP.shape[1], dtype=W_out_HP.dtype)[pairs_B2]
        summed_BP = xp.sum(one_hot_B2P, axis=1)
        x_BD = summed_BP @ params["embed.W_E"] if self.d_model is not None else summed_BP
        return activate(x_BD @ params["mlp.W_in"], self.activation) @ W_out_HP

    def weight_gradients(self, pairs_B2: np.ndarray, labels_B: np.ndarray, p: int) -> tuple[int, NamedLoss]:
        """See `Network.weight_gradients`; a pair and its mirror image are one question."""
        return summed_loss(pairs_B2, labels_B, self.activation, p)

    def maps(self, params: Mapping[str, Array], p: int) -> dict[str, Array]:
        """theta's transpose and xi's."""
        maps = {"W_E": theta_of(params)} if "mlp.W_in" in params else {}
        return maps | ({"W_L": params["mlp.W_out"].mT} if "mlp.W_out" in params else {})

    def page(self, p: int) -> dict[str, Any] | None:
        """What the interactive page's network must know of it besides its weights."""
        if self.d_model is not None or self.activation not in ("relu", "quad"):
            return None
        return {"kind": self.kind, "p": p, "H": self.d_mlp, "activation": self.activation}

    def grid(self, params: Mapping[str, np.ndarray], p: int) -> TwoLayerGrid:
        """The network on every pair."""
        weights = {name: np.asarray(value, dtype=np.float64) for name, value in params.items()}
        theta_PH = theta_of(weights)
        if theta_PH.shape != (p, self.d_mlp):
            raise ValueError(f"theta must have the shape (p, d_mlp) = {(p, self.d_mlp)}, found {theta_PH.shape}")
        neurons_PPH = activate(theta_PH[:, None] + theta_PH[None, :], self.activation)
        return TwoLayerGrid(logits_PPC=neurons_PPH @ weights["mlp.W_out"], neurons_PPH=neurons_PPH, params=weights, model=self)

    def step_seconds(self, p: int, n_train: int, metrics_every: int) -> float:
        """See `Network.step_seconds`; a pair and its mirror image are computed once."""
        step = min(n_train, p * (p + 1) // 2) * (6 * self.d_mlp * p / PRODUCT_RATE + self.d_mlp * PASS_SECONDS)
        return STEP_SECONDS + step * (1 + 1 / metrics_every)

    def pair_operations(self, p: int) -> float:
        """See `Network.pair_operations`."""
        return super().pair_operations(p) + 2 * p * (self.d_model or 0) * self.d_mlp

    def memory(self, p: int, n_train: int) -> float:
        """See `Network.memory`."""
        return p * (p + 1) / 2 * (8 * self.d_mlp + 16 * p)


@dataclass(frozen=True, kw_only=True)
class TwoLayerGrid(Grid):
    """Activations of a two-layer network for every pair (a, b), with the published names of its weights."""

    @property
    def theta_HP(self) -> np.ndarray:
        """The weights into each neuron as a function of a residue, (H, P)."""
        return self.W_E_PD.T

    @property
    def xi_HP(self) -> np.ndarray:
        """The weights out of each neuron as a function of the answer, (H, P)."""
        return self.W_L_HC


def frequencies(model: TwoLayerSpec, p: int, seed: int) -> np.ndarray:
    """The frequency that each neuron begins with under init "single-frequency": int64 of shape (H,), values 1..(p - 1)/2."""
    rng = np.random.default_rng([seed, 4])
    return rng.permutation(np.resize(1 + rng.permutation((p - 1) // 2), model.d_mlp))


def _waves(rng: np.random.Generator, frequency_H: np.ndarray, p: int) -> np.ndarray:
    """cos(w_k j + phase) with a random phase for each neuron, (H, P)."""
    phase_H = rng.uniform(0, 2 * np.pi, len(frequency_H))
    return np.cos(2 * np.pi * frequency_H[:, None] * np.arange(p) / p + phase_H[:, None])


def theta_of(params: Mapping[str, Array]) -> Array:
    """The transpose of theta, (P, H): the row of a residue is what it adds to every neuron."""
    W_in = params["mlp.W_in"]
    return params["embed.W_E"] @ W_in if "embed.W_E" in params else W_in
