"""A network on all p*p pairs at once: what the analyses read."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, Self, TypeVar

import numpy as np

from modaddlab.models.network import Array, Network


@dataclass(frozen=True, kw_only=True)
class Grid:
    """What every network has for every pair (a, b); float64.

    Attributes:
        logits_PPC: outputs for the p residues, shape (P, P, P).
        neurons_PPH: hidden neurons after the nonlinearity, those that the outputs read, shape (P, P, H).
        params: the weights, float64 by name.
        model: the network.
    """

    logits_PPC: np.ndarray
    neurons_PPH: np.ndarray
    params: Mapping[str, np.ndarray] = field(repr=False)
    model: Network

    @property
    def p(self) -> int:
        """The modulus."""
        return len(self.logits_PPC)

    @functools.cached_property
    def _maps(self) -> dict[str, Array]:
        return self.model.maps(self.params, self.p)

    def single(self) -> Self:
        """The same in float32, whose products take a third of the time: a loss is then off by some 1e-5 of itself."""
        arrays = {name: value.astype(np.float32) for name, value in vars(self).items() if isinstance(value, np.ndarray)}
        return replace(self, **arrays, params={name: value.astype(np.float32) for name, value in self.params.items()})

    def mirrored(self) -> Self:
        """The same with b named -b: what subtracts becomes what adds."""
        back_P = -np.arange(self.p) % self.p
        return replace(self, **{name: value[:, back_P] for name, value in vars(self).items() if isinstance(value, np.ndarray)})

    @property
    def W_E_PD(self) -> np.ndarray:
        """What stands for a residue, (P, D)."""
        return self._maps["W_E"]

    @property
    def W_L_HC(self) -> np.ndarray:
        """The neuron-logit map, (H, P)."""
        return self._maps["W_L"].T


OfFamily = TypeVar("OfFamily", bound=Grid, covariant=True)


class _HasGrid(Protocol[OfFamily]):
    def grid(self, params: Mapping[str, np.ndarray], p: int) -> OfFamily: ...


def run_grid(params: Mapping[str, np.ndarray], model: _HasGrid[OfFamily], p: int) -> OfFamily:
    """Run a network on every pair of residues.

    Args:
        params: weights by name, any float type; computed in float64.
        model: the network.
        p: the modulus.

    Returns:
        the grid of the network's family; about 0.3 GB for a transformer with p = 113 and 512 neurons.
    """
    return model.grid(params, p)
