"""Spectra, gaps and random relabellings against loops and known sums of waves."""

from __future__ import annotations

import numpy as np
import pytest

from modaddlab import fourier, spectra


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape)


def sum_waves(p: int, amplitudes: dict[int, float]) -> np.ndarray:
    """sum_k alpha_k cos(omega_k (a+b-c)), (P, P, P), by loops over the residues."""
    logits = np.zeros((p, p, p))
    for a, b, c in np.ndindex(p, p, p):
        logits[a, b, c] = sum(alpha * np.cos(2 * np.pi * k * (a + b - c) / p) for k, alpha in amplitudes.items())
    return logits


def test_a_spectrum_is_the_norm_of_each_component() -> None:
    x_PD = 0.5 + noise(10, 4)
    found = spectra.spectrum(x_PD)
    basis = fourier.fourier_basis(10)
    np.testing.assert_allclose(found.norms_P, [np.linalg.norm(row @ x_PD) for row in basis])
    for k in range(1, 6):
        expected = sum(np.sum((basis[row] @ x_PD) ** 2) for row in fourier.rows_of(10, k))
        assert found.energy_K[k - 1] == pytest.approx(expected)
        assert found.frequency_norms_K[k - 1] == pytest.approx(np.sqrt(expected))
    assert found.constant_energy == pytest.approx(10 * np.sum(x_PD.mean(axis=0) ** 2))
    assert found.gini == pytest.approx(fourier.gini(found.norms_P))
    transposed = spectra.neuron_logit_spectrum(x_PD.T)
    np.testing.assert_array_equal(transposed.norms_P, found.norms_P)
    with pytest.raises(ValueError, match="x_PD"):
        spectra.spectrum(noise(5))


def test_circle_directions_span_the_components_and_are_orthonormal() -> None:
    x_PD = noise(11, 6)
    directions = spectra.circle_directions(x_PD, 3)
    np.testing.assert_allclose(directions @ directions.T, np.eye(2), atol=1e-12)
    components = fourier.transform_1d(x_PD)[[5, 6]]
    np.testing.assert_allclose(components @ directions.T @ directions, components, atol=1e-12)
    assert components[0] @ directions[0] == pytest.approx(np.linalg.norm(components[0]))
    assert components[1] @ directions[1] > 0
    with pytest.raises(ValueError, match="p/2"):
        spectra.circle_directions(noise(10, 6), 5)
    with pytest.raises(ValueError, match="no circle"):
        spectra.circle_directions(np.outer(np.cos(2 * np.pi * np.arange(4) / 4), [2.0, 0.0]), 1)


def test_a_circle_comes_back_as_it_was_embedded() -> None:
    angle_P = 2 * np.pi * 4 * np.arange(11) / 11
    plane_2D = np.linalg.qr(noise(5, 2))[0].T
    x_PD = np.stack([np.cos(angle_P), np.sin(angle_P)], axis=1) @ plane_2D
    coordinates = x_PD @ spectra.circle_directions(x_PD, 4).T
    np.testing.assert_allclose(coordinates, np.stack([np.cos(angle_P), np.sin(angle_P)], axis=1), atol=1e-12)


def test_the_largest_gap_is_the_largest_ratio_of_neighbours() -> None:
    for seed in range(20):
        values = np.exp(3 * np.random.default_rng(seed).standard_normal(9))
        ordered = sorted(values, reverse=True)
        ratios = {n: ordered[n - 1] / ordered[n] for n in range(1, 5)}
        best = max(ratios, key=lambda n: ratios[n])
        gap = spectra.largest_gap(values)
        assert ratios[best] > spectra.MIN_RATIO
        assert gap.n_significant == best == np.sum(values > gap.threshold)
        assert gap.ratio == pytest.approx(ratios[best])
        assert gap.threshold == pytest.approx(np.sqrt(ordered[best - 1] * ordered[best]))


@pytest.mark.parametrize(
    ("norms", "most", "expected"),
    [
        ([10, 9, 8, 1, 1, 1, 0.9, 0.9], None, 3),
        ([10, 9, 8, 7, 6, 1], None, 0),  # five of six are more than half
        ([10, 9, 8, 7, 6, 1], 5, 5),
        ([1.4, 1, 1, 1], None, 0),
        ([1.6, 1, 1, 1], None, 1),
        ([3, 0, 0, 0, 0, 0], None, 1),
        ([1, 1e-10, 1e-13, 1e-30], None, 1),  # rounding errors are not told apart
        ([1, 1e-5, 1e-20, 1e-20, 1e-20], None, 1),
        ([0, 0, 0], None, 0),
        ([5], None, 0),
        ([], None, 0),
    ],
)
def test_gaps_at_the_edges(norms: list[float], most: int | None, expected: int) -> None:
    gap = spectra.largest_gap(np.array(norms), most)
    assert gap.n_significant == expected == np.sum(np.array(norms) > gap.threshold)


