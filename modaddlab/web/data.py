"""What the interactive pages show of a record, as classic scripts that they load when they are asked for.

A page on a disk may not read files, but it may load a script. So each file of data is a call, `Web.arrived(path, content)`:

    runs.js                  every run that can be opened, in the order of the list
    ID/run.js                curves, and at each saved step which answers are right and the embedding's spectrum: no weights are
                             needed to move along the curve
    ID/step-N.js             the weights at a saved step, as 16-bit numbers, as the record has them
    ID/step-final.js         the final weights, as 32-bit numbers
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from modaddlab.analysis import fourier
from modaddlab.errors import LabError
from modaddlab.findings import answers
from modaddlab.store.store import Store
from modaddlab.study import Study

EVERY = 3
"""A page can have the weights of every third saved step, counted from the first one at which most unseen pairs are right."""

POINTS = 300
"""Of how many rows of metrics the curves are drawn at most."""

GROUPS = (
    "Transformers, p = 113",
    "Transformers, smaller clocks",
    "Two layers, ReLU",
    "Two layers, squares",
)

FIRST = ("mainline", "mainline-25k", "mlp-mainline", "mlp-grokking", "mlp-standard")
"""The runs that come first in their group."""


def is_shown(study: Study) -> bool:
    """Whether the page's network can be this one: of a family that has a page, all weights kept, a + b asked."""
    spec = study.spec
    return spec.task.operation == "add" and spec.record.weights == "all" and spec.model.page(study.p) is not None


def shipped_steps(study: Study) -> list[int]:
    """The saved steps whose weights a page can load."""
    steps = [int(step) for step in study.record.snapshot_steps if step != study.spec.steps]
    metrics = study.metrics
    at = np.interp(steps, metrics["step"], metrics["test_accuracy"]) if steps else np.zeros(1)
    first = int(np.argmax(at > 0.5))
    return [step for i, step in enumerate(steps) if (i - first) % EVERY == 0]


def run_content(study: Study) -> dict[str, Any]:
    """The content of run.js: what does not need the weights."""
    saved, metrics, end, params = answers.of(study), study.metrics, study.spec.steps, study.record.final
    rows = np.unique(np.geomspace(1, len(metrics["step"]), POINTS).round().astype(int) - 1)
    keep = saved.step_T != end  # the final weights themselves stand for the last step
    norms_TK = [*saved.norm_TK[keep], np.sqrt(fourier.energy_per_frequency(study.embedding_PD))]
    steps = [*map(int, saved.step_T[keep]), end]
    accuracy = [np.interp(steps, metrics["step"], metrics[f"{part}_accuracy"]) for part in ("train", "test")]
    return {
        "id": study.record.run_id,
        "shape": study.spec.model.page(study.p),
        "parameters": [[name, list(params[name].shape)] for name in sorted(params)],
        "mask": _base64(np.packbits(study.train_mask_PP)),
        "steps": steps,
        "shipped": [*shipped_steps(study), "final"],
        "accuracy": np.round(np.stack(accuracy, axis=1), 4).tolist(),
        "right": [_base64(np.packbits(right_PP)) for right_PP in saved.right_TPP[keep]],
        "norms": np.round(norms_TK, 3).tolist(),
        "keys": [int(k) for k in study.keys],
        "curve": {
            "step": metrics["step"][rows].astype(int).tolist(),
            "train": np.round(metrics["train_accuracy"][rows], 4).tolist(),
            "test": np.round(metrics["test_accuracy"][rows], 4).tolist(),
        },
        "memorized": _whole(study.phases.memorization),
        "grokked": _whole(study.phases.generalization),
    }


def paths(study: Study) -> list[str]:
    """The files of a run below the folder, without making them."""
    folder = f"data/{study.record.run_id}"
    return [f"{folder}/run.js", *(f"{folder}/step-{step}.js" for step in [*shipped_steps(study), "final"])]


def files(study: Study) -> Iterator[tuple[str, str]]:
    """Every file of a run: its path below the folder of data, and its text."""
    folder = f"data/{study.record.run_id}"
    yield _script(f"{folder}/run.js", run_content(study))
    for step in shipped_steps(study):
        yield _script(f"{folder}/step-{step}.js", _weights(study.record.snapshot(step), np.float16))
    yield _script(f"{folder}/step-final.js", _weights(study.record.final, np.float32))


def listed() -> list[tuple[str, list[Study]]]:
    """The book's networks that can be opened, in groups with a title; a damaged record is told elsewhere and left out here."""
    groups: dict[str, list[Study]] = {title: [] for title in GROUPS}
    for run_id in Store().runs():
        try:
            study = Study.open(run_id)
            if is_shown(study):
                groups[_group(study)].append(study)
        except LabError:
            continue
    order = {name: place for place, name in enumerate(FIRST)}
    for studies in groups.values():
        studies.sort(key=lambda study: (order.get(study.spec.name, len(order)), study.p, study.spec.name, study.spec.seed))
    return [(title, studies) for title, studies in groups.items() if studies]


def _group(study: Study) -> str:
    model = study.spec.model
    if model.kind == "two-layer":
        return GROUPS[3] if model.activation == "quad" else GROUPS[2]
    return GROUPS[0] if study.p == 113 else GROUPS[1]


def runs_file(listed: list[tuple[str, list[Study]]]) -> tuple[str, str]:
    """The list of runs: groups with a title, and of each run its id and words."""
    content = [{"title": title, "runs": [[study.record.run_id, words(study)] for study in studies]} for title, studies in listed]
    return _script("data/runs.js", content)


def words(study: Study) -> str:
    """A run in a few words, for a list."""
    return f"{study.spec.name}, p = {study.p}, seed {study.spec.seed}"


def _whole(step: float | None) -> int | None:
    return None if step is None else int(step)


def _weights(params: Mapping[str, np.ndarray], dtype: type) -> dict[str, Any]:
    flat = np.concatenate([np.ascontiguousarray(params[name], dtype).ravel() for name in sorted(params)])
    return {"size": flat.itemsize, "weights": _base64(flat)}


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def _script(path: str, content: object) -> tuple[str, str]:
    return path, f"Web.arrived({json.dumps(path)}, {json.dumps(content, separators=(',', ':'))});\n"
