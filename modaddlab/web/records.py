"""What the interactive pages show of a record, as classic scripts that they load when they are asked for.

A page on a disk may not read files, but it may load a script. So each file of data is a call, `Web.arrived(path, content)`:

    runs.js                  every run that can be opened, in the order of the list, and which one a name means
    ID/run.js                curves, and at each saved step the embedding's spectrum
    ID/right.js              at each saved step which answers are right: no weights are needed to move along the curve
    ID/step-N.js             the weights at a saved step, as 16-bit numbers, as the record has them
    ID/step-final.js         the final weights, as 24-bit fractions of each parameter's largest: scores stay within 1e-4
"""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from modaddlab.analysis import fourier
from modaddlab.errors import LabError
from modaddlab.findings import answers
from modaddlab.store.store import Store
from modaddlab.study import Study

EVERY = 5
"""A page can have the weights of every fifth saved step, counted from the first one at which most unseen pairs are right."""

POINTS = 300
"""Of how many rows of metrics the curves are drawn at most."""

FIRST = ("mainline", "mainline-25k", "mlp-mainline", "mlp-grokking", "mlp-standard")
"""The runs that come first in their group, and their groups first."""


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
    """The content of run.js: what does not need the weights, but for `right_content`."""
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
        "mask": packed(np.packbits(study.train_mask_PP)),
        "steps": steps,
        "shipped": [*shipped_steps(study), "final"],
        "accuracy": np.round(np.stack(accuracy, axis=1), 4).tolist(),
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


def right_content(study: Study) -> list[str]:
    """The content of right.js: which answers are right, a bit for each pair, at the steps of run.js."""
    return [packed(np.packbits(right_PP)) for right_PP in answers.of(study).right_TPP]


def paths(study: Study) -> list[str]:
    """The files of a run below the folder, without making them."""
    folder = f"data/{study.record.run_id}"
    return [f"{folder}/run.js", f"{folder}/right.js", *(f"{folder}/step-{step}.js" for step in [*shipped_steps(study), "final"])]


def files(study: Study) -> Iterator[tuple[str, str]]:
    """Every file of a run: its path below the folder of data, and its text."""
    folder = f"data/{study.record.run_id}"
    yield script(f"{folder}/run.js", run_content(study))
    yield script(f"{folder}/right.js", right_content(study))
    for step in [*shipped_steps(study), None]:
        yield weights(study, step)


def weights(study: Study, step: int | None) -> tuple[str, str]:
    """The file of the weights at a saved step, or of the final ones."""
    path = f"data/{study.record.run_id}/step-{'final' if step is None else step}.js"
    return script(path, _fractions(study.record.final) if step is None else _halves(study.record.snapshot(step)))


def listed() -> list[tuple[str, list[Study]]]:
    """The book's networks that can be opened, in a group for each kind; a damaged record is told elsewhere and left out here."""
    groups: dict[str, list[Study]] = {}
    for run_id in Store().runs():
        try:
            study = Study.open(run_id)
            if is_shown(study):
                groups.setdefault(study.spec.model.phrase(), []).append(study)
        except LabError:
            continue
    order = {name: place for place, name in enumerate(FIRST)}

    def place(study: Study) -> tuple[int, int, str, int]:
        return order.get(study.spec.name, len(order)), study.p, study.spec.name, study.spec.seed

    ordered = [(title.removeprefix("a ").capitalize(), sorted(studies, key=place)) for title, studies in groups.items()]
    return sorted(ordered, key=lambda group: place(group[1][0]))


def runs_file(listed: list[tuple[str, list[Study]]]) -> tuple[str, str]:
    """The list of runs: groups with a title, of each run its id and words; and of each name the run that the book means by it, or
    the first, with its modulus."""
    named: dict[str, tuple[str, int]] = {}
    for study in (study for _, studies in listed for study in studies):
        name, found = study.spec.name, (study.record.run_id, study.p)
        if name not in named or study.record.run_id == _meant(name):
            named[name] = found
    groups = [{"title": title, "runs": [[study.record.run_id, words(study)] for study in studies]} for title, studies in listed]
    return script("data/runs.js", {"named": named, "groups": groups})


@functools.cache
def _meant(name: str) -> str:
    """The id of the book's run of a name; empty where there is none."""
    try:
        return Study.open(name).record.run_id
    except LabError:
        return ""


def words(study: Study) -> str:
    """A run in a few words, for a list."""
    return f"{study.spec.name}, p = {study.p}, seed {study.spec.seed}"


def _whole(step: float | None) -> int | None:
    return None if step is None else int(step)


def _halves(params: Mapping[str, np.ndarray]) -> dict[str, Any]:
    flat = np.concatenate([np.ascontiguousarray(params[name], np.float16).ravel() for name in sorted(params)])
    return {"size": 2, "weights": packed(flat)}


def _fractions(params: Mapping[str, np.ndarray]) -> dict[str, Any]:
    units = {name: float(np.abs(params[name]).max()) / (2**23 - 1) or 1.0 for name in sorted(params)}
    fractions = [np.round(params[name].astype(np.float64).ravel() / unit) for name, unit in units.items()]
    whole = np.concatenate(fractions).astype("<i4")
    return {"size": 3, "units": list(units.values()), "weights": packed(whole.view(np.uint8).reshape(-1, 4)[:, :3])}


def packed(array: np.ndarray) -> str:
    """The bytes of an array as text."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def script(path: str, content: object) -> tuple[str, str]:
    """A file of data: its path, and the script that gives the content to the page."""
    return path, f"Web.arrived({json.dumps(path)}, {json.dumps(content, separators=(',', ':'))});\n"
