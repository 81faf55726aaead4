"""Answer by answer: what a network says to single questions while it learns, how sure it is, and which it knows by heart.

The moments are snapshots: long before the network generalizes, while the circuit forms, at the jump, and the end. Logits, margins
and losses of single pairs are those of `modaddlab.analysis.logits`; a pair whose mirror image (b, a) was shown is a mirrored one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from modaddlab.analysis.fourier import fve
from modaddlab.analysis.logits import ByDifference, by_difference, correct_logits, difference_share, margins, mirrored
from modaddlab.analysis.progress import cross_entropy, restricted_logits
from modaddlab.findings.networks import ADDITION, ALL_WEIGHTS, NO_LAYER_NORM, SNAPSHOTS, TEST_PAIRS, for_networks
from modaddlab.findings.sweep import Columns
from modaddlab.findings.value import Group, Value, number, share, steps, total
from modaddlab.study import Study

MOMENTS = {"before": 0.14, "during": 0.74, "turn": 1.0}
"""The moments before the end, as parts of the step at which the network generalizes."""

FIRST = 17
"""The residue a of the questions whose logits are shown."""

EDGES = np.geomspace(1e-9, 1e2, 61)
"""Of the bins in which losses are counted for a figure's data."""


@dataclass(frozen=True, kw_only=True)
class Moment(Group):
    """All questions at one step; logits are those of the right answers above the mean of all."""

    step: Value
    waves: Value
    """Of the variance of a logit, the part in the waves of the keys."""
    shown_logit: Value
    shown_spread: Value
    unseen_logit: Value
    unseen_spread: Value
    """Mean and standard deviation over the questions, rounded."""
    shown_margin: Value
    unseen_margin: Value
    least_margin: Value
    mirrored_right: Value
    """Of the unseen questions whose mirror image was shown."""
    other_right: Value
    """Of the other unseen ones."""


@dataclass(frozen=True, kw_only=True)
class Questions:
    """One network."""

    before: Moment
    during: Moment
    turn: Moment
    last: Moment
    waves_least_margin: Value
    """At the end, when the waves alone answer."""
    margin_by_difference: Value
    """Of the variance of the margin at the end, the part that depends on a - b alone."""
    n_questions: Value
    shown_PP: np.ndarray = field(repr=False)
    """Which pairs it was trained on."""
    tables: dict[str, dict[str, np.ndarray]] = field(repr=False)
    """Step -> part of the logits -> table over b and the output, for a = FIRST, before and at the end."""
    surfaces: dict[str, np.ndarray] = field(repr=False)
    """Step -> the right answer's logit over a and b, before and at the end."""
    losses: dict[str, np.ndarray] = field(repr=False)
    """Step -> the loss over a and b, at all moments."""
    margins: dict[str, ByDifference] = field(repr=False)
    """What answers -> its margin by a - b, at the end."""

    @property
    def groups(self) -> dict[str, dict[str, np.ndarray]]:
        """Step -> group of questions -> their losses."""
        mirror_PP = mirrored(self.shown_PP)
        masks = {"train": self.shown_PP, "test": ~self.shown_PP & ~mirror_PP, "test, mirror image trained": mirror_PP}
        return {step: {name: loss_PP[mask_PP] for name, mask_PP in masks.items()} for step, loss_PP in self.losses.items()}

    @property
    def bands(self) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """The margins as a figure takes them: mean, least, largest."""
        return {name: (band.mean_P, band.low_P, band.high_P) for name, band in self.margins.items()}

    @property
    def table_columns(self) -> Columns:
        """The logits of the tables as a figure's data."""
        parts = {f"{part}, {step}": x_PC for step, found in self.tables.items() for part, x_PC in found.items()}
        return _over_pairs(("b", "c"), parts, 3)

    @property
    def surface_columns(self) -> Columns:
        """The right answers' logits as a figure's data."""
        return _over_pairs(("a", "b"), self.surfaces, 3)

    @property
    def margin_columns(self) -> Columns:
        """The margins as a figure's data."""
        found: dict[str, np.ndarray] = {"a - b": np.arange(len(self.shown_PP))}
        for name, values in self.bands.items():
            found |= {f"{name}, {what}": x_P for what, x_P in zip(("mean", "least", "largest"), values, strict=True)}
        return found

    @property
    def loss_columns(self) -> Columns:
        """The losses as a figure's data."""
        exponents = {step: np.floor(np.log10(np.maximum(loss_PP, 1e-300))) for step, loss_PP in self.losses.items()}
        rounded = {step: np.round(x / 10 ** exponents[step], 2) * 10 ** exponents[step] for step, x in self.losses.items()}
        return dict(_over_pairs(("a", "b"), rounded)) | {"trained": self.shown_PP.ravel().astype(int)}

    @property
    def group_columns(self) -> Columns:
        """How many questions have which loss, as a figure's data."""
        found: dict[str, np.ndarray] = {"loss from": EDGES[:-1], "loss to": EDGES[1:]}
        for step, groups in self.groups.items():
            clipped = {name: np.clip(values, EDGES[0], EDGES[-1]) for name, values in groups.items()}
            found |= {f"{name}, {step}": np.histogram(values, EDGES)[0] for name, values in clipped.items()}
        return found


