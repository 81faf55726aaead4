"""Runs of sweeps that were never trained: their outcomes are given, their embeddings drawn from known waves."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np

from modaddlab import RunSpec, tasks
from modaddlab.experiments.spec import OptimSpec, TaskSpec
from modaddlab.findings import concentration
from modaddlab.findings.outcomes import Point
from modaddlab.models.registry import TransformerSpec


def run(
    grokked: float = math.nan,
    *,
    p: int = 113,
    frac: float = 0.3,
    operation: Any = "add",
    seed: int = 0,
    steps: int = 25_000,
    model: TransformerSpec | None = None,
    lr: float = 1e-3,
    memorized: float = 100,
    final: float = 1.0,
    waves: int = 4,
    curves: dict[str, np.ndarray] | None = None,
) -> Any:
    """A row of a sweep whose embedding has `waves` equal waves of the residue.

    Args:
        grokked, memorized: its first steps; NaN for never.
        p, frac, operation, seed, steps, model, lr: of its specification.
        final: the last test accuracy.
        waves: how many frequencies, 1 to `waves`, its embedding has.
        curves: recorded metrics.
    """
    spec = RunSpec(
        name="made", seed=seed, steps=steps, model=model or TransformerSpec(), optim=OptimSpec(lr=lr),
        task=TaskSpec(p=p, train_frac=frac, operation=operation),
    )  # fmt: skip
    angle_P = 2 * np.pi * np.arange(p) / p
    table_PD = np.stack([wave(k * angle_P) for k in range(1, waves + 1) for wave in (np.cos, np.sin)], axis=1)
    study = SimpleNamespace(
        p=p,
        spec=spec,
        embedding_PD=table_PD,
        labels_PP=tasks.labels(spec.task, seed).reshape(p, p),
        train_mask_PP=tasks.train_mask(spec.task, seed),
        test_mask_PP=~tasks.train_mask(spec.task, seed),
        record=SimpleNamespace(run_id=spec.run_id),
    )

    def concentrated(basis: Any = "additive") -> concentration.Concentration:
        return concentration.read(concentration.measure_concentration.__wrapped__(study, basis=basis))  # pyright: ignore

    return SimpleNamespace(
        spec=spec, study=study, grokked=grokked, memorized=memorized, metrics=curves or {}, concentration=concentrated,
        final=lambda metric: final, best=lambda metric="test_accuracy": final,
    )  # fmt: skip


def point(*rows: Any) -> Point:
    """The seeds of a setting."""
    return Point((), rows)
