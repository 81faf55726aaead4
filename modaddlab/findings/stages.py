"""The three stages of grokking in the two-layer network: where they end, the pause between them, what the weights do meanwhile.

The stages and the kinds of cells are defined in `modaddlab.analysis.stages`. `of` and `plateau` read a run's recorded curves,
`history` its snapshots.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from modaddlab.analysis import stages, two_layer
from modaddlab.findings.networks import (
    ADDITION,
    ALL_WEIGHTS,
    COMMUTING,
    ODD_MODULUS,
    SNAPSHOTS,
    TEST_PAIRS,
    TWO_LAYER,
    for_networks,
)
from modaddlab.findings.sweep import Columns
from modaddlab.findings.value import Group, Value, count, loss, number, over, share, steps, total
from modaddlab.models.grid import run_grid
from modaddlab.study import Study

CURVES = ("step", "train_loss", "test_loss", "train_accuracy", "test_accuracy")

MODULI = (15, 23, 29, 31)
"""The moduli of which losses are published."""


@dataclass(frozen=True, kw_only=True)
class Stages(Group):
    """The ends of the first two stages of a run, or of several seeds, and how it ends. A stage that does not end is NaN."""

    memorized: Value
    generalized: Value
    train_loss: Value
    test_loss: Value
    test_accuracy: Value


@dataclass(frozen=True, kw_only=True)
class Plateau(Group):
    """The test accuracy that memory alone gives, predicted and measured."""

    expected: Value
    """frac (p - 1) / p, the mean over splits; 0 of a split that keeps mirror images together."""
    mirrored: Value
    """The share of this split's test pairs whose mirror image is trained."""
    lowest: Value
    """The smallest test accuracy until memory is complete; NaN where it never is. The null is guessing."""
    complete: Value
    """The first recorded step at which every training pair is right; NaN without one."""
    flat: Value
    """The test accuracy that most rows from then until twice that step show; NaN where memory is never complete."""


@dataclass(frozen=True, kw_only=True)
class History:
    """A run of the two-layer network at its snapshots.

    Attributes:
        step_T: their steps.
        right_TPP: whether the answer is right, bool.
        probability_TPP: the softmax's weight on the right answer.
        sine_T: the mean over neurons of |sin D|, at each neuron's own frequency at the time.
        misalignment_T: the mean of |D| in radians.
        input_ipr_T, output_ipr_T: inverse participation ratio over frequencies, mean over neurons.
        coefficient_ipr_T: the notebooks' definition, over real coefficients, mean over neurons and of both sides.
        input_norm_T, output_norm_T: Frobenius norms.
    """

    step_T: np.ndarray
    right_TPP: np.ndarray
    probability_TPP: np.ndarray
    sine_T: np.ndarray
    misalignment_T: np.ndarray
    input_ipr_T: np.ndarray
    output_ipr_T: np.ndarray
    coefficient_ipr_T: np.ndarray
    input_norm_T: np.ndarray
    output_norm_T: np.ndarray

    def at(self, step: float) -> int:
        """The index of the snapshot closest to a step."""
        return stages.row_at(self.step_T, int(step))


