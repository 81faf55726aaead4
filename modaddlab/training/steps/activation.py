"""The nonlinearity of the hidden neurons and its derivative, on buffers that are allocated once."""

from __future__ import annotations

import torch
from torch import Tensor

from modaddlab.models.network import Activation


def activate_into(pre: Tensor, activation: Activation, out: Tensor) -> None:
    """Write act(pre) into `out`, which for ReLU may be `pre` itself."""
    match activation:
        case "relu":
            torch.clamp_min(pre, 0, out=out)
        case "gelu":
            out.copy_(torch.nn.functional.gelu(pre))
        case "quad":
            torch.mul(pre, pre, out=out)
        case "id":
            out.copy_(pre)


def activation_backward_(gradient: Tensor, pre: Tensor, activation: Activation) -> None:
    """Multiply `gradient` by act'(pre) in place; for ReLU `pre` may hold max(pre, 0)."""
    match activation:
        case "relu":
            torch.ops.aten.threshold_backward.grad_input(gradient, pre, 0, grad_input=gradient)
        case "gelu":
            gradient.copy_(torch.ops.aten.gelu_backward(gradient, pre))
        case "quad":
            gradient.mul_(pre).mul_(2)
        case "id":
            pass
