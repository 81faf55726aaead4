"""Calls for the figures of one neuron's dynamics, the lottery and the stages, on arrays of the right shapes."""

from __future__ import annotations

from typing import Any

import numpy as np

from modaddlab import figures


def calls(p: int) -> dict[str, tuple[Any, tuple[Any, ...], dict[str, Any]]]:
    """figure name -> (function, arguments, keyword arguments)."""
    rng = np.random.default_rng(5)
    half, step = p // 2, np.arange(0, 10_001, 500)
    T, rise = len(step), 1 / (1 + np.exp(-(np.arange(0, 10_001, 500) - 5000) / 900))
    phases = [("all answers equal", 0, 6000), ("not", 6000, 10_000)]
    stages = [("I", 0, 1700), ("II", 1700, 8000), ("III", 8000, 10_000)]
    start_N = np.array([0.3, 1.2, 2.9])
    D_TN = start_N * (1 - rise[:, None])
    alpha_TN = 0.02 + 0.2 * rise[:, None] * (1 + 0.1 * np.arange(3))
    solved_TN = np.where(step[:, None] < 7000, alpha_TN * 1.02, np.nan)
    a_T = (0.02 + 0.1 * rise) * np.exp(1j * (1 - rise))
    drift_T = np.linspace(0, 1, T) ** 2
    ratio_3R = np.array([[0.1], [0.2], [0.3]]) / np.arange(2, 6) ** 2
    components_NP = rng.normal(size=(12, p))
    D_M, ratio_N = np.linspace(0.01, np.pi, 30), np.geomspace(0.2, 5, 20)
    outcome_NM = np.log10(ratio_N)[:, None] + np.cos(D_M)
    race_TK = np.abs(rng.normal(size=(1, half))) * 0.01 * np.ones((T, 1))
    race_TK[:, 2] += 0.3 * rise
    rates = {rule: (0.1 * i + 0.1, 0.1 * i + 0.08, 0.1 * i + 0.13) for i, rule in enumerate(["a", "b", "c"])}
    kinds_PP = rng.integers(0, 5, (p, p))
    right_PP = rng.random((p, p)) < 0.7
    metrics = {
        "step": step,
        "train_loss": 3 * (1 - rise) + 1e-6,
        "test_loss": 3 * (1 - rise) + 0.1,
        "train_accuracy": rise,
        "test_accuracy": 0.7 * rise,
    }
    names = {0: "trained in both orders", 1: "trained in one order", 2: "trained, on the diagonal", 3: "mirror image", 4: "never"}
    return {
        "solved_waves": (figures.solved_waves, (step * 0.1, {"near": (a_T, 2 * a_T), "far": (1j * a_T, a_T)}), {}),
        "against_equations": (
            figures.against_equations,
            (step, (D_TN, alpha_TN), step, (D_TN + 0.01, solved_TN)),
            {"phases": phases},
        ),
        "conserved": (
            figures.conserved,
            (step, {"α² − 2β²": 1e-5 * drift_T, "whole": 1e-6 * drift_T, "α² − β²": drift_T}, 2),  # noqa: RUF001
            {"phases": phases},
        ),
        "energy_elsewhere": (
            figures.energy_elsewhere,
            ({"quadratic": (step, 1e-7 * drift_T, 1e-8 * drift_T), "ReLU": (step, 0.1 * drift_T, 0.05 * drift_T)},),
            {"phases": {"quadratic": [("equal", 0, 6000)]}},
        ),
        "overtones": (
            figures.overtones,
            (
                [2, 3, 4, 5],
                {"input": ratio_3R, "output": ratio_3R / 2},
                {"input": np.array([0, 0.6, 0, 0.14]), "output": np.array([0.2, 0.09, 0.05, 0.03])},
                {"input": np.full(4, 0.002), "output": np.full(4, 0.003)},
            ),
            {},
        ),
        "weights_over_training": (
            figures.weights_over_training,
            ({"step 0": (components_NP, components_NP), "step 900": (2 * components_NP, components_NP[::-1])},),
            {},
        ),
        "frequency_race": (figures.frequency_race, (step, race_TK, rng.uniform(-np.pi, np.pi, (T, half)), 3), {}),
        "outcome_map": (
            figures.outcome_map,
            (D_M, ratio_N, outcome_NM, (np.full(9, 0.5), np.full(9, 2.0)), (rng.uniform(0, np.pi, 50), rng.uniform(0.3, 2, 50))),
            {},
        ),
        "growth_map": (figures.growth_map, (2 * D_M, ratio_N, 10.0 ** (2 - outcome_NM)), {}),
        "rule_hits": (figures.rule_hits, ({"quadratic": rates, "ReLU": rates}, {"a": "rule a", "b": "b", "c": "c"}, 0.09), {}),
        "decision": (figures.decision, ({"quadratic": (step, rise), "ReLU": (step, 0.9 * rise)}, 0.09), {}),
        "stage_curves": (figures.stage_curves, (metrics, stages, 0.72), {}),
        "stage_weights": (
            figures.stage_weights,
            (
                step,
                0.6 * (1 - rise),
                {"input": rise, "output": 0.9 * rise},
                {"θ": 20 * rise, "ξ": 23 * rise},
                stages,
                (0.64, 0.17),
            ),
            {},
        ),
        "memory_maps": (figures.memory_maps, (kinds_PP, names, right_PP, rng.random((p, p))), {}),
        "common_to_rare": (
            figures.common_to_rare,
            (step, {name: (kind, rise ** (1 + kind)) for kind, name in names.items()}, stages),
            {"first_step": 400},
        ),
        "answers_over_training": (
            figures.answers_over_training,
            (kinds_PP, names, {"step 0": ~right_PP, "step 900": right_PP, "step 9,000": right_PP | True}),
            {},
        ),
    }
