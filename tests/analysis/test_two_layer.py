"""The features of a two-layer network, on networks whose waves are known and against the definitions written out."""

from __future__ import annotations

import numpy as np
import pytest

from modaddlab.analysis import two_layer
from modaddlab.analysis.two_layer import CosineNeurons

P = 13


def random_neurons(p: int = P, n: int = 40, seed: int = 3) -> CosineNeurons:
    rng = np.random.default_rng(seed)
    return CosineNeurons(
        p=p,
        frequency_H=rng.integers(1, p // 2 + 1, n),
        alpha_H=rng.uniform(0.5, 2, n),
        phi_H=rng.uniform(-np.pi, np.pi, n),
        beta_H=rng.uniform(0.5, 2, n),
        psi_H=rng.uniform(-np.pi, np.pi, n),
    )


def test_the_waves_are_the_formula_written_out() -> None:
    waves = random_neurons()
    for m in (0, 7, 39):
        for j in range(P):
            angle = 2 * np.pi * waves.frequency_H[m] * j / P
            assert np.isclose(waves.theta_HP[m, j], waves.alpha_H[m] * np.cos(angle + waves.phi_H[m]))
            assert np.isclose(waves.xi_HP[m, j], waves.beta_H[m] * np.cos(angle + waves.psi_H[m]))


@pytest.mark.parametrize("p", [3, 5, 13, 15])
def test_fits_find_the_waves_again(p: int) -> None:
    waves = random_neurons(p)
    fits = two_layer.cosine_fits(waves.theta_HP + 0.7, waves.xi_HP - 2.0)
    assert np.array_equal(fits.frequency_H, waves.frequency_H)
    assert fits.same_frequency_H.all()
    for name in ("alpha_H", "beta_H", "phi_H", "psi_H"):
        assert np.allclose(getattr(fits, name), getattr(waves, name)), name
    assert np.allclose(fits.misalignment_H, two_layer.wrap(2 * waves.phi_H - waves.psi_H))
    assert np.allclose([fits.input_fve_H, fits.output_fve_H], 1)
    assert np.allclose(fits.theta_HP, waves.theta_HP)


def test_a_fit_is_the_least_squares_one() -> None:
    rng = np.random.default_rng(0)
    theta_HP, xi_HP = rng.normal(size=(2, 6, P))
    fits = two_layer.cosine_fits(theta_HP, xi_HP)
    j_P = np.arange(P)
    for m in range(6):
        best = (np.inf, 0)
        for k in range(1, P // 2 + 1):
            columns = np.stack([np.ones(P), np.cos(2 * np.pi * k * j_P / P), np.sin(2 * np.pi * k * j_P / P)], axis=1)
            left = theta_HP[m] - columns @ np.linalg.lstsq(columns, theta_HP[m], rcond=None)[0]
            best = min(best, (left.var() / theta_HP[m].var(), k))
        assert fits.frequency_H[m] == best[1]
        assert np.isclose(fits.input_fve_H[m], 1 - best[0])
        assert np.isclose((xi_HP[m] - fits.xi_HP[m]).var() / xi_HP[m].var(), 1 - fits.output_fve_H[m])


def test_input_and_output_may_differ_in_frequency() -> None:
    waves = random_neurons()
    other_HP = np.cos(2 * np.pi / P * np.outer(waves.frequency_H % (P // 2) + 1, np.arange(P)))
    fits = two_layer.cosine_fits(waves.theta_HP, other_HP)
    assert not fits.same_frequency_H.any()
    assert np.allclose(fits.output_fve_H, 0)


def test_angles_are_wrapped_to_the_upper_end() -> None:
    assert np.allclose(
        two_layer.wrap(np.array([np.pi, -np.pi, 3 * np.pi, 0.5 - 2 * np.pi, -0.5])), [np.pi, np.pi, np.pi, 0.5, -0.5]
    )
    waves = two_layer.even_neurons(P, {2: 7}, misalignment=0.3)
    assert np.allclose(waves.misalignment_H, 0.3)


def test_small_neurons_do_not_count() -> None:
    waves = random_neurons()
    size_H = np.ones(40)
    size_H[[3, 9]] = 0.01
    fits = two_layer.cosine_fits(size_H[:, None] * waves.theta_HP, waves.xi_HP)
    assert set(np.flatnonzero(~fits.alive_H)) == {3, 9}
    living = fits.living()
    assert len(living.frequency_H) == len(living.input_fve_H) == 38
    assert living.p == P


def test_participation_by_both_definitions_written_out() -> None:
    x_HP = np.random.default_rng(1).normal(size=(5, P)) + 0.4
    for row_P, frequencies, coefficients in zip(x_HP, two_layer.ipr(x_HP), two_layer.ipr(x_HP, "coefficients"), strict=True):
        j_P = np.arange(P)
        parts = [row_P.sum() / np.sqrt(P)]
        for k in range(1, P // 2 + 1):
            parts += [np.sqrt(2 / P) * row_P @ wave(2 * np.pi * k * j_P / P) for wave in (np.cos, np.sin)]
        energy_K = np.array([parts[2 * k - 1] ** 2 + parts[2 * k] ** 2 for k in range(1, P // 2 + 1)])
        assert np.isclose(frequencies, np.sum(energy_K**2) / energy_K.sum() ** 2)
        assert np.isclose(coefficients, np.linalg.norm(parts, 4) ** 4 / np.linalg.norm(parts, 2) ** 4)


def test_participation_of_a_pure_wave() -> None:
    waves = random_neurons()
    assert np.allclose(two_layer.ipr(waves.theta_HP), 1)
    expected_H = np.cos(waves.phi_H) ** 4 + np.sin(waves.phi_H) ** 4
    assert np.allclose(two_layer.ipr(waves.theta_HP, "coefficients"), expected_H)
    assert np.isnan(two_layer.ipr(np.zeros((1, P)))).all()
    assert np.allclose(two_layer.ipr(np.ones((1, P)), "coefficients"), 1)


def test_what_chance_gives_is_what_draws_give() -> None:
    x_HP = np.random.default_rng(2).normal(size=(20_000, P))
    assert np.isclose(two_layer.ipr(x_HP).mean(), two_layer.ipr_by_chance(P), rtol=0.01)
    assert np.isclose(two_layer.ipr(x_HP, "coefficients").mean(), two_layer.ipr_by_chance(P, "coefficients"), rtol=0.01)
    fits = two_layer.cosine_fits(x_HP, x_HP[::-1])
    assert np.isclose(fits.input_fve_H.mean(), two_layer.fve_by_chance(P), rtol=0.01)
    assert np.isclose(np.abs(fits.misalignment_H).mean(), np.pi / 2, rtol=0.02)


def test_rings_written_out_and_balanced() -> None:
    waves = random_neurons()
    rings = two_layer.rings(waves, (1, 2, 4))
    for column, k in enumerate(rings.frequencies):
        phi = [phi for phi, frequency in zip(waves.phi_H, waves.frequency_H, strict=True) if frequency == k]
        assert rings.counts_K[column] == len(phi)
        for row, iota in enumerate((1, 2, 4)):
            cos, sin = np.mean(np.cos(iota * np.array(phi))), np.mean(np.sin(iota * np.array(phi)))
            assert np.isclose(rings.resultant_RK[row, column], np.hypot(cos, sin))
    assert np.allclose(rings.imbalance_R, (rings.counts_K * rings.resultant_RK**2).mean(axis=1))
    even = two_layer.rings(two_layer.even_neurons(P, {1: 7, 3: 8, 6: 9}), range(1, 9))
    assert np.allclose(even.resultant_RK[:6], 0)
    assert np.allclose(even.resultant_RK[[6, 7], [0, 1]], 1), "7 phases agree at the 7th multiple, 8 at the 8th"


def test_random_phases_fill_the_null() -> None:
    rng, n = np.random.default_rng(5), 50
    drawn = abs(np.exp(2j * np.pi * rng.random((20_000, n))).mean(axis=1))
    null = two_layer.resultant_null(n)
    assert np.isclose(drawn.mean(), null.mean, rtol=0.02)
    assert np.allclose(np.quantile(drawn, [0.025, 0.975]), [null.low, null.high], rtol=0.05)
    counts_K = np.array([30, 40, 50, 20, 60])
    pooled = two_layer.imbalance_null(counts_K)
    values = [
        two_layer.rings(
            CosineNeurons(
                p=P,
                frequency_H=np.repeat(np.arange(1, 6), counts_K),
                alpha_H=np.ones(200),
                phi_H=2 * np.pi * rng.random(200),
                beta_H=np.ones(200),
                psi_H=np.zeros(200),
            ),
            (2,),
        ).imbalance_R[0]
        for _ in range(800)
    ]
    assert np.isclose(np.mean(values), pooled.mean, atol=0.05)
    assert np.allclose(np.quantile(values, [0.025, 0.975]), [pooled.low, pooled.high], rtol=0.15)


def test_overtones_are_found_and_kept() -> None:
    waves = random_neurons()
    angle_HP = 2 * np.pi / P * np.outer(waves.frequency_H, np.arange(P)) + waves.phi_H[:, None]
    bent_HP = waves.alpha_H[:, None] * (np.cos(angle_HP) - 0.2 * np.cos(3 * angle_HP) + 0.3 * np.sin(5 * angle_HP)) + 0.1
    found_RH = two_layer.overtones(bent_HP, waves, (1, 2, 3, 5))
    assert np.allclose(found_RH[0], 1)
    assert np.allclose(found_RH[1:], [[0], [-0.2], [0]])
    kept_HP = two_layer.keep_multiples(bent_HP, waves.frequency_H, (1, 3))
    assert np.allclose(kept_HP, waves.alpha_H[:, None] * (np.cos(angle_HP) - 0.2 * np.cos(3 * angle_HP)))
    assert np.allclose(two_layer.keep_multiples(bent_HP, waves.frequency_H, (0, 1, 3, 5)), bent_HP)
    of_15 = two_layer.even_neurons(15, {5: 3})
    assert np.isnan(two_layer.overtones(of_15.theta_HP, of_15, (3,))).all()


def test_logits_are_their_definition_written_out() -> None:
    rng = np.random.default_rng(4)
    theta_HP, xi_HP = rng.normal(size=(2, 9, 5))
    logits_PPC = two_layer.network_logits(theta_HP, xi_HP, np.abs)
    for x in range(5):
        for y in range(5):
            expected_C = sum(xi_HP[m] * abs(theta_HP[m, x] + theta_HP[m, y]) for m in range(9))
            assert np.allclose(logits_PPC[x, y], expected_C)


def test_variation() -> None:
    assert two_layer.variation(np.array([2.0, 2.0])) == 0
    assert np.isclose(two_layer.variation(np.array([1.0, 3.0])), 0.5)


@pytest.mark.parametrize(
    "call",
    [
        lambda: two_layer.even_neurons(12, {1: 3}),
        lambda: two_layer.even_neurons(13, {7: 3}),
        lambda: two_layer.cosine_fits(np.zeros((3, 4)), np.zeros((3, 4))),
        lambda: two_layer.cosine_fits(np.zeros((3, 5)), np.zeros((4, 5))),
        lambda: two_layer.ipr(np.zeros((3, 5)), "norms"),  # pyright: ignore[reportArgumentType]
    ],
)
def test_wrong_arguments_are_named(call: object) -> None:
    assert callable(call)
    with pytest.raises(ValueError, match="must"):
        call()
