"""What goes on before it shows: when a network turns to its key frequencies, and when its answers follow.

`history` has the progress measures (`modaddlab.analysis.progress`) at all snapshots of a record, computed once, some 20 s for
the mainline, and kept. The three phases of Nanda et al. 2023 (section 5.2) have a rule each: memorization ends where the excluded
loss is lowest, and cleanup is the stretch in which the test loss falls (`modaddlab.analysis.phases`). The waves count as
answering from the first snapshot on whose restricted loss is below half of ln p, that of blind guessing; so does the network.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from modaddlab.analysis import phases
from modaddlab.analysis.progress import ProgressMeasures, key_share, progress_measures, restricted_loss
from modaddlab.findings import curves
from modaddlab.findings.curves import Curves
from modaddlab.findings.networks import (
    ADDITION,
    ALL_WEIGHTS,
    ENERGIES,
    NO_LAYER_NORM,
    SNAPSHOTS,
    for_networks,
)
from modaddlab.findings.sweep import Columns, Curve
from modaddlab.findings.value import Group, Value, count, loss, pooled, share, steps
from modaddlab.study import Study

SHOWN = 15_500
"""The last step in the figures of the mainline: what comes after it is level."""

EVERY, EVERY_OTHER_SEED = 5, 10
"""Of how many recorded rows a figure draws one, of the network and of other seeds."""

DRAWS = 5
"""How often as many other frequencies are put in the place of the keys."""


@dataclass(frozen=True, kw_only=True)
class ProgressHistory:
    """The progress measures of a run at its snapshots.

    Attributes:
        step_T: the snapshots' steps, (T,).
        curves: every number of `modaddlab.analysis.progress.ProgressMeasures` over them, (T, ...), those of its two scores as
            "scores.test_loss" or "restricted.all_loss".
    """

    step_T: np.ndarray
    curves: Mapping[str, np.ndarray]

    def curve(self, name: str, of: str | None = None) -> np.ndarray:
        """One measure over the snapshots, (T, ...).

        Args:
            name: a field of `ProgressMeasures`, or of its part `of`.
            of: "scores" or "restricted", whose fields are losses and accuracies.
        """
        return self.curves[f"{of}.{name}" if of else name]


@for_networks(NO_LAYER_NORM, ADDITION, ALL_WEIGHTS, SNAPSHOTS)
def history(study: Study) -> ProgressHistory:
    """Every progress measure at every snapshot, with the final network's key frequencies."""
    arrays = study.remember(measure_snapshots)
    return ProgressHistory(step_T=study.record.snapshot_steps, curves=arrays)


@for_networks(NO_LAYER_NORM, ADDITION, ALL_WEIGHTS, SNAPSHOTS)
def measure_snapshots(study: Study) -> dict[str, np.ndarray]:
    """The curves of `ProgressHistory`; about a third of a second a snapshot for the mainline."""
    rows = [_flat(_measures(study, int(step))) for step in study.record.snapshot_steps]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]} if rows else {}


