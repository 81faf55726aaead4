"""Leakage: the predicted overtones against the gradient's own Fourier series, the shares against planted waves."""

from __future__ import annotations

import numpy as np
import pytest

from modaddlab.analysis import dynamics, leakage


def relu_gradients(p: int, k: int, phi: float, D: float) -> tuple[np.ndarray, np.ndarray]:
    """Minus the gradients by theta and xi of a single neuron's waves, from the definition, every answer equally likely."""
    angle = 2 * np.pi * k * np.arange(p) / p
    theta_P, xi_P = np.cos(angle + phi), np.cos(angle + 2 * phi - D)
    x, y = np.indices((p, p))
    u_PP, sums = theta_P[x] + theta_P[y], (x + y) % p
    d_xi_P = np.bincount(sums.ravel(), np.maximum(u_PP, 0).ravel(), p)
    return 2 * np.where(u_PP > 0, xi_P[sums], 0).sum(axis=1), d_xi_P - d_xi_P.mean()


@pytest.mark.parametrize("D", [0.0, 0.5, 1.4, 3.0])
@pytest.mark.parametrize("k", [1, 40])
def test_the_gradients_overtones_are_the_predicted_ones(k: int, D: float) -> None:
    p = 499
    for side, gradient_P in zip(("input", "output"), relu_gradients(p, k, 0.3, D), strict=True):
        size_K = np.abs(dynamics.waves(gradient_P[None])[0])
        for r in range(2, 7):
            found = size_K[leakage.overtone(k, r, p) - 1] / size_K[k - 1]
            assert found == pytest.approx(float(leakage.predicted_ratio(side, r, D)), abs=0.006)


def test_the_series_of_the_rectified_cosine() -> None:
    t = np.linspace(0, 2 * np.pi, 4096, endpoint=False)
    series = np.abs(np.fft.rfft(np.abs(np.cos(t))))[2:20:2]  # |cos t| has the even harmonics, r = 1, 2, ... in |cos(t/2)|
    predicted = [float(leakage.predicted_ratio("output", r)) for r in range(1, 10)]
    np.testing.assert_allclose(series / series[0], predicted, rtol=1e-4)


def test_aligned_neurons_have_the_ratios_of_the_header() -> None:
    assert leakage.predicted_ratio("input", 3) == pytest.approx(3 / 5)
    assert leakage.predicted_ratio("input", 5) == pytest.approx(1 / 7)
    assert leakage.predicted_ratio("output", 2) == pytest.approx(1 / 5)
    assert leakage.predicted_ratio("output", 3) == pytest.approx(3 / 35)


def test_the_quadratic_activation_does_not_leak() -> None:
    rng, p = np.random.default_rng(0), 23
    a_K, b_K = np.zeros(11, complex), np.zeros(11, complex)
    a_K[4], b_K[4] = rng.standard_normal(2) + 1j * rng.standard_normal(2)
    for speed_K in dynamics.velocity(a_K, b_K, p):
        assert leakage.own_share(speed_K[None], np.array([5]))[0] == 1


def test_frequencies_are_folded() -> None:
    assert leakage.overtone([1, 4, 8, 11], 3, 23).tolist() == [3, 11, 1, 10]
    assert leakage.overtone(5, 3, 15) == 0


def test_shares_and_ratios_of_planted_waves() -> None:
    p, x = 23, np.arange(23)
    rows = 2 * np.cos(2 * np.pi * 4 * x / p + 1) + 0.5 * np.cos(2 * np.pi * 12 * x / p) + 0.1 * np.cos(2 * np.pi * 7 * x / p) + 9
    amplitude_NK, own_N = dynamics.waves(rows[None]), np.array([4])
    assert leakage.own_share(amplitude_NK, own_N)[0] == pytest.approx(4 / (4 + 0.25 + 0.01))
    assert leakage.overtone_ratio(amplitude_NK, own_N, 3, p)[0] == pytest.approx(0.25)
    # Ten frequencies are not 4; without 11 = overtone(4, 3) nine are left, and one of them holds 0.1.
    assert leakage.elsewhere_ratio(amplitude_NK, own_N, (3,), p)[0] == pytest.approx(0.05 / 3)


def test_what_has_no_overtone_is_not_a_number() -> None:
    amplitude_NK = np.ones((2, 7))
    assert np.isnan(leakage.overtone_ratio(amplitude_NK, np.array([5, 1]), 3, 15)).tolist() == [True, False]
    assert np.isnan(leakage.own_share(np.zeros((1, 7)), np.array([1]))).all()
    with pytest.raises(ValueError, match=r"1\.\.7"):
        leakage.own_share(amplitude_NK, np.array([0, 1]))


def test_an_aligned_neurons_overtones_flatten_the_input_as_predicted() -> None:
    p = 499
    for k in (3, 200):
        for side, gradient_P in zip(("input", "output"), relu_gradients(p, k, 0.8, 0.0), strict=True):
            for r in (2, 3, 4, 5):
                found = leakage.signed_ratio(dynamics.waves(gradient_P[None]), np.array([k]), r, p)[0]
                expected = leakage.predicted_sign(side, r) * float(leakage.predicted_ratio(side, r))
                assert found == pytest.approx(expected, abs=0.006)


def test_a_planted_overtone_has_its_sign_at_the_crests() -> None:
    p, x = 23, np.arange(23)
    for k, phase in ((2, 0.9), (9, -1.4), (5, 0.4)):  # 3 * 9 is the same as 4, and 3 * 5 runs backwards as 8
        angle = 2 * np.pi * k * x / p + phase
        for sign in (1, -1):
            waves = dynamics.waves((2 * np.cos(angle) + 0.3 * sign * np.cos(3 * angle))[None])
            assert leakage.signed_ratio(waves, np.array([k]), 3, p)[0] == pytest.approx(0.15 * sign)


def test_the_sign_of_a_wave_is_a_square_wave() -> None:
    p, k = 997, 5
    square = dynamics.waves(np.sign(np.cos(2 * np.pi * k * np.arange(p) / p + 0.2))[None])
    for r in range(2, 8):
        assert leakage.signed_ratio(square, np.array([k]), r, p)[0] == pytest.approx(leakage.sign_ratio(r), abs=0.01)
