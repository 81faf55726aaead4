"""A network on some of its residues under other names answers what it answered."""

from __future__ import annotations

import numpy as np
import pytest

from modaddlab import tasks
from modaddlab.models.network import Network
from modaddlab.models.registry import AttentionRateSpec, LinearLayersSpec, TransformerSpec, TwoEmbeddingsSpec, TwoLayerSpec

P = 11
NETWORKS: dict[str, Network] = {
    "transformer": TransformerSpec(d_model=12, n_heads=3, d_head=4, d_mlp=10),
    "as wide as residues": TransformerSpec(d_model=P, n_heads=1, d_head=P, d_mlp=P + 1, n_layers=2, predict_equals=False),
    "attention rate": AttentionRateSpec(d_model=12, n_heads=3, d_head=4, d_mlp=10, attention_rate=0.5),
    "one-hot": TwoLayerSpec(d_mlp=P),
    "embeds": TwoLayerSpec(d_mlp=6, d_model=5),
    "two embeddings": TwoEmbeddingsSpec(d_model=P, d_mlp=6),
    "linear": LinearLayersSpec(d_mlp=6),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("residues", [[7, 1, 4, 10], [*range(1, P), 0]], ids=["some", "all"])
def test_it_answers_what_it_answered(name: str, residues: list[int]) -> None:
    model, rng, residue_Q, q = NETWORKS[name], np.random.default_rng(2), np.array(residues), len(residues)
    params = {key: rng.normal(size=shape) for key, shape in model.param_shapes(P).items()}
    renamed = model.renamed(params, residue_Q, P)
    assert {key: value.shape for key, value in renamed.items()} == model.param_shapes(q)
    pairs_B2 = tasks.all_pairs(q)
    expected = model.forward(params, residue_Q[pairs_B2], P)[:, residue_Q]
    np.testing.assert_allclose(model.forward(renamed, pairs_B2, q)[:, :q], expected, rtol=1e-10, atol=1e-12)
