"""Attention as waves: against least squares on written-out designs, the network itself, and patterns whose waves are known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from modaddlab import attention
from modaddlab.models.closed_form import circle_transformer
from modaddlab.models.grid import run_grid
from modaddlab.models.registry import TransformerSpec
from modaddlab.models.transformer import TransformerGrid, forward
from modaddlab.tasks import all_pairs

SMALL = TransformerSpec(d_model=12, n_heads=3, d_head=4, d_mlp=10)


def random_grid(p: int, seed: int = 2, **changes: bool) -> TransformerGrid:
    """A random network with scores large enough to matter."""
    model = dataclasses.replace(SMALL, **changes)
    generator = np.random.default_rng(seed)
    params = model.init_params(p, seed)
    return run_grid({name: 2 * value + 0.3 * generator.standard_normal(value.shape) for name, value in params.items()}, model, p)


def patterns(p: int, n_heads: int = 3, seed: int = 0) -> np.ndarray:
    """Random attention whose three shares sum to 1."""
    scores = np.exp(0.7 * np.random.default_rng(seed).standard_normal((p, p, n_heads, 3)))
    return scores / scores.sum(axis=-1, keepdims=True)


def explained(columns: list[np.ndarray], target: np.ndarray) -> float:
    """The fraction of the variance of a target that columns and a constant explain, by least squares."""
    design = np.stack([np.ones(target.size), *(column.ravel() for column in columns)], axis=1)
    fitted = design @ np.linalg.lstsq(design, target.ravel(), rcond=1e-9)[0]
    return 1 - float(np.var(target.ravel() - fitted) / np.var(target))


def circle(p: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    angle_P = 2 * np.pi * k * np.arange(p) / p
    return np.cos(angle_P), np.sin(angle_P)


@pytest.mark.parametrize("position", [0, 1])
@pytest.mark.parametrize("p", [7, 10, 11])
def test_a_head_s_curve_is_explained_by_its_best_frequency(p: int, position: int) -> None:
    pattern = patterns(p)
    for head, fit in enumerate(attention.head_fits(pattern, position)):
        mean_P = np.array(
            [np.mean([pattern[(j, i) if position else (i, j)][head, position] for j in range(p)]) for i in range(p)]
        )
        np.testing.assert_allclose(fit.mean_P, mean_P)
        shares = [explained(list(circle(p, k)), mean_P) for k in range(1, p // 2 + 1)]
        assert (fit.head, fit.frequency) == (head, int(np.argmax(shares)) + 1)
        assert fit.fve == pytest.approx(max(shares))
        assert 1 - np.var(mean_P - fit.fit_P) / np.var(mean_P) == pytest.approx(max(shares))
        assert fit.fit_P.mean() == pytest.approx(mean_P.mean())
        np.testing.assert_allclose(fit.norm_K**2 / np.sum(fit.norm_K**2), shares, atol=1e-12)


def test_a_head_that_follows_one_frequency() -> None:
    p = 11
    a_P = np.arange(p)
    wave_P = 0.4 * np.cos(2 * np.pi * 4 * a_P / p + 1)
    pattern = np.zeros((p, p, 2, 3))
    pattern[:, :, 0, 0] = 0.5 + 0.5 * (wave_P[:, None] - wave_P)
    pattern[:, :, 0, 1] = 1 - pattern[:, :, 0, 0]
    pattern[:, :, 1] = 1 / 3
    first, second = attention.head_fits(pattern)
    assert (first.frequency, second.frequency, second.fve) == (4, 0, 0)
    assert first.fve == pytest.approx(1)
    np.testing.assert_allclose(first.fit_P, first.mean_P, atol=1e-12)
    np.testing.assert_allclose(second.fit_P, np.full(p, 1 / 3))
    np.testing.assert_allclose(attention.head_fits(pattern, 1)[0].mean_P, 1 - pattern[:, :, 0, 0].mean(axis=0))
    pair, flat = attention.pattern_fits(pattern)
    assert (pair.head, pair.frequency, flat.head, flat.frequency) == (0, 4, 1, 0)
    assert (pair.antisymmetric_fve, pair.linear_fve, pair.polynomial_fve) == pytest.approx((1, 1, 1))
    assert (flat.antisymmetric_fve, flat.linear_fve, flat.polynomial_fve) == (0, 0, 0)
    assert (flat.low, flat.high) == pytest.approx((1 / 3, 1 / 3))
    assert (pair.low, pair.high) == pytest.approx((pattern[:, :, 0, 0].min(), pattern[:, :, 0, 0].max()))


def test_a_weak_wave_is_still_a_wave() -> None:
    pattern = np.full((7, 7, 1, 3), 1 / 3)
    pattern[..., 0] += 1e-4 * np.cos(2 * np.pi * 2 * np.arange(7) / 7)[:, None, None]
    assert attention.head_fits(pattern)[0].frequency == attention.pattern_fits(pattern)[0].frequency == 2


@pytest.mark.parametrize("p", [7, 10, 11])
def test_fits_over_all_pairs_are_those_of_least_squares(p: int) -> None:
    pattern = patterns(p, seed=1)
    for head, fit in enumerate(attention.pattern_fits(pattern)):
        target = pattern[:, :, head, 0]
        forms: dict[str, list[float]] = {"antisymmetric_fve": [], "linear_fve": [], "polynomial_fve": []}
        for k in range(1, p // 2 + 1):
            of_a = [np.repeat(wave[:, None], p, axis=1) for wave in circle(p, k)]
            of_b = [wave.T for wave in of_a]
            forms["antisymmetric_fve"].append(explained([x - y for x, y in zip(of_a, of_b, strict=True)], target))
            forms["linear_fve"].append(explained([*of_a, *of_b], target))
            forms["polynomial_fve"].append(explained([*of_a, *of_b, *(x * y for x in of_a for y in of_b)], target))
        best = int(np.argmax(forms["linear_fve"]))
        assert fit.frequency == best + 1
        for name, shares in forms.items():
            assert getattr(fit, name) == pytest.approx(shares[best], abs=1e-12), name


def test_mean_attention_is_a_loop_over_pairs() -> None:
    pattern = patterns(7)
    mean = attention.mean_attention(pattern)
    for head, position in np.ndindex(3, 3):
        expected = np.mean([pattern[a, b, head, position] for a in range(7) for b in range(7)])
        assert mean[head, position] == pytest.approx(expected)
    np.testing.assert_allclose(mean.sum(axis=1), 1)


def test_positions_and_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match="position \\(=2\\)"):
        attention.head_fits(patterns(7), 2)
    for measure in (attention.head_fits, attention.pattern_fits):
        with pytest.raises(ValueError, match="pattern_PPn3"):
            measure(patterns(7)[..., :2])


@pytest.mark.parametrize("causal", [True, False])
def test_whole_patterns_are_those_of_the_network(causal: bool) -> None:
    p = 7
    grid = random_grid(p, causal=causal)
    pairs_B2 = all_pairs(p)
    cache: dict[str, np.ndarray] = {}
    forward(grid.params, np.concatenate([pairs_B2, np.full((p * p, 1), p)], axis=1), grid.model, cache)
    patterns_Bn33 = attention.patterns_at(grid, pairs_B2)
    np.testing.assert_allclose(patterns_Bn33, cache["blocks.0.attn.hook_pattern"], atol=1e-12)
    np.testing.assert_allclose(patterns_Bn33[:, :, 2].reshape(p, p, 3, 3), grid.pattern_PPn3, atol=1e-12)
    np.testing.assert_allclose(attention.patterns_at(grid, np.array([[4, 1]]))[0], patterns_Bn33[4 * p + 1])


@pytest.mark.parametrize("p", [7, 10, 11])
def test_scores_are_explained_by_their_best_frequency(p: int) -> None:
    grid = random_grid(p)
    found = attention.head_scores(grid)
    weights = grid.params
    for head in range(3):
        query_d = (weights["embed.W_E"][p] + weights["pos_embed.W_pos"][2]) @ weights["blocks.0.attn.W_Q"][head]
        scores = np.array(
            [
                [(weights["embed.W_E"][a] + weights["pos_embed.W_pos"][t]) @ weights["blocks.0.attn.W_K"][head] @ query_d / 2
                 for a in range(p)]
                for t in range(2)
            ]
        )  # fmt: skip
        np.testing.assert_allclose(found.scores_2nP[:, head], scores, atol=1e-12)
        variance = scores.var(axis=1).sum()
        shares, fitted = [], []
        for k in range(1, p // 2 + 1):
            design = np.stack([np.ones(p), *circle(p, k)], axis=1)
            fitted.append((design @ np.linalg.lstsq(design, scores.T, rcond=1e-9)[0]).T)
            shares.append(1 - (scores - fitted[-1]).var(axis=1).sum() / variance)
        best = int(np.argmax(shares))
        assert found.frequency_n[head] == best + 1
        assert found.fve_n[head] == pytest.approx(shares[best])
        np.testing.assert_allclose(found.waves_2nP[:, head], fitted[best], atol=1e-12)
    exact = dataclasses.replace(found, waves_2nP=found.scores_2nP)
    np.testing.assert_allclose(exact.wave_patterns(), grid.pattern_PPn3, atol=1e-12)


def test_heads_that_look_everywhere_alike_have_no_frequency() -> None:
    p, model = 11, dataclasses.replace(SMALL, d_mlp=9)
    grid = run_grid(circle_transformer(model, p, {2: 9}), model, p)
    found = attention.head_scores(grid)
    assert (found.frequency_n, found.fve_n.tolist()) == ((0, 0, 0), [0, 0, 0])
    np.testing.assert_allclose(found.wave_patterns(), 1 / 3)
    terms = attention.head_terms(grid.heads_PPnD, found.frequency_n, [2])
    assert [term.linear_others for term in terms] == pytest.approx([1, 0, 0])  # the first head copies the only circle
    assert (terms[1].rest, terms[0].linear, terms[0].products, terms[0].mixed) == pytest.approx((0, 0, 0, 0))


def test_head_terms_are_least_squares_on_written_out_waves() -> None:
    p, own, other = 9, 2, 4
    heads_PPnD = np.random.default_rng(4).standard_normal((p, p, 2, 3)) + 2
    terms = attention.head_terms(heads_PPnD, [own, own], [own, other, other])
    of_a, of_b = ({k: [np.repeat(w[:, None], p, axis=1) for w in circle(p, k)] for k in (own, other)} for _ in range(2))
    of_b = {k: [wave.T for wave in waves] for k, waves in of_b.items()}

    def products(j: int, k: int) -> list[np.ndarray]:
        return [x * y for x in of_a[j] for y in of_b[k]]

    columns = {
        "linear": [*of_a[own], *of_b[own]],
        "products": products(own, own),
        "linear_others": [*of_a[other], *of_b[other]],
        "products_others": products(other, other),
        "mixed": [*products(own, other), *products(other, own)],
    }
    for head, found in enumerate(terms):
        assert (found.head, found.frequency) == (head, own)
        variance_D = heads_PPnD[:, :, head].var(axis=(0, 1))
        for name, waves in columns.items():
            shares_D = [explained(waves, heads_PPnD[:, :, head, d]) for d in range(3)]
            assert getattr(found, name) == pytest.approx(shares_D @ variance_D / variance_D.sum()), name
        assert found.rest == pytest.approx(1 - sum(getattr(found, name) for name in columns))


def test_an_attention_wave_times_a_value_wave_is_a_product() -> None:
    p, k = 11, 3
    cos_P, sin_P = circle(p, k)
    head_PP1 = (0.5 + 0.3 * cos_P[:, None] - 0.3 * cos_P) * sin_P[:, None] + (0.5 - 0.3 * cos_P[:, None] + 0.3 * cos_P) * sin_P
    (term,) = attention.head_terms(head_PP1[:, :, None, None], [k], [k])
    # 0.5 (sin a + sin b) + 0.3 (cos a - cos b)(sin a - sin b): energies 0.25 : 0.09 / 2, and sin 2a / 2 + sin 2b / 2 beyond
    total = 0.25 + 0.09 * (1 / 2 + 1 / 4)
    assert (term.linear, term.products, term.rest) == pytest.approx((0.25 / total, 0.045 / total, 0.0225 / total))


def test_networks_of_another_kind_are_refused() -> None:
    deep = dataclasses.replace(SMALL, n_layers=2)
    grid = run_grid(deep.init_params(7, 0), deep, 7)
    with pytest.raises(ValueError, match="one layer without LayerNorm"):
        attention.patterns_at(grid, np.array([[0, 1]]))
    with pytest.raises(ValueError, match="one layer without LayerNorm"):
        attention.head_scores(grid)
    with pytest.raises(ValueError, match="heads_PPnD"):
        attention.head_terms(np.zeros((7, 7, 2, 3)), [1], [1])
    with pytest.raises(ValueError, match="pairs_B2"):
        attention.patterns_at(random_grid(7), np.zeros((2, 3), dtype=int))
