"""The step of the two-layer network as loops that are compiled for the processor at hand."""

from __future__ import annotations

from typing import cast

from modaddlab.experiments.spec import RunSpec
from modaddlab.models.two_layer import TwoLayerSpec

ACTIVATIONS = ("relu", "quad", "id")
"""Those that there are loops for."""


def covers(spec: RunSpec) -> bool:
    """Whether there are compiled steps for a run: one-hot vectors, no GELU, full batches, no L1 penalty, plain loss and rule."""
    if spec.loss_dtype not in ("float64", "float32"):
        return False
    if spec.model.kind != TwoLayerSpec.kind or spec.optim.l1 or spec.optim.batch_size or not spec.optim.is_plain:
        return False
    return cast(TwoLayerSpec, spec.model).d_model is None and spec.model.activation in ACTIVATIONS
