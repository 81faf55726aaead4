"""Another nonlinearity in a trained two-layer network: which ones leave its answers right, and why (He et al. 2026, section 4).

The weights stay as they are and only sigma changes. In the sum over neurons whose phases are balanced, of sigma(A cos t) only the
harmonic cos 2t reaches the output's wave (`modaddlab.analysis.indicator`). An odd function has none, an even one has it as a
rule; so |x|, x^2, x^4, x^8, log(1 + exp(2x)) and exp(x) should answer right, and x and x^3 should not.

log(1 + exp(2x)) = x + log(2 cosh x) and exp(x) = cosh x + sinh x have an odd part as well. It does not help, and it does harm as
far as the phases are not balanced. Its share falls with the size of the argument: for small x, exp(x) is nearly 1 + x. So the
answer depends on how large the weights have grown, which ReLU and the powers do not notice: they only rescale all logits.
`swap(..., scale=s)` multiplies the arguments by s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from modaddlab.analysis.indicator import harmonic, pair_losses, sums
from modaddlab.analysis.progress import accuracy
from modaddlab.analysis.two_layer import Activation, network_logits

SWAPS: Mapping[str, Activation] = MappingProxyType(
    {
        "|x|": np.abs,
        "x²": lambda x: x**2,
        "x⁴": lambda x: x**4,
        "x⁸": lambda x: x**8,
        "log(1+e²ˣ)": lambda x: np.logaddexp(0.0, 2 * x),
        "eˣ": np.exp,
        "x": lambda x: x,
        "x³": lambda x: x**3,
    }
)
"""The nonlinearities of the published table, in its order."""

RELU: Activation = lambda x: np.maximum(x, 0.0)  # noqa: E731
QUAD: Activation = lambda x: x**2  # noqa: E731
MOST_ARGUMENTS = 100_000
"""How many arguments a nonlinearity's even share is measured on at most, evenly spaced among all."""

ACTIVATIONS: Mapping[str, Activation] = MappingProxyType({"relu": RELU, "quad": QUAD})
"""The nonlinearities that networks of this kind are trained with here, by the names of their specifications."""


@dataclass(frozen=True, kw_only=True)
class Swap:
    """A network with another nonlinearity.

    Attributes:
        name: the nonlinearity.
        accuracy: share of all pairs answered right.
        loss: mean loss over all pairs, nats.
        even_share: share of the nonlinearity's variation, over the arguments that the network gives it, in its even part;
            between 0 (odd) and 1 (even).
    """

    name: str
    accuracy: float
    loss: float
    even_share: float


def swap(
    theta_HP: np.ndarray, xi_HP: np.ndarray, activations: Mapping[str, Activation] = SWAPS, *, scale: float = 1.0
) -> tuple[Swap, ...]:
    """Answer every pair with other nonlinearities in place of the network's own.

    Args:
        theta_HP: input vectors, (H, P).
        xi_HP: output vectors, (H, P).
        activations: name -> function on arrays.
        scale: factor on the arguments of the nonlinearity.
    """
    theta_HP = scale * np.asarray(theta_HP, dtype=np.float64)
    p = theta_HP.shape[1]
    argument_N = (theta_HP[:, :, None] + theta_HP[:, None, :]).ravel()
    argument_N = argument_N[:: -(-len(argument_N) // MOST_ARGUMENTS)]
    rows = []
    for name, activation in activations.items():
        logits_PPC = network_logits(theta_HP, xi_HP, activation)
        rows.append(
            Swap(
                name=name,
                accuracy=accuracy(logits_PPC, sums(p)),
                loss=float(pair_losses(logits_PPC).mean()),
                even_share=even_share(activation, argument_N),
            )
        )
    return tuple(rows)


def even_share(activation: Activation, argument_N: np.ndarray) -> float:
    """The share of sigma's variation over some arguments and their negatives that is in its even part."""
    plus_N, minus_N = activation(argument_N), activation(-argument_N)
    even, odd = np.var((plus_N + minus_N) / 2), np.mean(((plus_N - minus_N) / 2) ** 2)
    return float(even / (even + odd))


def accuracy_by_scale(
    theta_HP: np.ndarray, xi_HP: np.ndarray, scales: Sequence[float], activations: Mapping[str, Activation]
) -> dict[str, np.ndarray]:
    """The accuracy with another nonlinearity whose arguments are multiplied by a factor: name -> (N,) over the factors."""
    p = np.shape(theta_HP)[1]
    return {
        name: np.array([accuracy(network_logits(scale * np.asarray(theta_HP), xi_HP, sigma), sums(p)) for scale in scales])
        for name, sigma in activations.items()
    }


def harmonics(activation: Activation, amplitude: float, most: int = 4) -> np.ndarray:
    """The size of the harmonics 1..most of sigma(A cos t), each over their joint norm: (most,)."""
    sizes = np.array([abs(float(harmonic(activation, np.array(amplitude), order))) for order in range(1, most + 1)])
    return sizes / np.linalg.norm(sizes)
