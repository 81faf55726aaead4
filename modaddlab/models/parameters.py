"""The parameters of any network: their names, shapes and initial values."""

from __future__ import annotations

import numpy as np

from modaddlab.experiments.spec import ModelSpec, TwoLayerSpec
from modaddlab.models import transformer, two_layer


def param_shapes(model: ModelSpec, p: int) -> dict[str, tuple[int, ...]]:
    """The shape of every parameter, in the order in which they lie in the flat parameter vector."""
    if isinstance(model, TwoLayerSpec):
        return two_layer.param_shapes(model, p)
    return transformer.param_shapes(model, p)


def init_params(model: ModelSpec, p: int, seed: int) -> dict[str, np.ndarray]:
    """Initial weights, float32 by name; see the function of this name of `models.transformer` and of `models.two_layer`."""
    if isinstance(model, TwoLayerSpec):
        return two_layer.init_params(model, p, seed)
    return transformer.init_params(model, p, seed)
