"""The Fourier basis mod p against its definition, Parseval, and projections against least squares."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from modaddlab import fourier

MODULI = (2, 3, 7, 10, 11, 113)
SMALL = (2, 3, 7, 10, 11)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape)


def waves(p: int, frequency: int, terms: fourier.Terms) -> np.ndarray:
    """The functions of (a, b) that span a frequency's terms, written out pair by pair: (n, P*P)."""
    omega = 2 * np.pi * frequency / p
    one, cos, sin = (lambda j: 1.0), (lambda j: np.cos(omega * j)), (lambda j: np.sin(omega * j))
    if terms == "sum":
        return np.array([[f(a + b) for a in range(p) for b in range(p)] for f in (cos, sin)])
    first = (cos, sin) if terms == "products" else (one, cos, sin)
    return np.array(
        [[f(a) * g(b) for a in range(p) for b in range(p)] for f, g in itertools.product(first, first) if (f, g) != (one, one)]
    )


@pytest.mark.parametrize("p", MODULI)
def test_the_basis_is_orthonormal_and_has_the_rows_it_names(p: int) -> None:
    basis = fourier.fourier_basis(p)
    np.testing.assert_allclose(basis @ basis.T, np.eye(p), atol=1e-12)
    residues = np.arange(p)
    for row, frequency in enumerate(fourier.component_frequencies(p)):  # 1, cos 1, sin 1, cos 2, ...
        assert frequency == (row + 1) // 2
        angle = 2 * np.pi * frequency * residues / p
        expected = np.cos(angle) if row % 2 or not row else np.sin(angle)
        np.testing.assert_allclose(basis[row], expected / np.linalg.norm(expected), atol=1e-12)
    assert basis is fourier.fourier_basis(p)
    with pytest.raises(ValueError, match="read-only"):
        basis[0, 0] = 1


