"""The equations of one neuron against numerical gradients of a real network, the solver, and their closed-form solution."""

from __future__ import annotations

import numpy as np
import pytest

from modaddlab.analysis import dynamics

P = 11


def loss(theta_HP: np.ndarray, xi_HP: np.ndarray, activation: str = "quad") -> float:
    """Mean cross-entropy of the network over all ordered pairs, pair by pair."""
    p, total = theta_HP.shape[1], 0.0
    for x in range(p):
        for y in range(p):
            u_H = theta_HP[:, x] + theta_HP[:, y]
            logits_C = (u_H**2 if activation == "quad" else np.maximum(u_H, 0)) @ xi_HP
            total += np.log(np.sum(np.exp(logits_C - logits_C.max()))) + logits_C.max() - logits_C[(x + y) % p]
    return total / p**2


def descent(theta_HP: np.ndarray, xi_HP: np.ndarray, activation: str = "quad") -> tuple[np.ndarray, np.ndarray]:
    """Minus the loss's gradient, by central differences."""

    def of(which: int) -> np.ndarray:
        weights = [theta_HP, xi_HP]
        step = 1e-4 * np.abs(weights[which]).max()
        result = np.zeros_like(weights[which])
        for index in np.ndindex(result.shape):
            ends = []
            for sign in (1, -1):
                moved = [w.copy() for w in weights]
                moved[which][index] += sign * step
                ends.append(loss(moved[0], moved[1], activation))
            result[index] = -(ends[0] - ends[1]) / (2 * step)
        return result

    return of(0), of(1)


def cosine(amplitude: float, k: int, phase: float, p: int = P) -> np.ndarray:
    return amplitude * np.cos(2 * np.pi * k * np.arange(p) / p + phase)


def test_waves_are_read_off_exactly() -> None:
    row_P = cosine(0.3, 2, 1.1) + cosine(0.5, 5, -2.0) + 7
    amplitude_K = dynamics.waves(row_P[None])[0]
    expected_K = np.zeros(5, dtype=complex)
    expected_K[[1, 4]] = 0.3 * np.exp(1.1j), 0.5 * np.exp(-2j)
    np.testing.assert_allclose(amplitude_K, expected_K, atol=1e-13)
    with pytest.raises(ValueError, match="odd"):
        dynamics.waves(np.zeros((1, 8)))


def test_random_weights_follow_the_equations_of_the_quadratic_activation() -> None:
    # All frequencies of two neurons at once, constants included; the amplitudes make every answer about equally likely.
    rng = np.random.default_rng(0)
    theta_HP, xi_HP = 0.02 * rng.standard_normal((2, P)), 0.02 * rng.standard_normal((2, P))
    d_theta_HP, d_xi_HP = descent(theta_HP, xi_HP)
    a_HK, b_HK = dynamics.waves(theta_HP), dynamics.waves(xi_HP)
    speed_a_HK, speed_b_HK = dynamics.velocity(a_HK, b_HK, P)
    np.testing.assert_allclose(dynamics.waves(d_theta_HP), speed_a_HK, atol=3e-4 * np.abs(speed_a_HK).max())
    np.testing.assert_allclose(dynamics.waves(d_xi_HP), speed_b_HK, atol=3e-4 * np.abs(speed_b_HK).max())


def test_one_frequency_follows_the_equations_of_relu() -> None:
    # The sums over pairs become integrals for large p.
    p, rng = 199, np.random.default_rng(1)
    for phi, D in rng.uniform(-np.pi, np.pi, (4, 2)):
        theta_P, xi_P = cosine(2e-4, 3, phi, p), cosine(1e-4, 3, 2 * phi - D, p)
        x, y = np.indices((p, p))
        sums, on = (x + y) % p, theta_P[x] + theta_P[y] > 0
        u_PP = np.where(on, theta_P[x] + theta_P[y], 0)
        d_xi_P = np.array([u_PP[sums == j].sum() - u_PP.sum() / p for j in range(p)]) / p**2
        d_theta_P = 2 * np.where(on, xi_P[sums] - xi_P.mean(), 0).sum(axis=1) / p**2
        a, b = dynamics.waves(theta_P[None])[:, 2], dynamics.waves(xi_P[None])[:, 2]
        speed_a, speed_b = dynamics.velocity(a, b, p, "relu")
        assert abs(dynamics.waves(d_theta_P[None])[0, 2] - speed_a[0]) < 0.02 * abs(speed_a[0])
        assert abs(dynamics.waves(d_xi_P[None])[0, 2] - speed_b[0]) < 0.02 * abs(speed_b[0])


def test_the_literal_gradient_of_relu_used_above_is_the_networks() -> None:
    theta_P, xi_P = cosine(2e-3, 3, 0.4), cosine(1e-3, 3, 1.9)
    x, y = np.indices((P, P))
    on = theta_P[x] + theta_P[y] > 0
    d_theta_P = 2 * np.where(on, xi_P[(x + y) % P] - xi_P.mean(), 0).sum(axis=1) / P**2
    np.testing.assert_allclose(descent(theta_P[None], xi_P[None], "relu")[0][0], d_theta_P, rtol=2e-3, atol=1e-8)


