"""What a network is to the rest of the package: one frozen dataclass, whose fields specify it and whose methods are the network.

A family of networks is one file of `modaddlab.models` with one such class, named in `modaddlab.models.registry`. Training,
records, studies and measures ask a `Network` for what they need, and nothing branches on which family it belongs to; where a
measure is for some networks alone it says so (`kind`, `n_layers`, `layer_norm`, ...). Arrays may be NumPy's or torch's.

What is abstract every family has to say. The rest has defaults that suit any network without a fast step of its own
(`modaddlab.training.steps.choice`).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import Field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from array_api_compat import array_namespace, is_torch_namespace

if TYPE_CHECKING:
    from modaddlab.models.grid import Grid

Array = Any
"""A NumPy array or a torch tensor."""

Activation = Literal["relu", "gelu", "quad", "id"]

NamedLoss = Callable[[Mapping[str, np.ndarray]], tuple[float, dict[str, np.ndarray]]]
"""From weights by name to a mean loss and its gradient by name."""

STEP_SECONDS = 2.5e-3
PRODUCT_RATE = 1.2e10
"""By autograd: what a step costs whatever its size, and the floating-point operations a second of its dense products, all else
included."""

AUTOGRAD_BYTES = 80e6
"""What a step by autograd takes of memory whatever its size."""


class Network(ABC):
    """A network of some family; see the head of this module.

    Attributes:
        kind: the family's name, in a specification's field of this name.
        d_mlp: hidden neurons.
        activation: their nonlinearity.
        init: the name of how weights are drawn.
        n_layers: layers that follow each other.
        layer_norm: whether it has LayerNorm, so that its logits are no sum of parts.
        dropout: probability that a hidden neuron is dropped while training.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    kind: str
    d_mlp: int
    activation: Activation
    init: str = "normal"
    n_layers: int = 1
    layer_norm: bool = False
    dropout: float = 0.0

    @property
    def train_version(self) -> int:
        """Raised whenever the same specification would give other bits: the records that it is about are then trained again."""
        return 1

    @property
    @abstractmethod
    def residue_weights(self) -> tuple[str, ...]:
        """The names of the parameters that stand for a residue: all that `maps` needs for "W_E"."""

    @abstractmethod
    def phrase(self) -> str:
        """The network in a few words, "a transformer of 1 layer"."""

    @abstractmethod
    def param_shapes(self, p: int) -> dict[str, tuple[int, ...]]:
        """The shape of every parameter, in the order in which they lie in the flat parameter vector."""

    @abstractmethod
    def init_params(self, p: int, seed: int) -> dict[str, np.ndarray]:
        """Initial weights, float32 by name."""

    @abstractmethod
    def forward(self, params: Mapping[str, Array], pairs_B2: Array, p: int) -> Array:
        """The logits, computed literally.

        Args:
            params: arrays or tensors by name, shapes of `param_shapes`.
            pairs_B2: integer residues (a, b), shape (B, 2).
            p: the modulus.

        Returns:
            logits of shape (B, C), those of the residues first.
        """

    @abstractmethod
    def maps(self, params: Mapping[str, Array], p: int) -> dict[str, Array]:
        """What stands for a residue and what reads the hidden neurons: those of the two that the given weights tell.

        Args:
            params: some or all weights by name, with any number of axes before their own.
            p: the modulus.

        Returns:
            "W_E": a row for each residue, (..., P, D). "W_L": the neuron-logit map's transpose, (..., P, H).
        """

    @abstractmethod
    def grid(self, params: Mapping[str, np.ndarray], p: int) -> Grid:
        """The network on every pair, float64; see `modaddlab.models.grid`."""

    def pair_logits(self, params: Mapping[str, np.ndarray], p: int) -> np.ndarray:
        """The logits of the p residues on every pair, (P, P, P); float64 from float64 weights, at least float32 from those."""
        return self.grid(params, p).logits_PPC

    def logits(self, params: Mapping[str, Array], pairs_B2: Array, p: int) -> Array:
        """What `forward` gives, perhaps with less work."""
        return self.forward(params, pairs_B2, p)

    def token_gradients(self, params: Mapping[str, np.ndarray], pairs_B2: np.ndarray, p: int) -> np.ndarray:
        """The gradients of the p logits in the embeddings of a and of b.

        Args:
            params: float64 weights by name.
            pairs_B2: integer residues (a, b), shape (B, 2).
            p: the modulus.

        Returns:
            (2, B, P, D) float32; of a family that embeds both residues by one table and says so by having this method.
        """
        raise NotImplementedError(f"{self.kind} has no gradients in its embeddings")

    def weight_gradients(self, pairs_B2: np.ndarray, labels_B: np.ndarray, p: int) -> tuple[int, NamedLoss]:
        """The mean cross-entropy over some pairs and its exact gradient in all weights, on arrays of any float type.

        For what samples weights around those of a trained network; training has its own steps.

        Args:
            pairs_B2: integer residues (a, b), shape (B, 2).
            labels_B: the right answers.
            p: the modulus.

        Returns:
            how many different questions the pairs are to this network; and the loss, of a family that says so by having this
            method.
        """
        raise NotImplementedError(f"{self.kind} has no gradients in its weights but those of its training")

    def renamed(self, params: Mapping[str, np.ndarray], residue_Q: np.ndarray, p: int) -> dict[str, np.ndarray]:
        """The weights of the network that has some of the residues alone, under other names: what it is given and answers as x
        is what this one is given and answers as residue_Q[x].

        Args:
            params: weights by name.
            residue_Q: different residues.
            p: the modulus.

        Returns:
            arrays by name, for the modulus Q. What comes after the residues, such as "=", stays there.
        """
        found, longer = {}, self.param_shapes(p + 1)
        for name, shape in self.param_shapes(p).items():
            along = [axis for axis, n in enumerate(shape) if longer[name][axis] != n]  # the axes that run over the residues
            found[name] = params[name]
            for axis in along:
                found[name] = np.take(found[name], [*residue_Q, *range(p, shape[axis])], axis=axis)
        return found

    def page(self, p: int) -> dict[str, Any] | None:
        """What the interactive page's network (`web/scripts/network.js`) must know of this one besides its weights; None: it
        cannot be this one."""
        return None

    def check_modulus(self, p: int) -> None:  # noqa: B027 - most are for all
        """Raise a `LabError` where the network is not for this modulus."""

    def step_seconds(self, p: int, n_train: int, metrics_every: int) -> float:
        """An estimate of the time of a training step on one core, its share of the metrics included.

        Args:
            p: the modulus.
            n_train: pairs of a step.
            metrics_every: steps between two rows of metrics.
        """
        products = 6 * self.d_mlp * p  # three matrix products of two operations each, per pair
        return STEP_SECONDS + products * (n_train + p * p / 3 / metrics_every) / PRODUCT_RATE

    def pair_operations(self, p: int) -> float:
        """Floating-point operations that give the hidden neurons on all pairs, and whatever of the logits does not pass them,
        exactly and by the shortest way known; of one layer. Here: two tables, added, and the nonlinearity."""
        return 2 * p * p * self.d_mlp

    def memory(self, p: int, n_train: int) -> float:
        """An estimate of the bytes that a run's arrays take at most: those of a step, and of a row of metrics."""
        return AUTOGRAD_BYTES + (n_train + p * p) * (24 * self.d_mlp + 16 * p)


def activate(x: Array, activation: Activation) -> Array:
    """A nonlinearity, element by element: max(x, 0), the exact GELU, x^2 or x."""
    match activation:
        case "relu":
            return x.clip(0) if isinstance(x, np.ndarray) else x.relu()
        case "gelu":
            return x * (1 + _erf(x / math.sqrt(2))) / 2
        case "quad":
            return x * x
        case "id":
            return x


def activation_slope(x: np.ndarray, activation: str) -> np.ndarray:
    """The derivative of the MLP's nonlinearity; 0 at the corner of ReLU."""
    match activation:
        case "relu":
            return (x > 0).astype(np.float64)
        case "gelu":
            below = np.where(x == 0, 0.5, activate(x, "gelu") / np.where(x == 0, 1, x))  # P(N(0, 1) < x)
            return below + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
        case "quad":
            return 2 * x
        case _:
            return np.ones_like(x)


def _erf(x: Array) -> Array:
    if is_torch_namespace(array_namespace(x)):
        return x.erf()
    from scipy.special import erf

    return erf(x)
