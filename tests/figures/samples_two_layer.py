"""Waves like those of a trained two-layer network, and a call for every figure function that draws them."""

from __future__ import annotations

from typing import Any

import numpy as np

from modaddlab import figures
from modaddlab.analysis import activations, indicator, subsets, two_layer
from modaddlab.analysis.fourier import transform_1d


def waves(p: int, n: int = 60, noise: float = 0.1, seed: int = 0) -> two_layer.CosineNeurons:
    """Random frequencies and phases, nearly aligned."""
    rng = np.random.default_rng(seed)
    phi_H = rng.uniform(-np.pi, np.pi, n)
    return two_layer.CosineNeurons(
        p=p,
        frequency_H=np.resize(np.arange(1, p // 2 + 1), n),
        alpha_H=rng.uniform(0.8, 1, n),
        phi_H=phi_H,
        beta_H=rng.uniform(0.8, 1, n),
        psi_H=2 * phi_H + noise * rng.normal(size=n),
    )


def calls(p: int = 23) -> dict[str, tuple[Any, tuple[Any, ...], dict[str, Any]]]:
    """figure name -> (function, arguments, keyword arguments)."""
    rng = np.random.default_rng(0)
    trained, random = waves(p), waves(p, noise=3.0, seed=1)
    theta_HP = trained.theta_HP + 0.1 * rng.normal(size=(60, p))
    xi_HP = trained.xi_HP + 0.1 * rng.normal(size=(60, p))
    few = two_layer.CosineNeurons(p=p, **{name: value[:3] for name, value in vars(trained).items() if name != "p"})
    ratios = {"frequencies": np.clip(rng.normal(0.8, 0.05, 120), 0, 1), "coefficients": np.clip(rng.normal(0.6, 0.1, 120), 0, 1)}
    before = {"frequencies": rng.uniform(0.1, 0.25, 120), "coefficients": rng.uniform(0.05, 0.2, 120)}
    rings = {name: [two_layer.rings(waves(p, seed=s), range(1, 9)) for s in range(3)] for name in ("standard", "grokking")}
    terms = indicator.neuron_terms(trained, [2])
    literal = (trained.theta_HP[2][:, None] + trained.theta_HP[2]) ** 2 * trained.xi_HP[2][4]
    shares = {k: indicator.cancellation(trained, k) for k in range(1, 5)}
    quad = two_layer.network_logits(theta_HP, xi_HP, activations.QUAD)
    quad -= quad.mean(axis=2, keepdims=True)
    formula = indicator.flawed_indicator(p, 4 * indicator.fit_indicator(quad).main / p)
    ray = {"quadratic": indicator.by_ray(quad), "ReLU": indicator.by_ray(quad)}
    profile = {"quadratic": indicator.ray_profile(p, activations.QUAD), "ReLU": indicator.ray_profile(p, activations.RELU)}
    names = ("standard", "grokking", "quad random", "quad single")
    overtones = {name: np.array([0.0, -0.2, 0.1, -0.04]) + 0.02 * i for i, name in enumerate(names)}
    heights = {name: np.array([0.5, 0.3, 0.25, 0.2]) - 0.04 * i for i, name in enumerate(names)}
    published = dict.fromkeys(activations.SWAPS, 1.0) | {"x": 0.0416, "x³": 0.0359}
    swapped = activations.swap(theta_HP, xi_HP)
    scale_N = np.geomspace(0.25, 4, 9)
    rising = {name: 1 / (1 + np.exp(-4 * (np.log2(scale_N) + i))) for i, name in enumerate(("eˣ", "x²"))}
    fewer = subsets.subset_losses(7, 30, (1, 2, 3))
    line = (np.array([1, 2, 3]), np.array([row.mean for row in fewer]))
    return {
        "weight_components": (
            figures.weight_components,
            (transform_1d(theta_HP.T).T, transform_1d(xi_HP.T).T, trained.frequency_H),
            {},
        ),
        "neuron_waves": (figures.neuron_waves, (theta_HP[:3], xi_HP[:3], few, [0, 1, 2]), {}),
        "participation": (figures.participation, (ratios, before, {"frequencies": 0.17, "coefficients": 0.12}), {}),
        "phase_alignment": (figures.phase_alignment, (trained, random), {}),
        "phase_rings": (figures.phase_rings, (trained.phi_H,), {}),
        "ring_balance": (
            figures.ring_balance,
            (
                {name: np.array([one.imbalance_R for one in seeds]) for name, seeds in rings.items()},
                {name: two_layer.imbalance_null(seeds[0].counts_K, 200) for name, seeds in rings.items()},
                range(1, 9),
            ),
            {},
        ),
        "magnitudes": (figures.magnitudes, ({"standard": trained, "grokking": random, "quad random": trained},), {}),
        "neuron_identity": (figures.neuron_identity, (literal, terms, 4), {}),
        "cancellation": (figures.cancellation, (shares,), {}),
        "logits_by_ray": (figures.logits_by_ray, (ray, profile), {}),
        "logit_strip": (figures.logit_strip, ({"formula": formula[3], "quadratic": quad[3], "ReLU": quad[3]}, 3), {}),
        "pair_logits": (
            figures.pair_logits,
            ({"quadratic": quad[3, 5], "ReLU": quad[3, 5]}, {"quadratic": formula[3, 5], "ReLU": formula[3, 5]}, 3, 5),
            {},
        ),
        "overtones_and_ghosts": (figures.overtones_and_ghosts, (overtones, (2, 3, 5, 7), heights), {}),
        "swap_accuracies": (
            figures.swap_accuracies,
            ({name: [one.accuracy for one in swapped] for name in ("5,000 steps", "grokking")}, published),
            {},
        ),
        "accuracy_by_scale": (figures.accuracy_by_scale, (scale_N, rising, 1 / p), {"marked": 1.7}),
        "subset_losses": (figures.subset_losses, ({"fewer neurons": line, "same number": line}, line, "frequencies kept"), {}),
    }