@pytest.mark.parametrize("activation", ["quad", "relu"])
def test_the_complex_form_is_the_published_one(activation: dynamics.Activation) -> None:
    rng = np.random.default_rng(2)
    alpha, beta = rng.uniform(0.1, 2, (2, 20))
    phi, psi = rng.uniform(-np.pi, np.pi, (2, 20))
    D = 2 * phi - psi
    if activation == "quad":
        speed_alpha, turn_phi = 2 / P * alpha * beta * np.cos(D), -2 / P * beta * np.sin(D)
        speed_beta, turn_psi = alpha**2 / P * np.cos(D), alpha**2 / (P * beta) * np.sin(D)
    else:
        scale = 8 / (3 * np.pi**2 * P)
        speed_alpha, turn_phi = scale * beta * np.cos(D), -2 * scale * beta / alpha * np.sin(D)
        speed_beta, turn_psi = scale * alpha * np.cos(D), scale * alpha / beta * np.sin(D)
    speed_a, speed_b = dynamics.velocity(alpha * np.exp(1j * phi), beta * np.exp(1j * psi), P, activation)
    np.testing.assert_allclose((speed_alpha + 1j * alpha * turn_phi) * np.exp(1j * phi), speed_a, atol=1e-12)
    np.testing.assert_allclose((speed_beta + 1j * beta * turn_psi) * np.exp(1j * psi), speed_b, atol=1e-12)


@pytest.mark.parametrize("activation", ["quad", "relu"])
def test_the_invariants_stay_and_the_misalignment_goes_to_zero(activation: dynamics.Activation) -> None:
    a, b = np.array([0.5 + 0.2j, 0.3j, -1.0 + 0j]), np.array([-0.4 + 0.1j, 0.9 + 0j, 0.2 - 0.3j])
    until = dynamics.growth_time(np.abs(a), np.abs(b), dynamics.misalignment(a, b), P).min()
    end = 0.97 * until if activation == "quad" else 90.0
    a_TN, b_TN = dynamics.integrate(a, b, P, np.linspace(0, end, 30), activation)
    for kept_TN in dynamics.invariants(a_TN, b_TN, activation):
        np.testing.assert_allclose(kept_TN, np.broadcast_to(kept_TN[0], kept_TN.shape), rtol=1e-4, atol=1e-6)
    D_TN = np.abs(dynamics.misalignment(a_TN, b_TN))
    assert (np.diff(D_TN, axis=0) < 1e-9).all()
    assert D_TN[-1].min() < 0.05


def test_discrete_steps_of_the_network_follow_the_flow_at_the_sum_of_their_rates() -> None:
    rate, warmup, steps = 0.5, 10, 40
    p = 5
    theta_HP, xi_HP = cosine(0.05, 2, 0.7, p)[None], cosine(0.04, 2, 0.2, p)[None]
    start = dynamics.waves(theta_HP)[:, 1], dynamics.waves(xi_HP)[:, 1]
    for step in range(steps):
        d_theta_HP, d_xi_HP = descent(theta_HP, xi_HP)
        scale = rate * min(step / warmup, 1)
        theta_HP, xi_HP = theta_HP + scale * d_theta_HP, xi_HP + scale * d_xi_HP
    a_TN, b_TN = dynamics.integrate(*start, p, dynamics.flow_time([0, steps], rate, warmup))
    moved = abs(a_TN[1, 0] - a_TN[0, 0])
    assert abs(dynamics.waves(theta_HP)[0, 1] - a_TN[1, 0]) < 0.01 * moved
    assert abs(dynamics.waves(xi_HP)[0, 1] - b_TN[1, 0]) < 0.01 * moved


@pytest.mark.parametrize("warmup", [0, 1, 10])
def test_time_is_the_sum_of_the_learning_rates(warmup: int) -> None:
    rates = [0.3 * (min(step / warmup, 1) if warmup else 1) for step in range(40)]
    summed = np.concatenate([[0], np.cumsum(rates)])
    np.testing.assert_allclose(dynamics.flow_time(np.arange(41), 0.3, warmup), summed, atol=1e-12)


def test_the_closed_form_of_the_growth_time_is_where_the_solver_diverges() -> None:
    rng = np.random.default_rng(3)
    alpha, beta = 10 ** rng.uniform(-2.5, -1, (2, 12))
    D = rng.uniform(-np.pi, np.pi, 12)
    times = dynamics.growth_time(alpha, beta, D, P)
    for i, time in enumerate(times):
        grid = np.array([0, 0.9, 0.99, 1.02]) * time
        a_TN, _ = dynamics.integrate([alpha[i] * np.exp(0.5j * D[i])], [beta[i]], P, grid)
        # Near the end alpha goes as p sqrt(2) / (time left): half the closed form's definition, checked by the solver's values.
        assert np.isnan(a_TN[3, 0])
        left = P / np.sqrt(2) / np.abs(a_TN[2, 0])
        assert left == pytest.approx(0.01 * time, rel=0.02)


def test_growth_times_scale_and_order_as_the_equations_say() -> None:
    D = np.linspace(0, 3.1, 50)
    times = dynamics.growth_time(0.02, 0.02, D, P)
    assert (np.diff(times) > 0).all()  # with equal magnitudes the smallest |D| is first
    np.testing.assert_allclose(dynamics.growth_time(0.02, 0.02, -D, P), times)
    np.testing.assert_allclose(dynamics.growth_time(0.04, 0.04, D, P), times / 2)
    # c = h = 0 leaves r' = (4/p) sqrt(r^3 / 2), whose solution takes p / (sqrt(2) alpha) from alpha on.
    assert dynamics.growth_time(0.1, 0.1 / np.sqrt(2), 0.0, P) == pytest.approx(P / np.sqrt(2) / 0.1, rel=1e-6)


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="positive"):
        dynamics.growth_time(0.0, 1.0, 0.0, P)
    with pytest.raises(ValueError, match="quad or relu"):
        dynamics.velocity(np.ones(1), np.ones(1), P, "gelu")  # type: ignore[arg-type]
