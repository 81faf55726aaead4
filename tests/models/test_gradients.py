"""The average gradient outer product against automatic differentiation and against finite differences of the plain network."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from modaddlab.models.gradients import gradient_outer_product, whole_differences
from modaddlab.models.network import activate, activation_slope
from modaddlab.models.registry import TransformerSpec
from modaddlab.models.transformer import forward
from modaddlab.tasks import all_pairs

P = 7
MODEL = TransformerSpec(d_model=12, n_heads=3, d_head=4, d_mlp=14)


def random_params(model: TransformerSpec) -> dict[str, np.ndarray]:
    """Weights of a size at which attention, neurons and biases all matter."""
    rng = np.random.default_rng(3)
    return {name: value + 0.4 * rng.standard_normal(value.shape) for name, value in model.init_params(P, 1).items()}


def relaxed_logits(params, x_2P, model):  # type: ignore[no-untyped-def]
    """Centred logits of one input whose two residues are vectors over the residues; NumPy arrays or tensors."""
    W_E = params["embed.W_E"]
    rows = [x_2P @ W_E[:P], W_E[P:]]
    stacked = torch.concatenate(rows) if isinstance(W_E, torch.Tensor) else np.concatenate(rows)
    logits_C = forward({**params, "embed.W_E": stacked}, np.array([[0, 1, 2]]), model)[0, :P]
    return logits_C - logits_C.mean()


def by_autograd(params: dict[str, np.ndarray], model: TransformerSpec, pairs_B2: np.ndarray) -> np.ndarray:
    tensors = {name: torch.tensor(value) for name, value in params.items()}
    total = np.zeros((2 * P, 2 * P))
    for pair in pairs_B2:
        x_2P = torch.eye(P, dtype=torch.float64)[torch.tensor(pair)]
        J = torch.autograd.functional.jacobian(lambda x: relaxed_logits(tensors, x, model), x_2P)
        J_CX = np.asarray(J).reshape(P, 2 * P)
        total += J_CX.T @ J_CX
    return total / len(pairs_B2)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"activation": "gelu"},
        {"activation": "quad"},
        {"activation": "id"},
        {"mlp_biases": False},
        {"causal": False},
        {"predict_equals": False},
    ],
    ids=str,
)
def test_it_is_what_automatic_differentiation_gives(change: dict[str, object]) -> None:
    model = dataclasses.replace(MODEL, **change)  # type: ignore[arg-type]
    params = random_params(model)
    expected_XX = by_autograd(params, model, all_pairs(P))
    G_XX = gradient_outer_product(params, model, P, all_pairs(P), np.float64)
    np.testing.assert_allclose(G_XX, expected_XX, rtol=1e-9, atol=1e-10)
    rounded_XX = gradient_outer_product(params, model, P, all_pairs(P))
    assert 0 < np.abs(rounded_XX - expected_XX).max() < 1e-6 * np.abs(expected_XX).max()


def test_it_is_what_finite_differences_give() -> None:
    params, (a, b), h = random_params(MODEL), (2, 5), 1e-6
    x_2P = np.eye(P)[[a, b]]
    J_CX = np.empty((P, 2 * P))
    for column in range(2 * P):
        step = np.zeros(2 * P)
        step[column] = h
        ends = [relaxed_logits(params, x_2P + sign * step.reshape(2, P), MODEL) for sign in (1, -1)]
        J_CX[:, column] = (ends[0] - ends[1]) / (2 * h)
    found = gradient_outer_product(params, MODEL, P, np.array([[a, b]]), np.float64)
    np.testing.assert_allclose(found, J_CX.T @ J_CX, rtol=1e-6, atol=1e-6)


def test_more_pairs_than_fit_a_chunk_are_averaged_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    params, pairs = random_params(MODEL), all_pairs(P)
    whole = gradient_outer_product(params, MODEL, P, pairs, np.float64)
    monkeypatch.setattr("modaddlab.models.gradients.CHUNK", 10)
    np.testing.assert_allclose(gradient_outer_product(params, MODEL, P, pairs, np.float64), whole)
    halves = [gradient_outer_product(params, MODEL, P, part, np.float64) for part in (pairs[:21], pairs[21:])]
    np.testing.assert_allclose((21 * halves[0] + 28 * halves[1]) / 49, whole)


@pytest.mark.parametrize("activation", ["relu", "gelu", "quad", "id"])
def test_the_slope_is_the_derivative(activation) -> None:  # type: ignore[no-untyped-def]
    x = np.array([-2.3, -0.4, 0.1, 1.7])
    numeric = (activate(x + 1e-6, activation) - activate(x - 1e-6, activation)) / 2e-6
    np.testing.assert_allclose(activation_slope(x, activation), numeric, atol=1e-8)
    at_zero = {"relu": 0, "gelu": 0.5, "quad": 0, "id": 1}
    assert activation_slope(np.zeros(1), activation) == at_zero[activation]


def test_whole_differences_hold_every_residue_and_every_sum_alike() -> None:
    pairs = whole_differences(P, 3, seed=2)
    assert len({tuple(pair) for pair in pairs}) == 21
    for values in (*pairs.T, pairs.sum(axis=1) % P):
        assert np.bincount(values).tolist() == [3] * P
    assert len(set((pairs[:, 0] - pairs[:, 1]) % P)) == 3
    assert {tuple(pair) for pair in whole_differences(P, P)} == {tuple(pair) for pair in all_pairs(P)}
    assert len({whole_differences(P, 3, seed=seed).tobytes() for seed in range(6)}) > 3


def test_what_has_no_such_gradient_is_refused() -> None:
    deep = dataclasses.replace(MODEL, n_layers=2)
    with pytest.raises(ValueError, match="n_layers=2"):
        gradient_outer_product(deep.init_params(P, 0), deep, P, all_pairs(P))
    with pytest.raises(ValueError, match="at least one pair"):
        gradient_outer_product(random_params(MODEL), MODEL, P, np.empty((0, 2), dtype=np.int64))
    for n in (0, P + 1):
        with pytest.raises(ValueError, match="n_differences"):
            whole_differences(P, n)
