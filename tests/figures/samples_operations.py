"""Calls for the figures of other operations and of sizes."""

from __future__ import annotations

from typing import Any

import numpy as np

from modaddlab import characters, figures


def calls(p: int = 113) -> dict[str, tuple[Any, tuple[Any, ...], dict[str, Any]]]:
    """figure name -> (function, arguments, keyword arguments)."""
    residues = np.arange(1, 13)
    order = residues[np.argsort(characters.discrete_logarithms(13))]
    rng = np.random.default_rng(0)
    share_K = rng.dirichlet(np.ones(p // 2))
    bases = {"waves of a": share_K, "characters of a": share_K[::-1], "waves of a²": np.roll(share_K, 1)}
    sizes = (7, 11, 13, 17, 23, 31, 43, 53, 59, 67, 71, 89, 97, 113)
    series = {p: figures.Times([40_000 / p * 17, np.nan][: 1 + (p < 60)], 25_000) for p in sizes}
    turn = 2 * np.pi * np.arange(p) / p
    rates = {0.0: [0.99, 0.98], 0.5: [0.9], 1.0: [0.4, 0.5]}
    marks = {
        "gradient symmetricity": rates,
        "distance irrelevance": {rate: [1 - x for x in found] for rate, found in rates.items()},
    }
    medians = dict.fromkeys(marks, ((0.05, 0.95), (0.9, 0.3)))
    return {
        "clock_and_pizza": (figures.clock_and_pizza, (12, 1, 4), {}),
        "clock_against_pizza": (
            figures.clock_against_pizza,
            ({"constant": np.array([[0.7, 0.95, 0.2], [0.1, 0.3, 0.9]]), "usual": np.array([[0.96, 0.7, 0.1]])},),
            {},
        ),
        "clock_against_pizza_of_one": (
            figures.clock_against_pizza,
            ({"": np.array([[0.7, 0.95, 0.2], [0.1, 0.3, 0.9]])},),
            {},
        ),
        "one_circle_alone": (
            figures.one_circle_alone,
            ({"a circle": np.abs(np.cos(turn / 2)), "one beside it": -np.cos(turn)},),
            {},
        ),
        "attention_rates": (
            figures.attention_rates,
            (marks, {name: dict.fromkeys(rates, 0.7) for name in marks}, medians),
            {},
        ),
        "proven_shares": (figures.proven_shares, ({"knowing neither": (0.0, 0.2), "waves in and out": (1.0, 0.2)},), {}),
        "proven_over_training": (
            figures.proven_over_training,
            ((np.arange(0, 90, 10), np.linspace(0, 1, 9)), (np.arange(0, 90, 10), np.linspace(0, 1, 9) ** 4)),
            {},
        ),
        "kernel_fits": (
            figures.kernel_fits,
            ({name: [np.linspace(0, 1, 9) ** n] for n, name in enumerate(("train", "test", "circulant", "random order"))},),
            {},
        ),
        "feature_matrices": (
            figures.feature_matrices,
            ({"whole": np.outer(np.arange(12), np.arange(12)) / 11, "block": np.outer(np.arange(6), np.arange(2, 8))},),
            {},
        ),
        "accuracy_by_share": (
            figures.accuracy_by_share,
            ({"random circulant": (np.array([0.1, 0.5]), np.array([0.2, 1.0]))}, {"shuffled": 0.01}),
            {},
        ),
        "answer_energies": (figures.answer_energies, ({"all": np.full(30, 1 / 30), "one": np.eye(6)[0]},), {}),
        "valleys": (figures.valleys, ({name: np.eye(2) for name in ("round", "trough", "crossing")},), {}),
        "chains": (
            figures.chains,
            ({"tether 5": (np.arange(9), np.arange(9.0))}, {"add": {0.01: (np.array([1.0, 5.0]), np.array([40.0, 20.0]))}}),
            {},
        ),
        "complexity_paths": (
            figures.complexity_paths,
            (
                {kind: [(np.arange(0, 90, 10), np.linspace(50, 20, 9))] for kind in ("add", "random")},
                [(np.arange(0, 90, 10), np.geomspace(3, 1e-6, 9))],
                [(np.arange(0, 90, 10), np.linspace(0, 1, 9))],
            ),
            {},
        ),
        "complexity_by_modulus": (
            figures.complexity_by_modulus,
            ([23, 47], {"add": np.array([[20.0, 22.0], [60.0, 66.0]]), "random": np.array([[20.0, 22.0], [90.0, 99.0]])}),
            {},
        ),
        "circuit_complexities": (
            figures.circuit_complexities,
            ({"tether 400": {"pizza": np.array([9.0, 8.0]), "clock": np.array([4.0, 3.0])}},),
            {},
        ),
        "two_orders": (
            figures.two_orders,
            (residues.tolist(), np.outer(residues, residues) % 13, order.tolist(), ("in their usual order", "by logarithm")),
            {},
        ),
        "wave_shares": (figures.wave_shares, ({"a² + b²": bases, "a + b": bases}, dict.fromkeys(bases, 0.06)), {}),
        "times_by_size": (
            figures.times_by_size,
            (
                "modulus p",
                {"this book, each seed": series, "other shares of the pairs": {200: figures.Times([5000], 10_000)}},
                {"a sweep": {43: (40_000, np.inf), 113: (8350, 8350)}},
                {"our law": ([59, 113], [14_000, 6000]), "published slope": ([59, 113], [25_000, 8350])},
            ),
            {},
        ),
    }  # fmt: skip
