"""A call for every figure that compares settings with seeds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from modaddlab import figures
from modaddlab.analysis.seeds import over_seeds


def calls(p: int = 113) -> dict[str, tuple[Any, tuple[Any, ...], dict[str, Any]]]:
    """figure name -> (function, arguments, keyword arguments)."""
    step = np.arange(0, 10_001, 50)
    seeds = [(step, 1 / (1 + np.exp(-(step - late) / 300))) for late in (4000, 5000, 7000)]
    losses = {"train_loss": np.exp(-step / 500) + 1e-7, "test_loss": 10 * np.exp(-step / 2000) + 1e-6}
    accuracies = {"train_accuracy": np.minimum(1, step / 200), "test_accuracy": seeds[0][1] * (step < 9000)}
    counts = np.zeros(p // 2, int)
    counts[[0, 1]] = 3, 1

    def swept(varies: tuple[str, ...], settings: dict[Any, list[float]]) -> SimpleNamespace:
        """The outcomes of a sweep whose seeds took so many steps."""
        points = {}
        for key, steps in settings.items():
            time = over_seeds(np.array(steps), "log") if np.isfinite(steps).all() else None
            n_grokked = int(np.isfinite(steps).sum())
            points[key] = SimpleNamespace(
                setting=key if isinstance(key, tuple) else (key,),
                grokked_S=np.array(steps),
                trained_for=25_000,
                time=time,
                n=len(steps),
                n_grokked=n_grokked,
            )
        return SimpleNamespace(varies=varies, points=points)

    return {
        "sweep_outcomes": (
            figures.sweep_outcomes,
            (swept(("optim.lr",), {1e-3: [4000, 6000, 5000], 3e-3: [np.nan, 2000], 1e-2: [900]}),),
            {},
        ),
        "sweep_outcomes_words": (
            figures.sweep_outcomes,
            (swept(("model.activation",), {"relu": [4000, 6000, 5000], None: [np.nan]}),),
            {},
        ),
        "sweep_outcomes_seeds": (figures.sweep_outcomes, (swept((), {(): [4000, 6000, 5000]}),), {}),
        "sweep_outcomes_grid": (
            figures.sweep_outcomes,
            (
                swept(
                    ("task.p", "model.activation", "optim.lr"),
                    {(7, "relu", 1e-3): [400, 500], (7, "relu", 3e-3): [np.nan], (11, "quad", 1e-3): [np.nan, 300]},
                ),
            ),
            {},
        ),
        "steps_by_product": (
            figures.steps_by_product,
            (
                {
                    "seeds": [figures.Timed(1e-3, steps, 25_000) for steps in (4000, 6000)],
                    "rate": [figures.Timed(1e-4, np.nan, 15_000), figures.Timed(3e-3, 1500, 12_000)],
                },
                "learning rate times weight decay",
                ([1e-4, 1e-2], [60_000, 600], "six over the product"),
            ),
            {},
        ),
        "curves_beside_seeds": (
            figures.curves_beside_seeds,
            ({"rate 0.002, decay 0.5": seeds[1]}, seeds, "the mainline's seeds"),
            {},
        ),
        "late_training": (figures.late_training, (step, accuracies | losses, 30 + 30 * np.exp(-step / 3000)), {}),
        "memory_level": (figures.memory_level, ({0.3: [0.3], 0.5: [0.5, 0.51]}, {0.3: [0.02], 0.5: [0.49, 0.5]}), {}),
        "interval_widths": (
            figures.interval_widths,
            ({"time to grok": {2: [3.0, 50.0, 400.0], 3: [2.0, 4.0, 9.0]}, "test loss": {2: [2.0, 9.0], 3: [2.0, 3.0]}},),
            {},
        ),
        "key_counts": (figures.key_counts, (counts, 0.9, 4.0), {}),
        "beside_one_more": (
            figures.beside_one_more,
            ({"decay 3": (0.36, False), "decay 0": (4.0, True), "two heads": (1.2, False)}, (0.4, 2.4)),
            {},
        ),
        "steps_to_grok_law": (
            figures.steps_to_grok,
            ("weight decay", {0.0: figures.Times([np.nan], 25_000), 0.3: figures.Times([20_000], 30_000)}),
            {"law": ([0.3, 3], [20_000, 2000], "a power law")},
        ),
        "frequencies_by_modulus": (figures.frequencies_by_modulus, ({"one": ([7, 113], [2.0, 5.0]), "two": ([7], [3.0])},), {}),
        "margin_over_training": (
            figures.margin_over_training,
            ({"one": (np.arange(3), np.array([-0.5, 0.1, 0.4]))}, {"a": 0.5, "b": 1.0}),
            {},
        ),
        "grokking_laws": (
            figures.grokking_laws,
            (
                {
                    name: (
                        {0.3: figures.Times([20_000, np.nan], 30_000), 3.0: figures.Times([2000], 9000)},
                        ([0.3, 3], [2e4, 2e3]),
                        "-1",
                    )
                    for name in ("decay", "rate", "share", "modulus")
                },
            ),
            {},
        ),
        "accuracy_by_setting": (
            figures.concentration_by_setting,
            ("share", {0.4: [0.5, 0.6], 0.8: [0.9]}, {0.4: 0.4, 0.8: 0.8}, "accuracy", "linear", "memory", True),
            {},
        ),
        "concentration_with_zero": (
            figures.concentration_by_setting,
            ("weight decay", {0.0: [50.0], 1.0: [4.0]}, {0.0: 50.0, 1.0: 51.0}),
            {},
        ),
    }
