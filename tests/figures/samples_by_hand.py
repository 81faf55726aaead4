"""The figures of one sum by hand, on the network written by hand with some noise and attention of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from modaddlab import by_hand, figures
from modaddlab.models.closed_form import circle_transformer
from modaddlab.models.grid import run_grid
from modaddlab.models.registry import TransformerSpec


def calls() -> dict[str, tuple[Any, tuple[Any, ...], dict[str, Any]]]:
    """figure name -> (function, arguments, keyword arguments)."""
    p, counts = 23, {3: 15, 5: 11, 8: 9, 9: 7}
    model = TransformerSpec(d_model=24, n_heads=3, d_head=8, d_mlp=42)
    params = {name: np.array(value) for name, value in circle_transformer(model, p, counts, scale=2.0).items()}
    noise = np.random.default_rng(1)
    for name in ("blocks.0.attn.W_Q", "blocks.0.attn.W_K", "embed.W_E", "blocks.0.mlp.b_in"):
        params[name] += 0.1 * noise.normal(size=params[name].shape)
    walk = by_hand.walk(run_grid(params, model, p), sorted(counts), 4, 17)
    return {
        "walk_circles": (figures.walk_circles, (walk,), {}),
        "walk_attention": (figures.walk_attention, (walk,), {}),
        "walk_neurons": (figures.walk_neurons, (walk, [0, 16, 27, 36]), {}),
        "walk_cluster": (figures.walk_cluster, (walk, 0.3), {}),
        "walk_sum": (figures.walk_sum, (walk,), {}),
        "walk_answer": (figures.walk_answer, (walk,), {}),
        "walk_steps": (figures.walk_steps, (walk, {step.name: 0.05 for step in walk.steps}), {}),
    }
