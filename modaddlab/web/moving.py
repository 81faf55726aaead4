"""What moving figures and the lab take from findings, as scripts like those of `modaddlab.web.records`.

formula.js          the mainline's algorithm as `modaddlab.analysis.by_hand` fits it to all questions, and the chapter's question
film/scores.js      a question, and what the mainline's heads make of every residue at every saved step
film/circle-K.js    the residues in the plane of frequency K at every saved step
lab.js              when the live network memorizes and understands at its usual settings
sweeps.js           the sweeps of decay and of rate: each setting's curve, decay time and time to grok
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from modaddlab import findings
from modaddlab.analysis import by_hand, circuit, fourier, spectra
from modaddlab.analysis.attention import head_scores
from modaddlab.analysis.neurons import fit_neurons
from modaddlab.findings import outcomes
from modaddlab.findings.decay import fade_of
from modaddlab.findings.motion import UNSEEN
from modaddlab.findings.networks import transformer
from modaddlab.findings.outcomes import Point
from modaddlab.findings.value import setting
from modaddlab.models.grid import run_grid
from modaddlab.models.token_tables import token_tables
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
    shown = study.remember(film)
    unseen = np.argwhere(~study.train_mask_PP)
    pair = unseen[UNSEEN % len(unseen)].tolist()
    yield script("data/film/scores.js", {"pair": pair, "scores": packed(shown["scores_TnX"])})
    for k, point_TP2 in enumerate(np.moveaxis(shown["point_TKP2"], 1, 0), start=1):
        yield script(f"data/film/circle-{k}.js", packed(point_TP2))
    lab = findings.measure("lab")
    steps = {name: int(getattr(lab, name).value) for name in ("memorized", "understood")}
    yield script("data/lab.js", steps | {"steps": int(lab.trained_for.value)})
    yield script("data/sweeps.js", {word: swept(outcomes.sweep(name).points) for word, name in SWEEPS.items()})


def formula(study: Study) -> dict[str, np.ndarray]:
    """The formulae of every step with their coefficients, for any question; see `modaddlab.analysis.by_hand`."""
    grid, keys = study.grid, study.keys
    question = by_hand.most_ordinary_pair(grid.logits_PPC, ~study.train_mask_PP)
    walk, scores, fits = by_hand.walk(grid, keys, *question), head_scores(grid), fit_neurons(grid.neurons_PPH, keys)
    untrained = by_hand.walk(run_grid(study.initial, transformer(study), study.p), keys, *question)
    means = {"heads": grid.heads_PPnD, "attention": grid.pattern_PPn3, "logits": grid.logits_PPC}
    return {f"{name}_mean": values.mean(axis=(0, 1)) for name, values in means.items()} | {
        "heads": polynomial(grid.heads_PPnD, walk.keys),
        "explained": np.array([step.explained_all for step in walk.steps]),
        "untrained": np.array([step.explained_all for step in untrained.steps]),
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


def polynomial(x_PP: np.ndarray, keys: Sequence[int]) -> np.ndarray:
    """The components of `fourier.project(x_PP, keys, "polynomial")`, eight of each key in the orthonormal basis: (8 K, ...).

    Args:
        x_PP: values over (a, b), (P, P, ...).
        keys: frequencies; of each the cosine and the sine of b, of a, and the four products, that of a first.
    """
    basis_PP, p = fourier.fourier_basis(len(x_PP)), len(x_PP)
    parts = []
    for key in keys:
        waves_3P = basis_PP[[0, *fourier.rows_of(p, key)]]
        parts.append(np.einsum("ra,sb,ab...->rs...", waves_3P, waves_3P, x_PP, optimize=True))
    pairs = ((0, 1), (0, 2), (1, 0), (2, 0), (1, 1), (1, 2), (2, 1), (2, 2))
    return np.array([part_33[pair] for part_33 in parts for pair in pairs])


def film(study: Study) -> dict[str, np.ndarray]:
    """What the film needs of every step that `modaddlab.web.records.run_content` lists.

    Returns:
        scores_TnX: the scores of the residues at the first place, at the second, and that of "=", (T, n, 2 P + 1).
        point_TKP2: the residues in the plane of every frequency that has a circle, in units of 1/127 of the farthest of all.
    """
    final, end = study.record.final, study.spec.steps
    params_T = [*(study.record.snapshot(int(step)) for step in study.record.snapshot_steps if step != end), final]
    planes = [spectra.circle_directions(study.embedding_PD, k) for k in range(1, (study.p - 1) // 2 + 1)]
    scores, points = [], []
    for params in params_T:
        tables = token_tables(params, transformer(study), study.p)
        first_nP, second_nP = tables.scores_2nP
        scores.append(np.concatenate([first_nP, second_nP, tables.own_score_n[:, None]], axis=1))
        points.append(np.einsum("pd,kxd->kpx", np.asarray(params["embed.W_E"], np.float64)[: study.p], planes))
    reach = float(np.abs(points).max())
    return {"scores_TnX": np.array(scores, np.float16), "point_TKP2": np.round(127 * np.array(points) / reach).astype(np.int8)}


def swept(points: Mapping[float, Point]) -> list[dict[str, Any]]:
    """A row a setting: its name, what a weight loses in a step, the typical time to grok, and the curve of its first seed."""
    rows = []
    for value, point in points.items():
        row, grokked = point.rows[0], point.typical
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
