"""The gradients of logits in the embeddings of a and of b, against differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from modaddlab import tasks
from modaddlab.models.network import Network
from modaddlab.models.registry import AttentionRateSpec, LinearLayersSpec, TransformerSpec

P, STEP = 7, 1e-5
SMALL: dict[str, Any] = {"d_model": 12, "n_heads": 3, "d_head": 4, "d_mlp": 10}
DECODERS = {
    "rate 0": AttentionRateSpec(**SMALL, attention_rate=0.0),
    "rate 0.7": AttentionRateSpec(**SMALL, attention_rate=0.7, activation="gelu"),
    "mainline": TransformerSpec(**SMALL),
    "no biases": TransformerSpec(**SMALL, mlp_biases=False, activation="quad"),
}


def some_params(model: Network) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    return {name: value + 0.4 * rng.standard_normal(value.shape) for name, value in model.init_params(P, 1).items()}


@pytest.mark.parametrize("name", DECODERS)
def test_of_a_decoder(name: str) -> None:
    """A token's embedding moves its position's residual stream as the position's embedding does."""
    model, pairs = DECODERS[name], tasks.all_pairs(P)
    params = some_params(model)
    found = model.token_gradients(params, pairs, P)
    assert found.shape == (2, P * P, P, 12)
    for side in (0, 1):
        for axis in (0, 7):
            ends = []
            for step in (STEP, -STEP):
                W_pos = params["pos_embed.W_pos"].copy()
                W_pos[side, axis] += step
                ends.append(model.forward({**params, "pos_embed.W_pos": W_pos}, pairs, P)[:, :P])
            np.testing.assert_allclose(found[side, :, :, axis], (ends[0] - ends[1]) / (2 * STEP), atol=1e-6 * np.abs(found).max())


@pytest.mark.parametrize("arrangement", ["A", "B", "C", "D"])
def test_of_linear_layers(arrangement: Any) -> None:
    """Pairs of different residues: a change of the table's row a then moves one side alone."""
    model = LinearLayersSpec(arrangement=arrangement, d_mlp=8)
    params, pairs = some_params(model), np.array([[1, 4], [5, 2]])
    found = model.token_gradients(params, pairs, P)
    for side in (0, 1):
        for i, pair in enumerate(pairs):
            W_E = params["embed.W_E"].copy()
            W_E[pair[side], 3] += STEP
            moved = model.forward({**params, "embed.W_E": W_E}, pairs[i : i + 1], P) - model.forward(params, pairs[i : i + 1], P)
            np.testing.assert_allclose(found[side, i, :, 3], moved[0] / STEP, atol=1e-6 * np.abs(found).max())
    assert np.array_equal(found[0], found[1]) == (arrangement != "D")