@dataclass(frozen=True, kw_only=True)
class Answers:
    """The table of all questions over training, by what the training set holds."""

    complete: Value
    """The first snapshot at which memory is complete."""
    mirrored: Value
    """The share of right answers there, among cells with a trained mirror image."""
    unseen: Value
    """The same among cells seen from neither side."""
    half_doubled: Value
    half_single: Value
    half_diagonal: Value
    half_unseen: Value
    """The first snapshot with half of the kind right: trained in both orders, in one, on the diagonal, never seen."""
    left: Value
    """Cells that are wrong in the end."""
    left_unseen: Value
    """How many of them were never seen."""
    cells: Value
    kinds_PP: np.ndarray = field(repr=False)
    step_T: np.ndarray = field(repr=False)
    share_TN: np.ndarray = field(repr=False)
    """The share of right answers in each kind of cell."""
    right_PP: np.ndarray = field(repr=False)
    probability_PP: np.ndarray = field(repr=False)
    """When memory is complete."""
    moments: dict[str, np.ndarray] = field(repr=False)
    """Whether answers are right, in the middle and at the end of stage I, at the end of stage II, and at the end."""

    @property
    def names(self) -> dict[int, str]:
        """The kinds of cells."""
        return dict(enumerate(stages.KINDS))

    @property
    def curves(self) -> dict[str, tuple[int, np.ndarray]]:
        """The share of right answers over training, by kind."""
        return {name: (kind, self.share_TN[:, kind]) for kind, name in self.names.items()}

    @property
    def columns(self) -> Columns:
        """The curves as a figure's data."""
        return {"step": self.step_T} | {name: share_T for name, (_, share_T) in self.curves.items()}

    @property
    def memory_columns(self) -> Columns:
        """The table when memory is complete as a figure's data."""
        return self._cells | {"right": self.right_PP.ravel().astype(int), "probability": self.probability_PP.ravel().round(6)}

    @property
    def moment_columns(self) -> Columns:
        """The tables over training as a figure's data."""
        return self._cells | {name: right_PP.ravel().astype(int) for name, right_PP in self.moments.items()}

    @property
    def _cells(self) -> dict[str, np.ndarray]:
        x, y = np.indices(self.kinds_PP.shape)
        return {"x": x.ravel(), "y": y.ravel(), "kind": self.kinds_PP.ravel()}


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What the weights do over the stages."""

    aligned: Value
    """The part of the whole fall of |sin D| that has happened when stage I ends."""
    purer: Value
    """The same of the rise of the input's participation ratio."""
    largest_at: Value
    """The snapshot with the largest norm of the input."""
    history: History = field(repr=False)
    ends: dict[str, int] = field(repr=False)
    """The snapshots at the start and at the ends of the stages, by name."""
    chance: tuple[float, float] = field(repr=False)
    """What random phases give for |sin D|, and random weights for the participation ratio."""
    decoded: dict[str, tuple[np.ndarray, np.ndarray]] = field(repr=False)
    """The Fourier components of some neurons' input and output there, (N, P) each."""

    @property
    def curves(self) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Steps, |sin D|, participation ratios and norms, as their figure takes them."""
        h = self.history
        participation = {"input": h.input_ipr_T, "output": h.output_ipr_T}
        return h.step_T, h.sine_T, participation, {"input": h.input_norm_T, "output": h.output_norm_T}

    @property
    def columns(self) -> Columns:
        """The same as a figure's data."""
        names = ("step", "sine", "misalignment", "input_ipr", "output_ipr", "coefficient_ipr", "input_norm", "output_norm")
        return {name: getattr(self.history, f"{name}_T") for name in names}

    @property
    def decoded_NNNP(self) -> np.ndarray:
        """All components in one array: moment, input or output, row, component."""
        return np.stack([np.stack(pair) for pair in self.decoded.values()]).round(6)

    @property
    def table(self) -> list[dict[str, Any]]:
        """A row for the start and the end of each stage."""
        names = {
            "|sin D|": "sine", "IPR, input": "input_ipr", "IPR, output": "output_ipr", "IPR, coefficients": "coefficient_ipr",
            "norm, input": "input_norm", "norm, output": "output_norm",
        }  # fmt: skip
        return [
            {"at": name, "step": int(self.history.step_T[i])}
            | {title: float(getattr(self.history, f"{what}_T")[i]) for title, what in names.items()}
            for name, i in self.ends.items()
        ]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run in detail."""

    stages: Stages
    pause: Plateau
    worst: Value
    """The largest test loss; the null is that of guessing."""
    every: Value
    """How many steps lie between two recorded accuracies."""
    answers: Answers
    weights: Weights
    spans: tuple[tuple[str, int, int], ...] = field(repr=False)
    """The stages as figures shade them."""
    metrics: dict[str, np.ndarray] = field(repr=False)

    @property
    def early(self) -> dict[str, np.ndarray]:
        """The curves until well after stage II."""
        shown_T = self.metrics["step"] <= max(20_000, 2 * self.stages.generalized.value)
        return {name: values_T[shown_T] for name, values_T in self.metrics.items()}


@dataclass(frozen=True, kw_only=True)
class Seeds:
    """The run over seeds, each with its own split and its own initial weights."""

    n: Value
    together: Stages
    """Means over the seeds; of stage II over those that end it."""
    least: Stages
    most: Stages
    """The extremes over the seeds."""
    grokked: Value
    """How many end stage II."""
    exact: Value
    """In how many the pause lies on the counted level to the last question."""
    table: list[dict[str, Any]] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Modulus(Group):
    """The run at one modulus, and the last training loss of the standard run there."""

    stages: Stages
    standard: Value


@dataclass(frozen=True, kw_only=True)
class Moduli:
    """The run at the moduli of which losses are published."""

    p15: Modulus
    p23: Modulus
    p29: Modulus
    p31: Modulus

    @property
    def rising(self) -> tuple[Stages, ...]:
        """Those of which the stages are published, by modulus."""
        return self.p23.stages, self.p29.stages, self.p31.stages


@dataclass(frozen=True, kw_only=True)
class Grokking:
    """Grokking in three stages."""

    run: Run
    seeds: Seeds
    moduli: Moduli


@for_networks(TEST_PAIRS)
def find(study: Study, threshold: float = stages.THRESHOLD) -> stages.Stages:
    """The boundaries of a run, from its recorded accuracies."""
    curves = {name: study.metrics[name.removesuffix("_T")] for name in ("step_T", "train_accuracy_T", "test_accuracy_T")}
    return stages.find_stages(**curves, threshold=threshold)


@for_networks(TEST_PAIRS)
def of(study: Study) -> Stages:
    """The stages of a run and how it ends."""
    found = find(study)
    last = {name: float(study.metrics[name][-1]) for name in ("train_loss", "test_loss", "test_accuracy")}
    return Stages(
        memorized=steps(found.memorized),
        generalized=steps(found.generalized),
        train_loss=loss(last["train_loss"]),
        test_loss=loss(last["test_loss"]),
        test_accuracy=share(last["test_accuracy"]),
    )


@for_networks(COMMUTING, TEST_PAIRS)
def plateau(study: Study) -> Plateau:
    """The plateau of a run's test accuracy; one memory of unordered pairs predicts it."""
    step_T, accuracy_T = study.metrics["step"], study.metrics["test_accuracy"]
    complete = find(study, threshold=1.0).memorized
    lowest = flat = math.nan
    if complete is not None:
        lowest = float(accuracy_T[step_T <= complete].min())
        rows_N = np.round(accuracy_T[(step_T >= complete) & (step_T <= 2 * complete)], 9)
        values, counts = np.unique(rows_N, return_counts=True)
        flat = float(values[counts.argmax()])
    return Plateau(
        expected=share(0.0 if study.spec.task.unordered else stages.expected_plateau(study.spec.task.train_frac, study.p)),
        mirrored=share(stages.mirror_share(study.train_mask_PP)),
        lowest=share(lowest, null=1 / study.p),
        complete=steps(complete),
        flat=share(flat),
    )


