"""One sum by hand: exact where the network is written down exactly, and the bookkeeping of any network adds up."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from modaddlab import attention, by_hand, circuit, neurons
from modaddlab.models.closed_form import circle_logits, circle_transformer
from modaddlab.models.grid import run_grid
from modaddlab.models.registry import TransformerSpec
from modaddlab.models.transformer import TransformerGrid

SMALL = TransformerSpec(d_model=12, n_heads=3, d_head=4, d_mlp=10)


def random_grid(p: int = 11, **changes: bool) -> TransformerGrid:
    model = dataclasses.replace(SMALL, **changes)
    generator = np.random.default_rng(5)
    params = {name: 2 * value + 0.3 * generator.standard_normal(value.shape) for name, value in model.init_params(p, 5).items()}
    return run_grid(params, model, p)


def quadratic(p: int, counts: dict[int, int]) -> TransformerGrid:
    model = TransformerSpec(d_model=12, n_heads=3, d_head=4, d_mlp=sum(counts.values()), activation="quad")
    return run_grid(circle_transformer(model, p, counts, scale=1.5), model, p)


def test_every_step_is_exact_where_the_formula_is() -> None:
    # with p = 12, k = 1 and a - b = 3 the wave of the difference and the waves of twice the frequency are 0
    p, a, b = 12, 7, 4
    walk = by_hand.walk(quadratic(p, {1: 5}), [1], a, b)
    assert [step.name for step in walk.steps] == list(by_hand.STEPS)
    for step in walk.steps:
        assert step.error < 1e-12, step.name
        if step.name == "attention":  # the same for all pairs: nothing to explain
            assert np.isnan(step.explained)
            assert np.isnan(step.explained_all)
        else:
            assert step.explained == pytest.approx(1), step.name
        expected_C = 1.5 * 5 / 2 * np.cos(2 * np.pi * (a + b - np.arange(p)) / p)
        np.testing.assert_allclose(step.logits_C, expected_C, atol=1e-12, err_msg=step.name)
    np.testing.assert_allclose(walk.sum_K2, walk.sum_formula_K2, atol=1e-12)
    np.testing.assert_allclose(walk.pattern_n3, 1 / 3)
    np.testing.assert_allclose(walk.radius_K, 1)


def test_the_numbers_of_the_network_written_by_hand() -> None:
    p, counts, a, b = 11, {2: 5, 3: 9}, 4, 9
    grid = quadratic(p, counts)
    walk = by_hand.walk(grid, (2, 3), a, b)
    assert (walk.a, walk.b, walk.answer, walk.p, walk.head_frequency_n) == (a, b, 2, p, (0, 0, 0))
    by_name = {step.name: step for step in walk.steps}
    assert max(step.error for step in walk.steps) < 1e-12
    assert by_name["embedding"].explained == pytest.approx(1)
    assert by_name["heads"].explained == pytest.approx(1)
    assert by_name["heads"].explained_all == pytest.approx(1)
    for i, (key, n) in enumerate(counts.items()):
        angle_P = 2 * np.pi * key * np.arange(p) / p
        np.testing.assert_allclose(walk.circle_KP2[i], np.stack([np.cos(angle_P), np.sin(angle_P)], axis=1), atol=1e-12)
        # the neurons hold (scale M / 2)(1 + cos omega (a-b)) at exactly the angle of a + b
        assert walk.alpha_K[i] == pytest.approx(1.5 * n / 2)
        height = 1.5 * n / 2 * (1 + np.cos(2 * np.pi * key * (a - b) / p))
        angle = 2 * np.pi * key * (a + b) / p
        np.testing.assert_allclose(walk.sum_K2[i], height * np.array([np.cos(angle), np.sin(angle)]), atol=1e-12)
    np.testing.assert_allclose(walk.places_off_K, 0, atol=1e-9)
    np.testing.assert_allclose(walk.logits_C, circle_logits(p, counts, "quad", 1.5)[a, b], atol=1e-10)
    residual = np.sum((walk.sum_K2 - walk.sum_formula_K2) ** 2) / np.sum(walk.sum_K2**2)
    assert by_name["sum"].explained == pytest.approx(1 - residual)
    # one neuron of each key: 1 + cos(omega s + 2 phi) + cos(omega d), and waves of twice the frequency that the formula lacks
    for h, key, phi in ((1, 2, 2 * np.pi / 5), (5 + 4, 3, 2 * np.pi * 4 / 9)):
        omega = 2 * np.pi * key / p
        assert walk.neurons.frequency_H[h] == key
        terms = {name: values[h] for name, values in walk.neurons.terms.items()}
        expected = {"constant": 1, "a": 0, "b": 0, "a + b": np.cos(omega * (a + b) + 2 * phi), "a - b": np.cos(omega * (a - b))}
        assert terms == pytest.approx(expected, abs=1e-12)
        assert walk.neurons.input_H[h] == pytest.approx(np.cos(omega * a + phi) + np.cos(omega * b + phi))
        assert walk.neurons.output_H[h] == pytest.approx(walk.neurons.input_H[h] ** 2)


@pytest.mark.parametrize("changes", [{}, {"mlp_biases": False}, {"causal": False}, {"predict_equals": False}])
def test_the_bookkeeping_of_any_network_adds_up(changes: dict[str, bool]) -> None:
    grid, keys, a, b = random_grid(**changes), (2, 5, 2), 3, 8
    walk = by_hand.walk(grid, keys, a, b)
    assert walk.keys == (2, 5)
    for step in walk.steps:
        assert step.error < 1e-12, step.name
        assert step.explained_all <= 1
    np.testing.assert_allclose(walk.pattern_n3, grid.pattern_PPn3[a, b], atol=1e-12)
    parts_XH = walk.neurons.parts_XH
    W_in = grid.params["blocks.0.mlp.W_in"]
    np.testing.assert_allclose(parts_XH[1:], grid.heads_PPnD[a, b] @ W_in, atol=1e-12)
    np.testing.assert_allclose(parts_XH.sum(axis=0), walk.neurons.input_H, atol=1e-12)
    np.testing.assert_allclose(np.maximum(walk.neurons.input_H, 0), grid.neurons_PPH[a, b], atol=1e-12)
    fits = neurons.fit_neurons(grid.neurons_PPH, keys)
    polynomial_PPH = neurons.polynomial_activations(fits, grid.p)
    np.testing.assert_allclose(walk.neurons.polynomial_H, polynomial_PPH[a, b], atol=1e-12)
    np.testing.assert_allclose(sum(walk.neurons.terms.values()), polynomial_PPH[a, b], atol=1e-12)
    by_name = {step.name: step for step in walk.steps}
    variance = grid.neurons_PPH.var(axis=(0, 1)).sum()
    assert by_name["neurons"].explained_all == pytest.approx(
        1 - (grid.neurons_PPH - polynomial_PPH).var(axis=(0, 1)).sum() / variance
    )
    centred_PPC = grid.logits_PPC - grid.logits_PPC.mean(axis=(0, 1))
    waves_PPC = circuit.fit_waves(grid.logits_PPC, keys).logits_PPC
    expected = 1 - np.sum((centred_PPC - waves_PPC) ** 2) / np.sum(centred_PPC**2)
    assert by_name["logits"].explained_all == pytest.approx(expected)
    np.testing.assert_allclose(walk.wave_KC.sum(axis=0), walk.formula_C, atol=1e-12)
    np.testing.assert_allclose(walk.logits_C, grid.logits_PPC[a, b] - grid.logits_PPC[a, b].mean(), atol=1e-12)
    np.testing.assert_allclose(by_name["neurons"].logits_C, grid.logits_from(polynomial_PPH)[a, b], atol=1e-12)


def test_a_formula_stands_in_at_one_place_only() -> None:
    grid, keys, a, b = random_grid(), (1, 4), 9, 2
    p = grid.p
    logits = {step.name: step.logits_C for step in by_hand.walk(grid, keys, a, b).steps}
    basis = np.stack([np.ones(p), *(f(2 * np.pi * k * np.arange(p) / p) for k in keys for f in (np.cos, np.sin))], axis=1)
    W_E = np.array(grid.params["embed.W_E"])
    W_E[:p] = basis @ np.linalg.lstsq(basis, W_E[:p], rcond=None)[0]
    changed = run_grid({**grid.params, "embed.W_E": W_E}, grid.model, p)
    np.testing.assert_allclose(logits["embedding"], changed.logits_PPC[a, b], atol=1e-12)

    def behind(heads_nD: np.ndarray) -> np.ndarray:
        resid_mid_PPD = grid.resid_pre_PPD + heads_nD.sum(axis=0)
        return grid.logits_from(grid.neurons_from(resid_mid_PPD), resid_mid_PPD)[a, b]

    stream_3D = grid.params["embed.W_E"][[a, b, p]] + grid.params["pos_embed.W_pos"]
    pattern_n3 = attention.head_scores(grid).wave_patterns()[a, b]
    values_n3D = stream_3D @ grid.params["blocks.0.attn.W_V"] @ grid.params["blocks.0.attn.W_O"]
    np.testing.assert_allclose(logits["attention"], behind((pattern_n3[:, :, None] * values_n3D).sum(axis=1)), atol=1e-12)
    of_pair = np.stack([np.outer(x, y).ravel() for x, y in _products(p, keys)], axis=1)
    heads_Bx = grid.heads_PPnD.reshape(p * p, -1)
    formula_Bx = of_pair @ np.linalg.lstsq(of_pair, heads_Bx, rcond=None)[0]
    np.testing.assert_allclose(logits["heads"], behind(formula_Bx[a * p + b].reshape(3, -1)), atol=1e-10)
    mlp_PPC = grid.neurons_PPH @ grid.W_L_HC
    direct_C = grid.logits_PPC[a, b] - mlp_PPC[a, b]
    formula_C = circuit.fit_waves(mlp_PPC, keys).logits_PPC[a, b] + mlp_PPC.mean(axis=(0, 1))
    np.testing.assert_allclose(logits["sum"], formula_C + direct_C, atol=1e-12)
    np.testing.assert_allclose(logits["logits"], circuit.fit_waves(grid.logits_PPC, keys).logits_PPC[a, b], atol=1e-12)


def _products(p: int, keys: tuple[int, ...]) -> list[tuple[np.ndarray, np.ndarray]]:
    """The constant and the eight products of degree 2 of each key."""
    one = np.ones(p)
    found = [(one, one)]
    for k in keys:
        circle = [one, *(f(2 * np.pi * k * np.arange(p) / p) for f in (np.cos, np.sin))]
        found += [(circle[i], circle[j]) for i in range(3) for j in range(3) if i or j]
    return found


def test_how_far_a_point_is_off_is_counted_in_places() -> None:
    walk = by_hand.walk(random_grid(), [3, 4], 1, 2)
    turned_K = 2 * np.pi * np.array([3 * 3 + 2.5, 4 * 3 - 5.4]) / 11
    moved = dataclasses.replace(walk, sum_K2=7 * np.stack([np.cos(turned_K), np.sin(turned_K)], axis=1))
    np.testing.assert_allclose(moved.places_off_K, [2.5, -5.4])


@pytest.mark.parametrize("p", [7, 8])
def test_the_most_ordinary_pair_has_the_median_margin(p: int) -> None:
    logits_PPC = np.random.default_rng(p).standard_normal((p, p, p))
    mask_PP = np.random.default_rng(p + 1).random((p, p)) < 0.6
    margins = {}
    for a, b in np.argwhere(mask_PP):
        if a != b:
            right = (a + b) % p
            margins[int(a), int(b)] = logits_PPC[a, b, right] - max(np.delete(logits_PPC[a, b], right))
    ordered = sorted(margins, key=lambda pair: margins[pair])
    assert by_hand.most_ordinary_pair(logits_PPC, mask_PP) == ordered[(len(ordered) - 1) // 2]
    with pytest.raises(ValueError, match="at least one pair"):
        by_hand.most_ordinary_pair(logits_PPC, np.eye(p))


def test_what_cannot_be_walked_is_refused() -> None:
    grid = random_grid()
    with pytest.raises(ValueError, match=r"0\.\.10, found a=11, b=0"):
        by_hand.walk(grid, [1], 11, 0)
    with pytest.raises(ValueError, match="at least one key"):
        by_hand.walk(grid, [], 0, 1)
    with pytest.raises(ValueError, match="frequency"):
        by_hand.walk(grid, [9], 0, 1)
    deep = dataclasses.replace(SMALL, n_layers=2)
    with pytest.raises(ValueError, match="one layer"):
        by_hand.walk(run_grid(deep.init_params(5, 0), deep, 5), [1], 0, 1)
