"""Which step trains which network: the fast one of its family where there is one, otherwise the plain one.

A family that gets a step of its own gets a line in `FAST`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor

from modaddlab.experiments.spec import LossDtype
from modaddlab.models.network import Network
from modaddlab.training.steps.last_position import LastPosition
from modaddlab.training.steps.one_layer import OneLayer
from modaddlab.training.steps.plain import PlainStep
from modaddlab.training.steps.two_positions import TwoPositions

if TYPE_CHECKING:
    from modaddlab.training.steps.several_layers import SeveralLayers

Step: TypeAlias = "OneLayer | SeveralLayers | LastPosition | TwoPositions | PlainStep"
"""Logits and gradients of a network on a fixed set of pairs."""


def _transformer(model: Any, on_cpu: bool, minibatch: bool) -> type[Step]:
    if minibatch or not on_cpu:
        return LastPosition
    if model.n_layers == 1:
        return OneLayer if OneLayer.covers(model) else LastPosition
    from modaddlab.training.steps.several_layers import SeveralLayers  # numba, which others need not wait for

    return SeveralLayers if SeveralLayers.covers(model) else LastPosition


def _attention_rate(model: Any, on_cpu: bool, minibatch: bool) -> Callable[..., Step]:
    covered = TwoPositions.covers(model) and on_cpu and not minibatch
    return TwoPositions if covered else functools.partial(PlainStep, literal=False)


FAST: dict[str, Callable[[Any, bool, bool], Callable[..., Step]]] = {
    "transformer": _transformer,
    "attention-rate": _attention_rate,
}
"""By kind of network: which step, given the network, whether it is on the CPU, and whether it is for one minibatch."""


def exact_step(model: Network, device: torch.device, *, minibatch: bool) -> Callable[[int, Tensor, Tensor, LossDtype], Step]:
    """The step of a network, waiting for the modulus, the pairs, their answers and the precision of the loss.

    Args:
        model: the network.
        device: where it trains; the hand-written steps run on the CPU, everything else goes by autograd.
        minibatch: whether it is for one step alone, so that preparing it does not pay.
    """
    if model.kind not in FAST:
        return functools.partial(PlainStep, model, literal=False)
    return functools.partial(FAST[model.kind](model, device.type == "cpu", minibatch), model)


def autograd_step(model: Network, p: int, pairs_B2: Tensor, labels_B: Tensor) -> Step:
    """The step of a network by autograd."""
    return exact_step(model, torch.device("meta"), minibatch=True)(p, pairs_B2, labels_B, "float64")
