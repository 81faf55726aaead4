"""A network written by hand, as findings of one network take a study."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from modaddlab.analysis.keys import compare_rules
from modaddlab.models.closed_form import circle_transformer
from modaddlab.models.grid import run_grid
from modaddlab.models.transformer import TransformerSpec

P, NEURONS = 31, {3: 5, 10: 7}


@pytest.fixture(scope="session")
def by_design() -> Any:
    """A study's grid, keys and labels: p = 31, the keys 3 and 10, five and seven neurons, three dead ones."""
    model = TransformerSpec(d_model=24, n_heads=3, d_head=8, d_mlp=15)
    grid = run_grid(circle_transformer(model, P, NEURONS), model, P)
    residues = np.arange(P)
    rules = compare_rules(grid.W_E_PD, grid.W_L_HC, grid.neurons_PPH)
    return SimpleNamespace(
        spec=SimpleNamespace(model=model),
        initial=model.init_params(P, seed=0),
        grid=grid,
        p=P,
        keys=rules.majority,
        key_rules=rules,
        labels_PP=(residues[:, None] + residues) % P,
        train_mask_PP=np.random.default_rng(0).random((P, P)) < 0.4,
    )
