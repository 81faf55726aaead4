"""What moving figures and the lab take from findings, as scripts like those of `modaddlab.web.records`.

formula.js      the mainline's algorithm as `modaddlab.analysis.by_hand` fits it to all questions, and the chapter's question
lab.js          when the live network memorizes and understands at its usual settings
sweeps.js       the sweeps of decay and of rate: each setting's curve, decay time and time to grok
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from modaddlab import findings
from modaddlab.analysis import by_hand, circuit
from modaddlab.analysis.attention import head_scores
from modaddlab.analysis.neurons import fit_neurons
from modaddlab.findings import outcomes
from modaddlab.findings.decay import fade_of
from modaddlab.findings.outcomes import Point
from modaddlab.findings.value import setting
from modaddlab.study import Study
from modaddlab.web.records import packed, script

SWEEPS = {"decay": "weight-decay", "rate": "learning-rate"}
"""The figure's word for a sweep -> the sweep."""

POINTS = 120
"""Of how many rows of metrics a curve is drawn at most."""


def files(study: Study) -> Iterator[tuple[str, str]]:
    """Every file, its path below the folder and its text; the study is the mainline."""
    arrays = study.remember(formula)
    packs = {name: [list(array.shape), packed(array.astype(np.float32))] for name, array in arrays.items()}
    yield script("data/formula.js", packs)
    lab = findings.measure("lab")
    steps = {name: int(getattr(lab, name).value) for name in ("memorized", "understood")}
    yield script("data/lab.js", steps | {"steps": int(lab.trained_for.value)})
    yield script("data/sweeps.js", {word: swept(outcomes.sweep(name).points) for word, name in SWEEPS.items()})


def formula(study: Study) -> dict[str, np.ndarray]:
    """The formulae of every step with their coefficients, for any question; see `modaddlab.analysis.by_hand`."""
    grid, keys = study.grid, study.keys
    question = by_hand.most_ordinary_pair(grid.logits_PPC, ~study.train_mask_PP)
    walk, scores, fits = by_hand.walk(grid, keys, *question), head_scores(grid), fit_neurons(grid.neurons_PPH, keys)
    return {
        "question": np.array(question),
        "keys": np.array(walk.keys),
        "circle": walk.circle_KP2,
        "radius": walk.radius_K,
        "scores": scores.waves_2nP,
        "own": scores.own_score_n,
        "head_frequency": np.array(scores.frequency_n),
        "frequency": fits.frequency_H,
        "fve": fits.fve_H,
        "coefficients": np.moveaxis(fits.coefficients_33H, -1, 0),
        "mean": grid.neurons_PPH.mean(axis=(0, 1)),
        "alpha": walk.alpha_K,
        "height": circuit.fit_waves(grid.logits_PPC, walk.keys).alpha_K,
    }


def swept(points: Mapping[float, Point]) -> list[dict[str, Any]]:
    """A row a setting: its name, what a weight loses in a step, the median time to grok, and the curve of its first seed."""
    rows = []
    for value, point in points.items():
        row, grokked = point.rows[0], point.median
        step_T, test_T = row.metrics["step"], row.metrics["test_accuracy"]
        at = np.unique(np.geomspace(1, len(step_T), POINTS).round().astype(int) - 1)
        at = at[step_T[at] > 0]
        rows.append(
            {
                "name": str(setting(value)),
                "fade": fade_of(row),
                "grokked": float(grokked) if np.isfinite(grokked) else None,
                "step": step_T[at].astype(int).tolist(),
                "test": np.round(test_T[at], 4).tolist(),
            }
        )
    return rows
