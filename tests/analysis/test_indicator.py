"""The mechanism of a two-layer network: the identity, the flawed indicator, swaps and subsets, against their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from modaddlab.analysis import activations, indicator, progress, subsets, two_layer
from modaddlab.analysis.two_layer import CosineNeurons

P = 11
EVERY = dict.fromkeys(range(1, P // 2 + 1), 7)


def neurons(seed: int = 0, n: int = 30, p: int = P) -> CosineNeurons:
    rng = np.random.default_rng(seed)
    return CosineNeurons(
        p=p,
        frequency_H=rng.integers(1, p // 2 + 1, n),
        alpha_H=rng.uniform(0.5, 2, n),
        phi_H=rng.uniform(-np.pi, np.pi, n),
        beta_H=rng.uniform(0.5, 2, n),
        psi_H=rng.uniform(-np.pi, np.pi, n),
    )


def test_the_identity_of_one_neuron() -> None:
    waves = neurons()
    for m in (0, 11):
        terms = indicator.neuron_terms(waves, [m])
        literal_PPC = (waves.theta_HP[m][:, None] + waves.theta_HP[m]) ** 2
        assert np.allclose(terms.sum_PPC, literal_PPC[:, :, None] * waves.xi_HP[m])
        x, y, j = 3, 8, 5
        omega, size = 2 * np.pi * waves.frequency_H[m] / P, waves.alpha_H[m] ** 2 * waves.beta_H[m]
        front = size * np.cos(omega * (x - y) / 2) ** 2
        D = 2 * waves.phi_H[m] - waves.psi_H[m]
        assert np.isclose(terms.answer_PPC[x, y, j], front * np.cos(omega * (x + y - j) + D))
        assert np.isclose(terms.output_PPC[x, y, j], front * 2 * np.cos(omega * j + waves.psi_H[m]))


def test_the_terms_of_several_neurons_add_up() -> None:
    waves = neurons()
    together = indicator.neuron_terms(waves, range(30))
    assert np.allclose(together.sum_PPC, two_layer.network_logits(waves.theta_HP, waves.xi_HP, activations.QUAD))
    one_by_one = sum(indicator.neuron_terms(waves, [m]).total_PPC for m in range(30))
    assert np.allclose(together.total_PPC, one_by_one)


def test_cancellation_written_out() -> None:
    waves = neurons(n=60)
    of = waves.of_frequency(2)
    got_N3 = indicator.cancellation(waves, 2)
    size = waves.alpha_H[of] ** 2 * waves.beta_H[of]
    for n in (1, 4, len(of)):
        first = of[:n]
        for column, phase in enumerate([2 * waves.phi_H - waves.psi_H, waves.psi_H, 2 * waves.phi_H + waves.psi_H]):
            total = np.hypot(np.sum(size[:n] * np.cos(phase[first])), np.sum(size[:n] * np.sin(phase[first])))
            assert np.isclose(got_N3[n - 1, column], total / size[:n].sum())
    turned = indicator.cancellation(waves, 2, order=np.arange(len(of))[::-1])
    assert np.allclose(turned[-1], got_N3[-1])
    assert not np.allclose(turned[2], got_N3[2])
    even = two_layer.even_neurons(P, {2: 7})
    assert np.allclose(indicator.cancellation(even, 2)[-1], [1, 0, 0])


def test_the_published_example() -> None:
    waves = two_layer.even_neurons(7, dict.fromkeys((1, 2, 3), 8))
    logits_PPC = two_layer.network_logits(waves.theta_HP, waves.xi_HP, activations.QUAD)
    assert np.allclose(logits_PPC[4, 6], [-4, 3, -4, 10, -4, 3, -4])
    assert np.allclose(indicator.flawed_indicator(7, 8)[4, 6], [-4, 3, -4, 10, -4, 3, -4])


@pytest.mark.parametrize("p", [5, 11, 15])
def test_the_formula_is_the_idealised_network(p: int) -> None:
    waves = two_layer.even_neurons(p, dict.fromkeys(range(1, p // 2 + 1), 6), alpha=1.3, beta=0.7)
    logits_PPC = two_layer.network_logits(waves.theta_HP, waves.xi_HP, activations.QUAD)
    strength = 6 * 1.3**2 * 0.7
    assert np.allclose(logits_PPC, indicator.flawed_indicator(p, strength))
    x, y = 1, 3
    literal_C = np.array(
        [strength / 2 * (-1 + p / 2 * (j == (x + y) % p) + p / 4 * ((j == 2 * x % p) + (j == 2 * y % p))) for j in range(p)]
    )
    assert np.allclose(logits_PPC[x, y], literal_C)
    fit = indicator.fit_indicator(logits_PPC + np.random.default_rng(0).normal(size=(p, p, 1)))
    assert np.isclose(fit.strength(p), strength)
    assert np.isclose(fit.ratio, 0.5)
    assert np.isclose(fit.fve, 1)
    assert fit.main_fve < 0.95
    assert np.allclose(indicator.answer_logits(waves, "quad"), logits_PPC)


def test_the_fit_is_least_squares() -> None:
    logits_PPC = np.random.default_rng(3).normal(size=(5, 5, 5)) + 2 * indicator.flawed_indicator(5, 3.0)
    rows, target = [], []
    for x in range(5):
        for y in range(5):
            for j in range(5):
                means = np.eye(25)[5 * x + y]  # a constant for every pair
                rows.append([float(j == (x + y) % 5), float(j == 2 * x % 5) + float(j == 2 * y % 5), *means])
                target.append(logits_PPC[x, y, j])
    main, ghost = np.linalg.lstsq(np.array(rows), np.array(target), rcond=None)[0][:2]
    fit = indicator.fit_indicator(logits_PPC)
    assert np.allclose([fit.main, fit.ghost], [main, ghost])
    explained = indicator.logits_fve(logits_PPC, indicator.indicator(5, fit.main, fit.ghost))
    assert np.isclose(fit.fve, explained)
    assert 0 < fit.main_fve < fit.fve < 1


def test_logits_without_an_answer_have_no_ratio() -> None:
    assert np.isnan(indicator.fit_indicator(indicator.indicator(5, 0.0, 0.0)).ratio)


def test_rays_put_answer_and_ghosts_in_their_places() -> None:
    by_ray_P = indicator.by_ray(indicator.indicator(P, 3.0, 1.0) + 4.0)
    background = -(3.0 + 2.0) / P
    expected_P = np.full(P, background)
    expected_P[[0, 1, -1]] += [3.0, 1.0, 1.0]
    assert np.allclose(by_ray_P, expected_P)


def test_harmonics_of_known_functions() -> None:
    amplitude = np.array([0.5, 2.0])
    assert np.allclose(indicator.harmonic(activations.QUAD, amplitude), amplitude**2 / 2)
    assert np.allclose(indicator.harmonic(activations.RELU, amplitude), 2 * amplitude / (3 * np.pi), rtol=1e-5)
    assert np.allclose(indicator.harmonic(activations.RELU, amplitude, 0), amplitude / np.pi, rtol=1e-5)
    for name in ("x", "x³"):
        assert np.allclose(indicator.harmonic(activations.SWAPS[name], amplitude), 0)


@pytest.mark.parametrize("name", [*activations.ACTIVATIONS, "eˣ", "x⁴"])
def test_the_ray_profile_is_that_of_the_network(name: str) -> None:
    sigma = {**activations.ACTIVATIONS, **activations.SWAPS}[name]
    waves = two_layer.even_neurons(P, dict.fromkeys(range(1, 6), 101), alpha=0.8, beta=1.4)
    logits_PPC = two_layer.network_logits(waves.theta_HP, waves.xi_HP, sigma)
    profile_P = 1.4 * 101 / 2 * indicator.ray_profile(P, sigma, 0.8)
    assert np.allclose(indicator.by_ray(logits_PPC), profile_P, atol=2e-3 * profile_P[0])


def test_ghosts_are_half_for_squares_and_a_third_for_relu() -> None:
    assert np.isclose(indicator.ghost_ratio(P, activations.QUAD), 0.5)
    assert np.isclose(indicator.ghost_ratio(997, activations.RELU), 1 / 3, atol=1e-3)
    assert np.isclose(indicator.ghost_ratio(P, np.abs), indicator.ghost_ratio(P, activations.RELU))
    waves = two_layer.even_neurons(23, dict.fromkeys(range(1, 12), 31))
    logits_PPC = two_layer.network_logits(waves.theta_HP, waves.xi_HP, activations.RELU)
    assert np.isclose(indicator.fit_indicator(logits_PPC).ratio, indicator.ghost_ratio(23, activations.RELU), atol=0.01)
    assert indicator.logits_fve(logits_PPC, indicator.answer_logits(waves, "relu")) > 0.999


@pytest.mark.parametrize("c", [-0.3, -0.1, 0.2])
def test_a_third_overtone_shifts_the_ghosts(c: float) -> None:
    waves = two_layer.even_neurons(P, EVERY)
    angle_HP = 2 * np.pi / P * np.outer(waves.frequency_H, np.arange(P)) + waves.phi_H[:, None]
    logits_PPC = two_layer.network_logits(np.cos(angle_HP) + c * np.cos(3 * angle_HP), waves.xi_HP, activations.QUAD)
    ray_P = indicator.by_ray(logits_PPC)
    ray_P = (ray_P - ray_P[4]) / (ray_P[0] - ray_P[4])
    expected_P = np.zeros(P)
    expected_P[[0, 1, -1, 2, -2]] = [1, 0.5 + c, 0.5 + c, c, c]
    assert np.allclose(ray_P, expected_P)


def test_the_bound_holds_and_is_the_formula() -> None:
    strength = 2.5
    sure = indicator.certainty(indicator.flawed_indicator(P, strength))
    assert np.isclose(indicator.softmax_bound(P, strength), 1 - (P - 1) * np.exp(-strength * P / 8))
    assert np.isclose(sure.margin, strength * P / 8)
    assert np.isclose(sure.bound, indicator.softmax_bound(P, strength))
    assert sure.bound < sure.least < 1
    assert sure.accuracy == 1


def test_losses_are_exact_above_and_below_rounding() -> None:
    logits_PPC = np.random.default_rng(1).normal(size=(P, P, P)) * 3
    labels_PP = indicator.sums(P)
    plain_PP = progress.cross_entropy(logits_PPC, labels_PP)
    assert np.allclose(indicator.pair_losses(logits_PPC), plain_PP)
    assert np.isclose(indicator.certainty(logits_PPC).mean_loss, plain_PP.mean())
    tiny_PP = indicator.pair_losses(indicator.flawed_indicator(P, 80.0))
    assert np.allclose(tiny_PP[1, 2], 2 * np.exp(-80 * P / 8), rtol=1e-9, atol=0)
    assert np.isfinite(indicator.pair_losses(1e4 * logits_PPC)).all()


def test_swaps_score_the_network_with_another_activation() -> None:
    waves = two_layer.even_neurons(P, EVERY, alpha=0.9, beta=0.6)
    rows = {row.name: row for row in activations.swap(waves.theta_HP, waves.xi_HP)}
    assert list(rows) == list(activations.SWAPS)
    for name in ("|x|", "x²", "x⁴", "log(1+e²ˣ)", "eˣ"):
        assert rows[name].accuracy == 1, name
    for name in ("x", "x³"):
        assert rows[name].accuracy < 0.3, name
        assert np.isclose(rows[name].even_share, 0)
    assert np.isclose(rows["x²"].even_share, 1)
    logits_PPC = two_layer.network_logits(waves.theta_HP, waves.xi_HP, np.exp)
    assert np.isclose(rows["eˣ"].loss, progress.cross_entropy(logits_PPC, indicator.sums(P)).mean())
    twice = activations.swap(2 * waves.theta_HP, waves.xi_HP, {"eˣ": np.exp})[0]
    assert twice == activations.swap(waves.theta_HP, waves.xi_HP, {"eˣ": np.exp}, scale=2.0)[0]
    assert twice.even_share > rows["eˣ"].even_share


def test_accuracy_by_scale_is_that_of_the_swaps() -> None:
    waves = neurons(n=40)
    by_scale = activations.accuracy_by_scale(waves.theta_HP, waves.xi_HP, [0.5, 2.0], {"eˣ": np.exp, "x²": activations.QUAD})
    one = activations.swap(waves.theta_HP, waves.xi_HP, {"eˣ": np.exp}, scale=2.0)[0]
    assert by_scale["eˣ"][1] == one.accuracy
    assert by_scale["x²"][0] == by_scale["x²"][1], "a power only rescales the logits"


def test_even_shares_of_known_functions() -> None:
    argument_N = np.linspace(-1, 2, 301)
    cosh, sinh = np.var(np.cosh(argument_N)), np.mean(np.sinh(argument_N) ** 2)
    assert np.isclose(activations.even_share(np.exp, argument_N), cosh / (cosh + sinh))


def test_harmonic_sizes() -> None:
    assert np.allclose(activations.harmonics(activations.QUAD, 1.7), [0, 1, 0, 0])
    assert np.allclose(activations.harmonics(activations.SWAPS["x³"], 1.7)[[1, 3]], 0)


def test_the_published_subset_table() -> None:
    published = {1: 1.642745, 2: 6.023623e-01, 4: 2.878050e-02, 8: 2.991743e-08}
    rows = subsets.subset_losses()
    for row in rows[:-1]:
        assert np.isclose(row.mean, published[row.n_frequencies], rtol=1e-5), row.n_frequencies
    assert np.allclose([len(row.loss_N) for row in rows], [11, 55, 330, 165, 1])
    assert rows[-1].n_neurons == 128
    assert np.isclose(rows[1].median, 5.634509e-01, rtol=1e-5)
    assert 4e-15 < rows[-1].mean < 7.4e-15, "the published value is one of rounding"


def test_the_published_phase_ranges() -> None:
    published = {0.4: 4.815338, 0.8: 2.000744e-03, 1.2: 1.185669e-09, 1.6: 3.544408e-07}
    for row, value in zip(subsets.phase_range_losses(), published.values(), strict=False):
        assert np.isclose(row.mean, value, rtol=1e-5)


def test_a_subset_written_out() -> None:
    waves = two_layer.even_neurons(7, {2: 2, 3: 2})
    logits_PPC = two_layer.network_logits(waves.theta_HP, waves.xi_HP, activations.QUAD)
    loss = progress.cross_entropy(logits_PPC, indicator.sums(7)).mean()
    rows = subsets.subset_losses(7, 6, (2,))
    assert np.isclose(rows[0].loss_N[2], loss), "the choices come in the order 12, 13, 23"
    assert rows[0].n_neurons == 4


def test_a_redealt_budget_goes_to_the_frequencies_that_are_kept() -> None:
    assert subsets.dealt(128, range(1, 12)) == {**dict.fromkeys(range(1, 8), 12), **dict.fromkeys(range(8, 12), 11)}
    rows = subsets.subset_losses(7, 30, (1, 3), redeal=True)
    assert [row.n_neurons for row in rows] == [30, 30]
    waves = two_layer.even_neurons(7, {1: 30})
    logits_PPC = two_layer.network_logits(waves.theta_HP, waves.xi_HP, activations.QUAD)
    assert np.isclose(rows[0].loss_N[0], progress.cross_entropy(logits_PPC, indicator.sums(7)).mean())
    with pytest.raises(ValueError, match="must lie in"):
        subsets.subset_losses(7, 30, (4,))


def test_unknown_activations_are_named() -> None:
    with pytest.raises(ValueError, match="must be"):
        indicator.answer_logits(neurons(), "gelu")  # pyright: ignore[reportArgumentType]