@pytest.mark.parametrize("p", MODULI)
def test_each_frequency_has_its_rows(p: int) -> None:
    frequencies = fourier.component_frequencies(p)
    assert fourier.n_frequencies(p) == frequencies.max() == p // 2
    for frequency in range(1, p // 2 + 1):
        assert fourier.rows_of(p, frequency) == np.flatnonzero(frequencies == frequency).tolist()
    for outside in (0, p // 2 + 1, -1):
        with pytest.raises(ValueError, match=rf"frequency \(={outside}\) must lie in 1\.\.{p // 2}"):
            fourier.rows_of(p, outside)


def test_a_modulus_has_at_least_two_residues() -> None:
    with pytest.raises(ValueError, match="p \\(=1\\) must be at least 2"):
        fourier.fourier_basis(1)


@pytest.mark.parametrize("p", MODULI)
def test_the_transforms_keep_the_energy_and_are_inverted(p: int) -> None:
    x_PM, x_PPM = noise(p, 3), noise(p, p, 2)
    for forward, back, x in (
        (fourier.transform_1d, fourier.inverse_1d, x_PM),
        (fourier.transform_2d, fourier.inverse_2d, x_PPM),
        (fourier.transform_2d, fourier.inverse_2d, x_PPM[..., 0]),
    ):
        components = forward(x)
        assert components.shape == x.shape
        np.testing.assert_allclose(np.sum(components**2), np.sum(x**2))
        np.testing.assert_allclose(back(components), x, atol=1e-12)
    energy_K = fourier.energy_per_frequency(x_PM)
    assert energy_K.shape == (p // 2,)
    np.testing.assert_allclose(energy_K.sum() + x_PM.sum(axis=0) @ x_PM.sum(axis=0) / p, np.sum(x_PM**2))


@pytest.mark.parametrize("p", SMALL)
def test_components_are_inner_products_with_the_waves(p: int) -> None:
    basis, x_PM, x_PP = fourier.fourier_basis(p), noise(p, 2), noise(p, p)
    inner_PM = [[sum(basis[i, j] * x_PM[j, m] for j in range(p)) for m in range(2)] for i in range(p)]
    np.testing.assert_allclose(fourier.transform_1d(x_PM), inner_PM, atol=1e-12)
    np.testing.assert_allclose(fourier.component_norms(x_PM), np.hypot(*np.transpose(inner_PM)), atol=1e-12)
    inner_PP = [
        [sum(basis[i, a] * basis[j, b] * x_PP[a, b] for a in range(p) for b in range(p)) for j in range(p)] for i in range(p)
    ]
    np.testing.assert_allclose(fourier.transform_2d(x_PP), inner_PP, atol=1e-12)
    by_frequency = [sum(np.sum(np.square(inner_PM[row])) for row in fourier.rows_of(p, k)) for k in range(1, p // 2 + 1)]
    np.testing.assert_allclose(fourier.energy_per_frequency(x_PM), by_frequency)


def test_a_wave_has_its_energy_at_its_frequency_alone() -> None:
    j_P = np.arange(11)
    energy_K = fourier.energy_per_frequency(5 + 3 * np.cos(2 * np.pi * 4 * j_P / 11 + 0.3))
    np.testing.assert_allclose(energy_K, [0, 0, 0, 9 * 11 / 2, 0], atol=1e-12)


@pytest.mark.parametrize("p", SMALL)
def test_the_sum_table_is_the_mean_over_pairs_of_one_sum(p: int) -> None:
    x_PPM = noise(p, p, 2)
    expected = [np.mean([x_PPM[a, b] for a in range(p) for b in range(p) if (a + b) % p == s], axis=0) for s in range(p)]
    np.testing.assert_allclose(fourier.sum_table(x_PPM), expected, atol=1e-12)


@pytest.mark.parametrize("terms", ["sum", "products", "polynomial"])
@pytest.mark.parametrize("p", [3, 7, 10, 11])
def test_a_projection_is_the_least_squares_fit_of_its_waves(p: int, terms: fourier.Terms) -> None:
    x_PPM = 7 + noise(p, p, 2)
    flat_BM = x_PPM.reshape(p * p, 2)
    for frequencies in ([1], [p // 2], list({1, p // 2})):
        design_BN = np.concatenate([waves(p, k, terms) for k in frequencies]).T
        fitted_BM = design_BN @ np.linalg.lstsq(design_BN, flat_BM - flat_BM.mean(axis=0), rcond=1e-9)[0]
        projected = fourier.project(x_PPM, [*frequencies, frequencies[0]], terms)
        np.testing.assert_allclose(projected, fitted_BM.reshape(x_PPM.shape), atol=1e-10)
        np.testing.assert_allclose(fourier.project(projected, frequencies, terms), projected, atol=1e-10)
    np.testing.assert_array_equal(fourier.project(x_PPM, [], terms), np.zeros_like(x_PPM))


@pytest.mark.parametrize(("terms", "below_half", "half"), [("sum", 2, 1), ("products", 4, 1), ("polynomial", 8, 3)])
def test_a_frequency_has_two_four_or_eight_terms(terms: fourier.Terms, below_half: int, half: int) -> None:
    p = 10
    units = np.eye(p * p).reshape(p, p, p * p)
    for frequency, expected in ((3, below_half), (5, half)):
        matrix = fourier.project(units, [frequency], terms).reshape(p * p, p * p)
        assert np.linalg.matrix_rank(matrix) == round(np.trace(matrix)) == expected


def test_the_sum_of_all_frequencies_is_the_function_of_the_sum() -> None:
    x_PP = noise(11, 11)
    a_P = np.arange(11)
    projected = fourier.project(x_PP, range(1, 6))
    np.testing.assert_allclose(projected, (fourier.sum_table(x_PP) - x_PP.mean())[(a_P[:, None] + a_P) % 11], atol=1e-12)


def test_projections_refuse_what_they_do_not_know() -> None:
    with pytest.raises(ValueError, match="terms \\(='difference'\\)"):
        fourier.project(noise(7, 7), [1], "difference")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="frequency \\(=4\\)"):
        fourier.project(noise(7, 7), [4])
    for bad in (noise(7), noise(7, 5)):
        with pytest.raises(ValueError, match=r"\(P, P, \.\.\.\)"):
            fourier.transform_2d(bad)


def test_the_gini_coefficient_is_the_mean_difference_over_twice_the_mean() -> None:
    values = np.abs(noise(9))
    expected = np.mean([[abs(x - y) for x in values] for y in values]) / (2 * values.mean())
    assert fourier.gini(values) == pytest.approx(expected)
    assert fourier.gini(values.reshape(3, 3)) == pytest.approx(expected)
    assert fourier.gini(np.full(5, 2.0)) == pytest.approx(0)
    assert fourier.gini(np.array([0, 0, 0, 3.0])) == pytest.approx(1 - 1 / 4)
    assert fourier.gini(np.zeros(4)) == 0


def test_the_fraction_of_variance_explained() -> None:
    target, fitted = noise(6, 4), noise(6, 4) * 0.3
    assert fourier.fve(target, fitted) == pytest.approx(1 - np.var(target - fitted) / np.var(target))
    np.testing.assert_allclose(fourier.fve(target, fitted, axis=0)[2], fourier.fve(target[:, 2], fitted[:, 2]))
    assert fourier.fve(target, target + 5) == pytest.approx(1)
    assert np.isnan(fourier.fve(np.ones(4), np.zeros(4)))
