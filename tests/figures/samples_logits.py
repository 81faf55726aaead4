"""Calls for the figures of ablations over seeds, of single pairs, and of the average gradient outer product."""

from __future__ import annotations

from typing import Any

import numpy as np

from modaddlab import figures, fourier
from modaddlab.analysis.controls import Ablation, Control
from modaddlab.analysis.progress import Scores


def ablated(label: str, loss: float, random: tuple[float, ...] = (), key: int | None = None) -> Ablation:
    """A row of a table of ablations with its test loss, and those of its random controls."""
    scores = [
        Scores(train_loss=x, test_loss=x, all_loss=x, train_accuracy=1.0, test_accuracy=1 / (1 + x), all_accuracy=1.0)
        for x in (loss, *random)
    ]
    return Ablation(label, "removed", key, scores[0], Control(tuple(scores[1:])) if random else None)


def calls(p: int = 113) -> dict[str, tuple[Any, tuple[Any, ...], dict[str, Any]]]:
    """figure name -> (function, arguments, keyword arguments)."""
    keys = [14, 35, 41, 42, 52] if p == 113 else [1, 3, 4]
    rng = np.random.default_rng(0)
    over_seeds = {
        name: [ablated(name, loss * np.exp(noise), control) for noise in rng.normal(size=5)]
        for name, loss, control in (
            ("logits: all keys removed", 8.0, (3e-7,)),
            ("embedding: only the keys kept", 1e-6, (5.0,)),
            ("all heads cut", 24.0, ()),
        )
    }
    return {
        "ablations_over_seeds": (figures.ablations_over_seeds, (over_seeds, 2e-7, float(np.log(p)), 1 / p), {}),
        **logit_calls(p, keys),
        **gradient_calls(p, keys),
    }


def logit_calls(p: int, keys: list[int]) -> dict[str, Any]:
    """Calls of the figures of single pairs: a network that answers by waves, and one by heart."""
    rng = np.random.default_rng(1)
    residue = np.arange(p)
    train_mask = rng.random((p, p)) < 0.3
    restricted = sum(8 * np.cos(2 * np.pi * k * (3 + residue[:, None] - residue) / p) for k in keys)
    rest = rng.normal(size=(p, p))
    parts = {"full": restricted + rest, "waves": restricted, "rest": rest}
    memory = np.where(train_mask, 20.0, rng.normal(size=(p, p)))
    mean_P = 30 + 5 * np.cos(2 * np.pi * residue / p)
    curve = (mean_P, mean_P - 4, mean_P + 3)
    learned = np.exp(rng.normal(-15, 1, size=(p, p)))
    by_heart = np.where(train_mask, 1e-5, 1) * np.exp(rng.normal(1, 1, size=(p, p)))
    losses = {"step 1,000": by_heart, "step 40,000": learned}
    groups = {
        name: {"train": loss[train_mask], "test": loss[~train_mask], "mirrored": loss[train_mask.T & ~train_mask]}
        for name, loss in losses.items()
    }
    return {
        "logit_heatmaps": (figures.logit_heatmaps, ({"step 1,000": parts, "step 40,000": parts}, 3), {}),
        "correct_logit_surface": (
            figures.correct_logit_surface,
            ({"step 1,000": memory, "step 40,000": mean_P[(residue[:, None] - residue) % p]},),
            {},
        ),
        "margin_by_difference": (figures.margin_by_difference, ({"full": curve, "waves alone": curve},), {}),
        "pair_losses": (figures.pair_losses, (losses, train_mask), {}),
        "loss_distributions": (figures.loss_distributions, (groups,), {}),
    }


def gradient_calls(p: int, keys: list[int]) -> dict[str, Any]:
    """Calls of the figures of the average gradient outer product."""
    rng = np.random.default_rng(2)
    residue, step = np.arange(p), np.linspace(0, 15_000, 12)
    phases = [("memorization", 0, 1400), ("circuit formation", 1400, 9000), ("cleanup", 9000, 12500)]
    circulant = sum(np.cos(2 * np.pi * k * (residue[:, None] - residue) / p) for k in keys)
    learned = np.block([[circulant, 0.5 * circulant], [0.5 * circulant, circulant]])
    noise = rng.normal(size=(2 * p, 40))
    products = {"untrained": noise @ noise.T, "step 40,000": learned}
    F2 = np.kron(np.eye(2), fourier.fourier_basis(p))
    shares = {"circulant": 1 / (1 + np.exp((5000 - step) / 900)), "Hankel": np.full(12, 0.1)}
    nulls = {"within/circulant": np.full(len(step), 0.05), "across/circulant": np.full(len(step), 0.02)}
    frequency = [keys[i // 2 % len(keys)] for i in range(7)] + [6 if p > 12 else 2]
    share = np.geomspace(0.3, 0.01, 8)
    return {
        "outer_products": (
            figures.outer_products,
            (products, {name: F2 @ G @ F2.T for name, G in products.items()}),
            {},
        ),
        "circulant_shares": (figures.circulant_shares, (step, shares, shares, nulls), {"phases": phases}),
        "leading_directions": (
            figures.leading_directions,
            (share, frequency, np.linspace(0.99, 0.6, 8), keys, np.full(8, 0.08)),
            {},
        ),
    }