def measure() -> Questions:
    """The mainline's.

    Raises:
        LabError: the record is damaged.
    """
    return of(Study.open("mainline"))


@for_networks(NO_LAYER_NORM, ADDITION, ALL_WEIGHTS, SNAPSHOTS, TEST_PAIRS)
def of(study: Study) -> Questions:
    """What one network answers; where it does not generalize, the moments are parts of its whole training."""
    at = [*moments(study).values(), study.spec.steps]
    names, first = [f"step {step:,}" for step in at], min(FIRST, study.p - 1)
    arrays = study.remember(measure_questions, steps=at, a=first)
    shown_PP, margin_PP = study.train_mask_PP, arrays["margin_TPP"][-1]
    found = [_moment(step, shown_PP, {name: values[row] for name, values in arrays.items()}) for row, step in enumerate(at)]
    ends, parts = {names[0]: 0, names[-1]: -1}, ("full", "waves of the keys", "the rest")
    return Questions(
        **dict(zip((*MOMENTS, "last"), found, strict=True)),
        waves_least_margin=number(arrays["waves_margin_TPP"][-1].min()),
        margin_by_difference=share(difference_share(margin_PP)),
        n_questions=total(shown_PP.size),
        shown_PP=shown_PP,
        tables={name: dict(zip(parts, arrays["table_T3PC"][row], strict=True)) for name, row in ends.items()},
        surfaces={name: arrays["correct_TPP"][row] for name, row in ends.items()},
        losses=dict(zip(names, arrays["loss_TPP"], strict=True)),
        margins={
            "full logits": by_difference(margin_PP),
            "waves of the keys alone": by_difference(arrays["waves_margin_TPP"][-1]),
        },
    )


@for_networks(SNAPSHOTS)
def moments(study: Study) -> dict[str, int]:
    """The snapshots closest to `MOMENTS`."""
    return {name: near(study, part) for name, part in MOMENTS.items()}


@for_networks(SNAPSHOTS)
def near(study: Study, part: float = 1.0) -> int:
    """The step of the snapshot closest to a part of the time to generalize, or of the whole training without it."""
    step_T = study.record.snapshot_steps
    return int(step_T[np.argmin(np.abs(step_T - part * (study.phases.generalization or study.spec.steps)))])


@for_networks(NO_LAYER_NORM, ADDITION, ALL_WEIGHTS, SNAPSHOTS)
def measure_questions(study: Study, *, steps: Sequence[int], a: int) -> dict[str, np.ndarray]:
    """The arrays behind `of`, a row a step; some 10 s for the mainline."""
    rows = [_answers(study, step, a) for step in steps]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _answers(study: Study, step: int, a: int) -> dict[str, np.ndarray]:
    logits_PPC = (study.grid if step == study.spec.steps else study.snapshot_grid(step)).logits_PPC
    labels_PP = study.labels_PP
    waves_PPC = restricted_logits(logits_PPC, study.keys)
    full_PC, waves_PC = (x_PPC[a] - x_PPC[a].mean(axis=1, keepdims=True) for x_PPC in (logits_PPC, waves_PPC))
    return {
        "loss_TPP": cross_entropy(logits_PPC, labels_PP),
        "correct_TPP": correct_logits(logits_PPC, labels_PP),
        "margin_TPP": margins(logits_PPC, labels_PP),
        "waves_margin_TPP": margins(waves_PPC, labels_PP),
        "waves_T": np.array(fve(logits_PPC, waves_PPC, axis=(0, 1)).mean()),
        "table_T3PC": np.array([full_PC, waves_PC, full_PC - waves_PC]),
    }


def _moment(step: int, shown_PP: np.ndarray, arrays: dict[str, np.ndarray]) -> Moment:
    correct_PP, margin_PP, mirror_PP = arrays["correct_TPP"], arrays["margin_TPP"], mirrored(shown_PP)
    spread = {name: correct_PP[mask_PP] for name, mask_PP in (("shown", shown_PP), ("unseen", ~shown_PP))}
    return Moment(
        step=steps(step),
        waves=share(float(arrays["waves_T"])),
        **{f"{name}_logit": total(round(values.mean())) for name, values in spread.items()},
        **{f"{name}_spread": total(round(values.std())) for name, values in spread.items()},
        shown_margin=number(margin_PP[shown_PP].mean()),
        unseen_margin=number(margin_PP[~shown_PP].mean()),
        least_margin=number(margin_PP.min()),
        mirrored_right=share((margin_PP[mirror_PP] > 0).mean()),
        other_right=share((margin_PP[~shown_PP & ~mirror_PP] > 0).mean()),
    )


def _over_pairs(axes: tuple[str, str], tables: dict[str, np.ndarray], decimals: int | None = None) -> Columns:
    """Tables over two residues as long columns."""
    p = len(next(iter(tables.values())))
    first_P = {axes[0]: np.repeat(np.arange(p), p), axes[1]: np.tile(np.arange(p), p)}
    return first_P | {name: (x if decimals is None else np.round(x, decimals)).ravel() for name, x in tables.items()}
