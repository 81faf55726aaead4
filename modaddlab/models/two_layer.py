"""The two-layer network of He, Wang, Chen and Yang 2026: one hidden layer on the sum of two one-hot vectors.

    logits[c] = sum_m  xi_m[c] act(theta_m[a] + theta_m[b])

theta_m and xi_m are the weights of neuron m in and out, functions of a residue. There are no biases, and the order of a and b
makes no difference. With a learned embedding theta = (W_E W_in)^T; with one-hot vectors theta = W_in^T; always xi = W_out.

`forward` is the literal computation with one-hot vectors, on NumPy arrays or torch tensors: the reference that the exact fast
step of `modaddlab.training.steps.two_layer` is held to. `TwoLayerGrid` is the network on all pairs, with the names of the
transformer's `Grid` where they make sense: W_E is what stands for a residue in the hidden layer, theta; W_L is xi.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from array_api_compat import array_namespace

from modaddlab.experiments.spec import TwoLayerSpec
from modaddlab.models.transformer import Array, activate


def param_shapes(model: TwoLayerSpec, p: int) -> dict[str, tuple[int, ...]]:
    """The shape of every parameter, in the order in which they lie in the flat parameter vector."""
    if model.d_model is None:
        return {"mlp.W_in": (p, model.d_mlp), "mlp.W_out": (model.d_mlp, p)}
    return {"embed.W_E": (p, model.d_model), "mlp.W_in": (model.d_model, model.d_mlp), "mlp.W_out": (model.d_mlp, p)}


def init_params(model: TwoLayerSpec, p: int, seed: int) -> dict[str, np.ndarray]:
    """Initial weights.

    "random": init_scale * N(0, 1) / sqrt(width) in and out, width being p for one-hot vectors and d_model for a learned
    embedding, which itself is N(0, 1) / sqrt(d_model). "single-frequency": theta_m[j] = init_scale * cos(w_k j + phi_m) and
    xi_m[j] = init_scale * cos(w_k j + psi_m), w_k = 2 pi k / p, with independent uniform phases; the (p - 1) / 2 frequencies are
    dealt out to the neurons in random order, as evenly as possible.

    Drawn by NumPy's PCG64, one stream per parameter, so that they depend neither on torch nor on the device.

    Returns:
        float32 arrays by name; W_out lies column by column in memory, as the fast step of training reads it.

    Source:
        He et al. 2026, released code.
    """
    shapes = param_shapes(model, p)
    rngs = {name: np.random.default_rng([seed, 0, index]) for index, name in enumerate(shapes)}
    if model.init == "single-frequency":
        waves = {name: _waves(rng, frequencies(model, p, seed), p) for name, rng in rngs.items()}
        draws = {"mlp.W_in": model.init_scale * waves["mlp.W_in"].T, "mlp.W_out": model.init_scale * waves["mlp.W_out"]}
    else:
        width = model.d_model or p
        scales = {"embed.W_E": 1.0, "mlp.W_in": model.init_scale, "mlp.W_out": model.init_scale}
        draws = {name: scales[name] / math.sqrt(width) * rngs[name].standard_normal(shape) for name, shape in shapes.items()}
    order = {"mlp.W_out": "F"}
    return {name: np.array(value, dtype=np.float32, order=order.get(name, "C")) for name, value in draws.items()}  # type: ignore[arg-type]


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


def forward(params: Mapping[str, Array], pairs_B2: Array, model: TwoLayerSpec) -> Array:
    """The logits, computed literally with one-hot vectors.

    Args:
        params: arrays or tensors by name, shapes of `param_shapes`.
        pairs_B2: integer residues (a, b), shape (B, 2).
        model: the network's specification.

    Returns:
        logits of shape (B, P).
    """
    W_out_HP = params["mlp.W_out"]
    xp = array_namespace(W_out_HP)
    one_hot_B2P = xp.eye(W_out_HP.shape[1], dtype=W_out_HP.dtype)[pairs_B2]
    summed_BP = xp.sum(one_hot_B2P, axis=1)
    x_BD = summed_BP @ params["embed.W_E"] if model.d_model is not None else summed_BP
    return activate(x_BD @ params["mlp.W_in"], model.activation) @ W_out_HP


@dataclass(frozen=True, kw_only=True)
class TwoLayerGrid:
    """Activations of a two-layer network for every pair (a, b); float64.

    Attributes:
        logits_PPC: outputs, shape (P, P, P).
        neurons_PPH: hidden neurons after the nonlinearity, shape (P, P, H).
        params: the weights, float64 by name.
        model: the network.
    """

    logits_PPC: np.ndarray
    neurons_PPH: np.ndarray
    params: Mapping[str, np.ndarray] = field(repr=False)
    model: TwoLayerSpec

    @property
    def p(self) -> int:
        return len(self.logits_PPC)

    @property
    def theta_HP(self) -> np.ndarray:
        """The weights into each neuron as a function of a residue, (H, P)."""
        return theta_of(self.params).T

    @property
    def xi_HP(self) -> np.ndarray:
        """The weights out of each neuron as a function of the answer, (H, P)."""
        return self.params["mlp.W_out"]

    @property
    def W_E_PD(self) -> np.ndarray:
        """What stands for a residue in the hidden layer, theta's transpose, (P, H)."""
        return self.theta_HP.T

    @property
    def W_L_HC(self) -> np.ndarray:
        """The neuron-logit map, xi, (H, P)."""
        return self.xi_HP

    def logits_from(self, neurons_PPH: np.ndarray | None = None) -> np.ndarray:
        """The logits that other hidden neurons would give, (P, P, P)."""
        return (self.neurons_PPH if neurons_PPH is None else neurons_PPH) @ self.xi_HP


def two_layer_grid(params: Mapping[str, np.ndarray], model: TwoLayerSpec, p: int) -> TwoLayerGrid:
    """Run a two-layer network on every pair of residues.

    Args:
        params: weights by name, any float type; computed in float64.
        model: the network.
        p: the modulus.
    """
    weights = {name: np.asarray(value, dtype=np.float64) for name, value in params.items()}
    theta_PH = theta_of(weights)
    if theta_PH.shape != (p, model.d_mlp):
        raise ValueError(f"theta must have the shape (p, d_mlp) = {(p, model.d_mlp)}, found {theta_PH.shape}")
    neurons_PPH = activate(theta_PH[:, None] + theta_PH[None, :], model.activation)
    return TwoLayerGrid(
        logits_PPC=neurons_PPH @ weights["mlp.W_out"], neurons_PPH=neurons_PPH, params=weights, model=model
    )