@for_networks(NO_LAYER_NORM, ADDITION, ALL_WEIGHTS, SNAPSHOTS)
def measure_others(study: Study) -> dict[str, np.ndarray]:
    """The restricted loss with as many other frequencies in the place of the keys, by snapshot and draw: "loss_TD", in nats."""
    others = [k for k in range(1, study.p // 2 + 1) if k not in study.keys]
    rng = np.random.default_rng(0)
    draws = [rng.choice(others, min(len(study.keys), len(others)), replace=False).tolist() for _ in range(DRAWS)]
    logits = (study.snapshot_grid(int(step)).logits_PPC for step in study.record.snapshot_steps)
    return {"loss_TD": np.array([[restricted_loss(at_PPC, study.labels_PP, draw) for draw in draws] for at_PPC in logits])}


@dataclass(frozen=True, kw_only=True)
class Gathering(Group):
    """How the energy of W_E comes to the keys of a network; of several, on average."""

    quarter: Value
    """First step at which their share has made a quarter of its rise."""
    half_right: Value
    """First step with half of the test pairs right."""
    share: Value
    """At the end; its null is the share of as many frequencies where all are equal."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The quiet of one network, and what its figures are drawn from."""

    curves: Curves
    """What its recorded curves say."""
    gathering: Gathering
    turn: Value
    """Where memorization ends: the step of the lowest excluded loss before it generalizes."""
    blind: Value
    """The loss of blind guessing, ln p."""
    waves_answer: Value
    network_answers: Value
    """First snapshots at which restricted and test loss are below half of that."""
    restricted: Value
    test: Value
    excluded: Value
    """The losses at the end."""
    keys: tuple[int, ...]
    step_T: np.ndarray = field(repr=False)
    losses: dict[str, np.ndarray] = field(repr=False)
    """"train", "test", "restricted" and "excluded" -> the loss at each snapshot, (T,)."""
    without_key_TK: np.ndarray = field(repr=False)
    """The train loss without one key, (T, K)."""
    gini: dict[str, np.ndarray] = field(repr=False)
    """Matrix -> the Gini coefficient of its Fourier components at each snapshot, (T,)."""
    sum_of_squares_T: np.ndarray = field(repr=False)
    recorded: dict[str, np.ndarray] = field(repr=False)
    """The recorded curves; see `modaddlab.training.measures`."""
    shares: dict[str, Curve] = field(repr=False)
    """Matrix -> the keys' share of its energy over recorded steps."""

    @property
    def spans(self) -> list[tuple[str, float, float]]:
        """The phases that it has, as figures take them: name, first and last step."""
        ends = [0.0, *(found.value for found in (self.turn, self.curves.cleanup_start, self.curves.cleanup_end))]
        found = zip(("memorization", "circuit formation", "cleanup"), ends, ends[1:], strict=False)
        return [(name, start, end) for name, start, end in found if np.isfinite([start, end]).all()]

    @property
    def glance_columns(self) -> Columns:
        """The view from outside as a figure's data."""
        names = ("step", "train_loss", "test_loss", "train_accuracy", "test_accuracy", "gini_W_E", "gini_W_L")
        squares = [values**2 for name, values in self.recorded.items() if name.startswith("norm/")]
        return {name: self.recorded[name][::EVERY] for name in names} | {"norm of all weights": np.sqrt(sum(squares))[::EVERY]}

    @property
    def loss_columns(self) -> Columns:
        """The losses as a figure's data."""
        return {"step": self.step_T} | self.losses

    @property
    def key_columns(self) -> Columns:
        """The losses without one key as a figure's data."""
        return {"step": self.step_T} | {f"without {key}": self.without_key_TK[:, place] for place, key in enumerate(self.keys)}

    @property
    def share_columns(self) -> Columns:
        """The keys' shares as a figure's data."""
        return {"step": self.shares["W_E"][0]} | {f"share {name}": curve for name, (_, curve) in self.shares.items()}

    @property
    def sparsity_columns(self) -> Columns:
        """Gini coefficients and sum of squares as a figure's data."""
        named = {f"gini {name}": values_T for name, values_T in self.gini.items()}
        return {"step": self.step_T} | named | {"sum of squares": self.sum_of_squares_T}


@dataclass(frozen=True, kw_only=True)
class Quiet:
    """The mainline's quiet, and the same of all its seeds."""

    mainline: Progress
    seeds: Curves
    gathering: Gathering
    others_answer: Value
    """The lowest restricted loss that the mainline has at any snapshot with other frequencies in the place of its keys."""
    n: Value
    """How many networks that are."""
    ahead: Value
    """In how many of them a quarter of the keys' rise came before half of the answers."""
    in_order: bool
    """Every network knows its training questions by heart, then starts to clean up, then generalizes, then has cleaned up."""
    cleanup_is_short: bool
    """In every network the cleanup takes less time than what comes before it."""
    others: list[Curve] = field(repr=False)
    """The keys' share of W_E's energy over recorded steps in the other seeds."""


def measure() -> Quiet:
    """The finding, from the mainline and its seeds.

    Raises:
        LabError: a record is damaged.
    """
    family = [Study.open("mainline"), *Study.seeds("mainline-25k")]
    found, gathered = [curves.of(study) for study in family], [gathering(study) for study in family]
    steps_of = [(one.memorized, one.cleanup_start, one.grokked, one.cleanup_end) for one in found]
    moments = np.array([[step.value for step in row] for row in steps_of])
    return Quiet(
        mainline=of(family[0], until=SHOWN),
        seeds=pooled(found),
        gathering=pooled(gathered),
        others_answer=loss(float(family[0].remember(measure_others)["loss_TD"].min())),
        n=count(len(family)),
        ahead=count(sum(one.quarter.value < one.half_right.value for one in gathered)),
        in_order=bool((np.diff(moments, axis=1) > 0).all()),
        cleanup_is_short=bool((moments[:, 3] - moments[:, 1] < moments[:, 1]).all()),
        others=[_share(study, "W_E", SHOWN, EVERY_OTHER_SEED) for study in family[1:]],
    )


@for_networks(NO_LAYER_NORM, ADDITION, ALL_WEIGHTS, SNAPSHOTS, ENERGIES)
def of(study: Study, until: int | None = None) -> Progress:
    """The quiet of one network.

    Args:
        study: the network.
        until: the last step in its figures; by default the last one.
    """
    everything, found = history(study), curves.of(study)
    waves, whole = everything.curve("all_loss", of="restricted"), everything.curve("test_loss", of="scores")
    excluded, blind = everything.curve("excluded_loss"), float(np.log(study.p))
    last = study.spec.steps if until is None else until
    early = everything.step_T <= last
    train = everything.curve("train_loss", of="scores")
    losses = {"train": train, "test": whole, "restricted": waves, "excluded": excluded}
    return Progress(
        curves=found,
        gathering=gathering(study),
        turn=steps(phases.excluded_turn(everything.step_T, excluded, study.phases.generalization)),
        blind=loss(blind),
        waves_answer=_first(everything.step_T, waves < blind / 2),
        network_answers=_first(everything.step_T, whole < blind / 2),
        restricted=loss(waves[-1]),
        test=loss(whole[-1]),
        excluded=loss(excluded[-1]),
        keys=study.keys,
        step_T=everything.step_T[early],
        losses={name: values_T[early] for name, values_T in losses.items()},
        without_key_TK=everything.curve("excluded_loss_per_key")[early],
        gini={name: everything.curve(f"gini_{name}")[early] for name in ("W_E", "W_L")},
        sum_of_squares_T=everything.curve("sum_of_squares")[early],
        recorded={name: values[study.metrics["step"] <= last] for name, values in found.metrics.items()},
        shares={name: _share(study, name, last, EVERY) for name in ("W_E", "W_L")},
    )


@for_networks(NO_LAYER_NORM, ADDITION, ALL_WEIGHTS, ENERGIES)
def gathering(study: Study) -> Gathering:
    """How the energy of one network's embedding comes to its keys."""
    step_T, share_T = _share(study, "W_E", study.spec.steps, 1)
    return Gathering(
        quarter=_first(step_T, share_T >= share_T[0] + (share_T[-1] - share_T[0]) / 4),
        half_right=_first(step_T, study.curve("test_accuracy") >= 0.5),
        share=share(share_T[-1], null=len(study.keys) / (study.p // 2)),
    )


def _share(study: Study, name: str, last: int, every: int) -> Curve:
    """The keys' share of a matrix's energy, at one of every few recorded steps up to the last."""
    rows = np.flatnonzero(study.metrics["step"] <= last)[::every]
    energy_TK = study.curve(f"energy_{name}")[rows]
    return study.metrics["step"][rows], np.array([key_share(energy_K, study.keys) for energy_K in energy_TK])


def _first(step_T: np.ndarray, holds_T: np.ndarray) -> Value:
    """The first step at which something holds."""
    return steps(step_T[np.argmax(holds_T)] if holds_T.any() else None)


def _measures(study: Study, step: int) -> ProgressMeasures:
    """What `study.progress_of(study.snapshot_grid(step))` gives; the logits are all that is needed of its grid, in float32."""
    model, p = study.spec.model, study.p
    params = {name: np.asarray(value, np.float64) for name, value in study.record.snapshot(step).items()}
    maps = model.maps(params, p)
    return progress_measures(
        logits_PPC=model.pair_logits({name: value.astype(np.float32) for name, value in params.items()}, p),
        W_E_PD=maps["W_E"],
        W_L_HC=maps["W_L"].T,
        params=params,
        labels_PP=study.labels_PP,
        train_mask_PP=study.train_mask_PP,
        keys=study.keys,
    )


def _flat(measures: ProgressMeasures) -> dict[str, np.ndarray]:
    flat = {}
    for one in dataclasses.fields(measures):
        value = getattr(measures, one.name)
        if dataclasses.is_dataclass(value):
            flat |= {f"{one.name}.{part.name}": np.asarray(getattr(value, part.name)) for part in dataclasses.fields(value)}
        else:
            flat[one.name] = np.asarray(value)
    return flat