@for_networks(TWO_LAYER, ADDITION, ODD_MODULUS, SNAPSHOTS)
def history(study: Study) -> History:
    """A run at its snapshots; some 20 ms each at p = 23."""
    return History(step_T=np.asarray(study.record.snapshot_steps), **study.remember(measure_snapshots))


@for_networks(TWO_LAYER, ADDITION, ODD_MODULUS, SNAPSHOTS)
def measure_snapshots(study: Study) -> dict[str, np.ndarray]:
    """The arrays of `History`."""
    rows = [_measure(study, study.record.snapshot(int(step))) for step in study.record.snapshot_steps]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]} if rows else {}


def measure() -> Grokking:
    """The finding, of the seeds and moduli that are trained.

    Raises:
        LabError: a run is not trained, or a record is damaged.
    """
    moduli = {f"p{p}": _modulus(p) for p in MODULI}
    return Grokking(run=_run(Study.open("mlp-grokking")), seeds=_seeds(Study.seeds("mlp-grokking")), moduli=Moduli(**moduli))


@for_networks(TWO_LAYER, ADDITION, ODD_MODULUS, TEST_PAIRS, SNAPSHOTS)
def answers(study: Study) -> Answers:
    """The table of all questions of a run at its snapshots."""
    found, ends, kinds_PP = history(study), of(study), stages.cell_kinds(study.train_mask_PP)
    share_TN = stages.share_right(found.right_TPP, kinds_PP)
    done = int(np.argmax(found.step_T >= _or_last(study, plateau(study).complete)))
    first, second = (found.at(_or_last(study, end)) for end in (ends.memorized, ends.generalized))
    moments = dict.fromkeys((found.at(_or_last(study, ends.memorized) // 2), first, second, len(found.step_T) - 1))
    doubled, single, diagonal, _, unseen = (_half(found.step_T, share_T) for share_T in share_TN.T)
    wrong_PP = ~found.right_TPP[-1]
    return Answers(
        complete=steps(found.step_T[done]),
        mirrored=share(share_TN[done, 3]),
        unseen=share(share_TN[done, 4]),
        half_doubled=doubled,
        half_single=single,
        half_diagonal=diagonal,
        half_unseen=unseen,
        left=count(wrong_PP.sum()),
        left_unseen=count((wrong_PP & (kinds_PP == 4)).sum()),
        cells=total(wrong_PP.size),
        kinds_PP=kinds_PP,
        step_T=found.step_T,
        share_TN=share_TN,
        right_PP=found.right_TPP[done],
        probability_PP=found.probability_TPP[done],
        moments={f"step {found.step_T[i]:,}": found.right_TPP[i] for i in moments},
    )


@for_networks(TWO_LAYER, ADDITION, ODD_MODULUS, TEST_PAIRS, ALL_WEIGHTS, SNAPSHOTS)
def weights(study: Study) -> Weights:
    """The weights of a run over its stages."""
    found, ends = history(study), of(study)
    places = [0, *(found.at(_or_last(study, end)) for end in (ends.memorized, ends.generalized)), len(found.step_T) - 1]
    some = two_layer.sample_of_rows(two_layer.cosine_fits(study.grid.theta_HP, study.grid.xi_HP).frequency_H)
    return Weights(
        aligned=_part(found.sine_T, places[1]),
        purer=_part(found.input_ipr_T, places[1]),
        largest_at=steps(found.step_T[np.argmax(found.input_norm_T)]),
        history=found,
        ends=dict(zip(("start", "end of I", "end of II", "end"), places, strict=True)),
        chance=(2 / np.pi, two_layer.ipr_by_chance(study.p)),
        decoded={f"step {found.step_T[i]:,}": _components(study, int(found.step_T[i]), some) for i in dict.fromkeys(places)},
    )


def _run(study: Study) -> Run:
    return Run(
        stages=of(study),
        pause=plateau(study),
        worst=number(study.metrics["test_loss"].max(), null=math.log(study.p)),
        every=total(study.spec.record.metrics_every),
        answers=answers(study),
        weights=weights(study),
        spans=find(study).spans,
        metrics={name: study.metrics[name] for name in CURVES},
    )


def _seeds(studies: Sequence[Study]) -> Seeds:
    found = [of(study) for study in studies]
    columns = {name: [getattr(one, name) for one in found] for name in vars(found[0])}
    there = {name: [value for value in values if not math.isnan(value.value)] for name, values in columns.items()}
    rows = [_pause_row(study, plateau(study)) for study in studies]
    return Seeds(
        n=count(len(found)),
        together=Stages(**{name: over(values) for name, values in there.items()}),
        least=Stages(**{name: min(values, key=lambda one: one.value) for name, values in there.items()}),
        most=Stages(**{name: max(values, key=lambda one: one.value) for name, values in there.items()}),
        grokked=count(len(there["generalized"])),
        exact=count(sum(row["questions apart"] == 0 for row in rows)),
        table=rows,
    )


def _pause_row(study: Study, found: Plateau) -> dict[str, Any]:
    apart = (~study.train_mask_PP).sum() * abs(found.flat.value - found.mirrored.value)
    levels = {"formula": found.expected, "counted in the split": found.mirrored, "measured": found.flat}
    written = {name: str(value) for name, value in levels.items()}
    return {"seed": study.spec.seed} | written | {"questions apart": None if math.isnan(apart) else round(apart)}


def _modulus(p: int) -> Modulus:
    standard = Study.open("mlp-standard", p=p).metrics["train_loss"][-1]
    return Modulus(stages=of(Study.open("mlp-grokking", p=p)), standard=loss(standard))


def _or_last(study: Study, step: Value) -> float:
    """A step, or the run's last one where it is never reached."""
    return study.spec.steps if math.isnan(step.value) else step.value


def _half(step_T: np.ndarray, share_T: np.ndarray) -> Value:
    """The first of some steps with half of the answers right; none is a step that is never reached."""
    reached_T = np.flatnonzero(share_T >= 0.5)
    return steps(float(step_T[reached_T[0]]) if len(reached_T) else None)


def _part(values_T: np.ndarray, at: int) -> Value:
    """The part of a curve's whole way that it has gone at some place."""
    return share((values_T[at] - values_T[0]) / (values_T[-1] - values_T[0]))


def _components(study: Study, step: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The Fourier components of some neurons' input and output vectors at a snapshot."""
    params = study.record.snapshot(step)
    return two_layer.components(params["mlp.W_in"].T[rows]), two_layer.components(params["mlp.W_out"][rows])


def _measure(study: Study, params: dict[str, np.ndarray]) -> dict[str, np.ndarray | float]:
    grid = run_grid(params, study.spec.model, study.p)
    theta_HP, xi_HP = grid.W_E_PD.T, grid.W_L_HC
    logits_PPC = grid.logits_PPC - grid.logits_PPC.max(axis=2, keepdims=True)
    weight_PPC = np.exp(logits_PPC)
    weight_PPC /= weight_PPC.sum(axis=2, keepdims=True)
    fits = two_layer.cosine_fits(theta_HP, xi_HP)
    return {
        "right_TPP": logits_PPC.argmax(axis=2) == study.labels_PP,
        "probability_TPP": np.take_along_axis(weight_PPC, study.labels_PP[:, :, None], axis=2)[:, :, 0],
        "sine_T": float(np.mean(np.abs(np.sin(fits.misalignment_H)))),
        "misalignment_T": float(np.mean(np.abs(fits.misalignment_H))),
        "input_ipr_T": float(np.nanmean(two_layer.ipr(theta_HP))),
        "output_ipr_T": float(np.nanmean(two_layer.ipr(xi_HP))),
        "coefficient_ipr_T": float(np.mean([np.nanmean(two_layer.ipr(side, "coefficients")) for side in (theta_HP, xi_HP)])),
        "input_norm_T": float(np.linalg.norm(theta_HP)),
        "output_norm_T": float(np.linalg.norm(xi_HP)),
    }
