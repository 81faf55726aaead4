"""Waves of a function of the residue, on embeddings that are made of them."""

from __future__ import annotations

import numpy as np
import pytest

from modaddlab import fourier, squares

P = 17


def table(of_P: np.ndarray, frequencies: tuple[int, ...]) -> np.ndarray:
    generator = np.random.default_rng(0)
    angles = [2 * np.pi * k * of_P / P for k in frequencies]
    waves = [np.outer(wave(x), generator.standard_normal(6)) for x in angles for wave in (np.cos, np.sin)]
    return 3 + np.sum(waves, axis=0)


def test_waves_of_the_residue_are_the_fourier_basis() -> None:
    x_PD = np.random.default_rng(1).standard_normal((P, 5))
    energy_K = fourier.energy_per_frequency(x_PD)
    np.testing.assert_allclose(squares.wave_shares(x_PD, np.arange(P)), energy_K / energy_K.sum())


def test_waves_of_the_squares_are_found_where_fourier_sees_a_flat_spectrum() -> None:
    square_P = np.arange(P) ** 2 % P
    x_PD = table(square_P, (3,))
    shares_K = squares.wave_shares(x_PD, square_P)
    assert np.argmax(shares_K) == 2
    assert shares_K[2] == pytest.approx(1)
    assert squares.joint_share(x_PD, square_P, [3]) == pytest.approx(1)
    assert squares.joint_share(x_PD, square_P, [1]) < 0.5
    assert fourier.energy_per_frequency(x_PD).max() < 0.5 * fourier.energy_per_frequency(x_PD).sum()


def test_two_waves_together_hold_what_each_alone_does_not() -> None:
    square_P = np.arange(P) ** 2 % P
    x_PD = table(square_P, (3, 5))
    assert squares.joint_share(x_PD, square_P, [3, 5]) == pytest.approx(1)
    assert squares.joint_share(x_PD, square_P, [3]) < 0.95


def test_even_and_odd_functions() -> None:
    a_P = np.arange(P)
    assert squares.even_share(table(a_P**2 % P, (3,))) == pytest.approx(1)
    assert squares.even_share(np.sin(2 * np.pi * a_P / P)[:, None]) == pytest.approx(0, abs=1e-12)
    noise = np.random.default_rng(2).standard_normal((P, 4000))
    assert squares.even_share(noise) == pytest.approx(0.5, abs=0.03)


def test_what_is_no_frequency_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must lie in 1\.\.8"):
        squares.joint_share(np.eye(P), np.arange(P), [9])
