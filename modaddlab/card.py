"""A run at a glance: a line for a console, a card for a notebook. Both read what was recorded and compute nothing.

`drawing` puts a figure into any card.
"""

from __future__ import annotations

import html
import importlib.util

import numpy as np

from modaddlab.analysis.phases import Phases
from modaddlab.store.record import Record
from modaddlab.tasks import NAMES

RULES = {"adamw": "AdamW", "adam": "Adam", "sgd": "SGD", "muon": "Muon"}
"""Update rules as they are written."""


def line(record: Record) -> str:
    """The run, its network, its task and how it ended, in a line."""
    spec, loss = record.spec, record.metrics["test_loss" if record.spec.task.train_frac < 1 else "train_loss"][-1]
    trained = f"{record.metrics['step'][-1]:,} steps" if spec.origin is None else "not trained here"
    task = f"{NAMES[spec.task.operation]} modulo {spec.task.p}"
    return f"Study({record.run_id}: {spec.model.phrase()}; {task}; {trained}; loss {loss:.3g})"


def facts(record: Record, phases: Phases) -> dict[str, str]:
    """What a run is and how it went, a few words on each.

    Args:
        record: the run.
        phases: its phases.
    """
    spec, last = record.spec, {name: values[-1] for name, values in record.metrics.items() if values.ndim == 1}
    n_weights = sum(int(np.prod(shape)) for shape in spec.model.param_shapes(spec.task.p).values())
    parts = ("train", "test") if np.isfinite(last["test_loss"]) else ("train",)
    trained = f"{spec.task.train_frac:.0%} of the {'unordered ' * spec.task.unordered}pairs trained"
    if spec.origin is not None and spec.task.train_frac < 1:
        trained = f"{spec.task.train_frac:.0%} of the pairs are those that count as trained on"
    elif spec.origin is not None:
        trained = "which pairs were trained is not known"
    rows = {
        "network": f"{spec.model.phrase()}, {n_weights:,} weights",
        "task": f"{NAMES[spec.task.operation]} modulo {spec.task.p}, {trained}",
    }
    if spec.origin is None:
        usual = ("optim.optimizer", "optim.lr", "optim.weight_decay")
        changed = "".join(
            f", {name} {value}" for name, value in spec.changes().items() if name[:6] == "optim." and name not in usual
        )
        how = f"{RULES[spec.optim.optimizer]}, learning rate {spec.optim.lr:g}, weight decay {spec.optim.weight_decay:g}"
        rows["training"] = f"{last['step']:,} steps, seed {spec.seed}, {how}{changed}"
    else:
        file = spec.origin.file and f"{spec.origin.file} (layout {spec.origin.layout}, sha256 {spec.origin.sha256[:16]}...)"
        rows["origin"] = f"{file or record.provenance.get('source', 'weights')}, not trained here"
    for part in parts:
        asked = (
            "all pairs" if spec.task.n_train == spec.task.n_pairs else {"train": "the training pairs", "test": "the others"}[part]
        )
        rows[f"at the end, {part}" if spec.origin is None else f"on {asked}"] = (
            f"loss {last[f'{part}_loss']:.3g}, accuracy {last[f'{part}_accuracy']:.2%}"
        )
    for name, step in (("memorized", phases.memorization), ("generalized", phases.generalization)):
        if step is not None and spec.steps and spec.origin is None:
            rows[name] = f"at step {step:,}"
    return rows


def card(record: Record, phases: Phases) -> str:
    """The same as a table with the curves of training, in HTML; arguments as of `facts`."""
    rows = facts(record, phases)
    cells = "".join(f"<tr><th scope='row'>{name}</th><td>{html.escape(text)}</td></tr>" for name, text in rows.items())
    return f"<div><strong>{record.run_id}</strong><table>{cells}</table>{_curves(record, phases)}</div>"


def _curves(record: Record, phases: Phases) -> str:
    """Loss and accuracy over training; nothing where there is a single row."""
    return drawing("training_curves", record.metrics, phases.spans) if len(record.metrics["step"]) > 1 else ""


def drawing(name: str, *arguments: object) -> str:
    """A figure for a notebook, as an SVG; nothing where there is no Matplotlib.

    Args:
        name: of a function of `modaddlab.figures`.
        arguments: its arguments.
    """
    if importlib.util.find_spec("matplotlib") is None:
        return ""
    from modaddlab import figures

    text = figures.svg("light", getattr(figures, name), *arguments)
    return text[text.index("<svg") :]