def test_nothing_stands_out_of_noise() -> None:
    assert spectra.largest_gap(spectra.spectrum(noise(113, 128)).frequency_norms_K).n_significant == 0


def test_the_logit_spectrum_is_the_norm_over_the_outputs() -> None:
    logits = noise(7, 7, 5)
    basis = fourier.fourier_basis(7)
    found = spectra.logit_spectrum(logits)
    for i, j in np.ndindex(7, 7):
        component_C = sum(basis[i, a] * basis[j, b] * logits[a, b] for a in range(7) for b in range(7))
        assert found.norms_PP[i, j] == pytest.approx(np.linalg.norm(component_C))


def test_each_key_of_an_ideal_network_has_four_significant_components() -> None:
    p, amplitudes = 23, {2: 1.0, 5: 1.2, 9: 0.9}
    logits = sum_waves(p, amplitudes) + 0.01 * noise(p, p, p) + 30
    found = spectra.logit_spectrum(logits)
    expected = {(i, j) for k in amplitudes for i in fourier.rows_of(p, k) for j in fourier.rows_of(p, k)}
    assert found.gap.n_significant == 12
    assert set(found.significant) == expected
    assert list(found.significant) == sorted(found.significant, key=lambda ij: -found.norms_PP[ij])
    blocks = spectra.logit_blocks(found.norms_PP, [5, 2, 3])
    assert [block.frequency for block in blocks] == [5, 2, 3]
    total = sum(alpha**2 for alpha in amplitudes.values())
    for block in blocks[:2]:
        # cos(omega (a+b-c)) is four products, each of norm sqrt(p/2)^3 over (a, b, c)
        np.testing.assert_allclose(block.norms_22, np.full((2, 2), amplitudes[block.frequency] * (p / 2) ** 1.5), rtol=0.01)
        assert block.energy_share == pytest.approx(amplitudes[block.frequency] ** 2 / total, rel=0.01)
    assert blocks[2].energy_share < 1e-3


def test_a_block_without_a_sine() -> None:
    logits = sum_waves(4, {2: 1.0})
    (block,) = spectra.logit_blocks(spectra.logit_spectrum(logits).norms_PP, [2])
    np.testing.assert_allclose(block.norms_22, [[8, 0], [0, 0]], atol=1e-12)
    assert block.energy_share == pytest.approx(1)


def test_the_share_of_the_largest_components() -> None:
    norms = np.array([100.0, 1.0, 3.0, 2.0])
    assert spectra.top_share(norms, 1) == pytest.approx(9 / 14)
    assert spectra.top_share(norms.reshape(2, 2), 2) == pytest.approx(13 / 14)
    assert spectra.top_share(np.array([1.0, 0, 0]), 1) == 0


def test_random_relabellings_keep_the_numbers_and_lose_the_order() -> None:
    p = 11
    wave_PP = sum_waves(p, {3: 1.0})[:, :, 0]
    seen: list[np.ndarray] = []

    def statistic(x: np.ndarray) -> float:
        seen.append(x)
        return spectra.top_share(np.abs(fourier.transform_2d(x)), 4)

    null = spectra.permutation_null(wave_PP, statistic, axes=(0, 1), n_draws=12, seed=3)
    assert len(seen) == 12
    for permuted in seen:
        np.testing.assert_allclose(np.sort(np.diag(permuted)), np.sort(np.diag(wave_PP)))  # one permutation for both axes
        np.testing.assert_allclose(permuted, permuted.T, atol=1e-12)
    assert statistic(wave_PP) == pytest.approx(1)
    assert null.high < 0.9
    again = spectra.permutation_null(wave_PP, statistic, axes=(0, 1), n_draws=12, seed=3)
    np.testing.assert_array_equal(again.values, null.values)
    other = spectra.permutation_null(wave_PP, statistic, axes=(0, 1), n_draws=12, seed=4)
    assert not np.array_equal(other.values, null.values)
    columns = spectra.permutation_null(wave_PP, lambda x: float(np.allclose(np.sort(x), np.sort(wave_PP))), axes=(1,), n_draws=3)
    assert columns.mean == 1


def test_a_summary_is_the_mean_and_the_central_95_percent() -> None:
    values = np.random.default_rng(0).permutation(np.arange(1001.0))
    null = spectra.summarize(values)
    assert (null.mean, null.low, null.high) == pytest.approx((500, 25, 975))
    np.testing.assert_array_equal(null.values, values)
