"""Attention as waves: against least squares on written-out designs, and on patterns whose waves are known."""

from __future__ import annotations

import numpy as np
import pytest

from modaddlab import attention


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
