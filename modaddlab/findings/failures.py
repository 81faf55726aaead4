"""When it does not grok: the same network on small clocks, and with one thing changed.

`of` says how one network ended, and what its train loss is without the waves of its keys. A run that never has 95 % of the test
pairs right has no step of grokking: it is written as a dash.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from modaddlab import published, tables
from modaddlab.analysis import spectra, stability
from modaddlab.findings import curves, structure
from modaddlab.findings.curves import Curves
from modaddlab.findings.networks import ADDITION, ALL_WEIGHTS, NO_LAYER_NORM, TEST_PAIRS, for_networks
from modaddlab.findings.structure import Structure
from modaddlab.findings.sweep import Columns
from modaddlab.findings.value import Group, Value, count, factor, number, setting, share, steps, words
from modaddlab.study import Study

DECAYS = {"weak": ("p53-wd1", "p71-wd1"), "strong": ("p53-wd5", "p71-wd5")}
"""The runs on small clocks by their weight decay."""

SEEDS = (0, 1)

CHANGED = {
    "unchanged": ("mainline", "nothing changed"),
    "no_decay": ("no-decay", "no weight decay"),
    "dropout": ("dropout", "dropout 0.2 instead"),
    "l1": ("l1", "L1 penalty instead"),
    "single": ("float32-loss", "loss in float32"),
    "outputs": ("p-outputs", "p outputs, not p + 1"),
    "replication": ("layer-defaults", "a replication's setup"),
}
"""The network with one thing changed: the name of a part of the finding -> the run and its title."""

EVERY = 4
"""Every so many rows of the curves are in a figure's data."""


@dataclass(frozen=True, kw_only=True)
class Ending(Group):
    """How one network ended."""

    curves: Curves
    structure: Structure
    """Its excluded loss is without the waves of the keys that were asked for."""
    rises: Value
    """Sudden rises of the train loss (`modaddlab.analysis.stability`)."""
    keys: Value
    """The key frequencies, listed."""

    def row(self, title: str) -> dict[str, str]:
        """A row of a table."""
        return {
            "run": title,
            "95 % at step": str(self.curves.grokked),
            "test accuracy": str(self.curves.test_accuracy),
            "train loss": str(self.curves.train_loss),
            "test loss": str(self.curves.test_loss),
            "excluded loss": str(self.structure.excluded_loss),
            "sum of squares": str(self.structure.sum_of_squares),
        }


@dataclass(frozen=True, kw_only=True)
class Decay(Group):
    """Both small clocks with one weight decay."""

    decay: Value
    runs: Value
    grokked: Value
    """How many of the runs."""
    at_stop_least: Value
    at_stop_most: Value
    """Test accuracy at the step at which a published study had stopped its runs on that clock."""
    first_small: Value
    """The step of 95 % on the smaller clock, seed 0."""


@dataclass(frozen=True, kw_only=True)
class Clocks:
    """The network on two smaller clocks, with two decays and two seeds."""

    trained_for: Value
    weak: Decay
    strong: Decay
    memorized: Value
    """The step by which all of them have 99 % of their training pairs right."""
    questions: Value
    """The training pairs, listed by clock."""
    creeps: float
    """Of the runs that grok, the smallest test accuracy halfway, in units of chance."""
    studies: tuple[Study, ...] = field(repr=False)
    table: list[dict[str, str]] = field(repr=False)

    @property
    def metrics(self) -> dict[str, Mapping[str, np.ndarray]]:
        """The recorded curves by title."""
        return {_title(study, seed=True): study.metrics for study in self.studies}

    @property
    def columns(self) -> Columns:
        """The curves as a figure's data."""
        return _long(self.metrics, "accuracy")

    @property
    def spectra(self) -> dict[str, np.ndarray]:
        """The spectrum of the embedding of the first seed of each setting."""
        return {_title(study): spectra.spectrum(study.embedding_PD).norms_P for study in _first(self.studies)}

    @property
    def keys_by_title(self) -> dict[str, tuple[int, ...]]:
        """Their keys."""
        return {_title(study): study.keys for study in _first(self.studies)}

    @property
    def spectrum_columns(self) -> Columns:
        """Those spectra as a figure's data."""
        return {
            "run": [title for title, norm_P in self.spectra.items() for _ in norm_P],
            "component": np.concatenate([np.arange(len(norm_P)) for norm_P in self.spectra.values()]),
            "norm": np.concatenate(list(self.spectra.values())),
        }


@dataclass(frozen=True, kw_only=True)
class Controls:
    """The mainline, and runs that differ from it in one thing. One seed each."""

    unchanged: Ending
    no_decay: Ending
    dropout: Ending
    l1: Ending
    single: Ending
    outputs: Ending
    replication: Ending
    replication_late: Value
    """Its step of 95 % over the mainline's."""
    replication_shared: Value
    """Keys that it has in common with the published run of its setup; the null is what chance gives."""
    studies: dict[str, Study] = field(repr=False)

    @property
    def metrics(self) -> dict[str, Mapping[str, np.ndarray]]:
        """The recorded curves by title, as far as the longest of the changed runs goes."""
        last = max(study.spec.steps for title, study in self.studies.items() if title != CHANGED["unchanged"][1])
        return {
            title: {name: values[study.metrics["step"] <= last] for name, values in study.metrics.items()}
            for title, study in self.studies.items()
        }

    @property
    def accuracies(self) -> Columns:
        """Their accuracies as a figure's data."""
        return _long(self.metrics, "accuracy")

    @property
    def losses(self) -> Columns:
        """Their losses as a figure's data."""
        return _long(self.metrics, "loss")

    @property
    def table(self) -> list[dict[str, str]]:
        """A row for every run."""
        return [getattr(self, name).row(title) for name, (_, title) in CHANGED.items()]


@dataclass(frozen=True, kw_only=True)
class Failures:
    """Runs that do not grok, and runs that were expected not to."""

    clocks: Clocks
    controls: Controls

    @property
    def ends(self) -> tuple[list[str], np.ndarray, np.ndarray]:
        """The runs with their train and test accuracies at the end, as `figures.final_accuracies` takes them."""
        studies = {_title(study, seed=True): study for study in self.clocks.studies} | self.controls.studies
        names = ("train_accuracy", "test_accuracy")
        train_R, test_R = (np.array([study.curve(name)[-1] for study in studies.values()]) for name in names)
        return list(studies), train_R, test_R

    @property
    def end_columns(self) -> Columns:
        """The same as a figure's data."""
        return dict(zip(("run", "train accuracy", "test accuracy"), self.ends, strict=True))


@for_networks(NO_LAYER_NORM, ADDITION, ALL_WEIGHTS, TEST_PAIRS)
def of(study: Study, keys: Sequence[int] | None = None) -> Ending:
    """How a network ended.

    Args:
        study: the network.
        keys: the frequencies without whose waves the excluded loss is taken; by default its own keys.

    Raises:
        LabError: the network is another one, keeps too little, or a key is not in 1..p//2.
    """
    return Ending(
        curves=curves.of(study),
        structure=structure.of(study, keys),
        rises=count(stability.sudden_rises(study.curve("step"), study.curve("train_loss"))),
        keys=words(tables.listing(study.keys)),
    )


def measure() -> Failures:
    """The finding.

    Raises:
        LabError: a run is not trained, or its record is damaged.
    """
    return Failures(clocks=_clocks(), controls=_controls())


def _clocks() -> Clocks:
    of_decay = {name: [Study.open(run, seed=seed) for run in runs for seed in SEEDS] for name, runs in DECAYS.items()}
    studies = tuple(study for found in of_decay.values() for study in found)
    halfway = [_at(study, study.phases.generalization // 2) * study.p for study in studies if study.phases.generalization]
    return Clocks(
        trained_for=steps(min(study.spec.steps for study in studies)),
        weak=_decay(of_decay["weak"]),
        strong=_decay(of_decay["strong"]),
        memorized=steps(max(study.phases.memorization or np.inf for study in studies)),
        questions=words(tables.listing([int(study.train_mask_PP.sum()) for study in _first(of_decay["weak"])])),
        creeps=min(halfway),
        studies=studies,
        table=[_clock_row(study) for study in studies],
    )


def _decay(studies: Sequence[Study]) -> Decay:
    at_stop = [_at(study, published.REPLICATION_STOPPED[study.p]) for study in studies]
    return Decay(
        decay=setting(studies[0].spec.optim.weight_decay),
        runs=count(len(studies)),
        grokked=count(sum(study.phases.generalization is not None for study in studies)),
        at_stop_least=share(min(at_stop)),
        at_stop_most=share(max(at_stop)),
        first_small=steps(studies[0].phases.generalization),
    )


def _clock_row(study: Study) -> dict[str, str]:
    end = of(study)
    return {
        "p": str(study.p),
        "decay": str(setting(study.spec.optim.weight_decay)),
        "seed": str(study.spec.seed),
        "95 % at step": str(end.curves.grokked),
        "where they stopped": tables.percent(_at(study, published.REPLICATION_STOPPED[study.p])),
        "test accuracy": tables.percent(end.curves.test_accuracy.value),
        "chance": tables.percent(1 / study.p, 1),
        "test loss": str(end.curves.test_loss),
        "sum of squares": str(end.structure.sum_of_squares),
    }


def _controls() -> Controls:
    studies = {name: Study.seeds(run)[0] for name, (run, _) in CHANGED.items()}
    common = studies["unchanged"].keys  # for the runs that have no keys; they have the same start
    endings = {name: of(study, study.keys or common) for name, study in studies.items()}
    ours, theirs = studies["replication"].keys, published.REPLICATION_KEYS
    return Controls(
        **endings,
        replication_late=factor(endings["replication"].curves.grokked.value / endings["unchanged"].curves.grokked.value),
        replication_shared=number(len(set(ours) & set(theirs)), null=len(ours) * len(theirs) / (studies["replication"].p // 2)),
        studies={CHANGED[name][1]: study for name, study in studies.items()},
    )


def _at(study: Study, step: int) -> float:
    """The test accuracy at a step, between two rows on the line that joins them."""
    return float(np.interp(step, study.curve("step"), study.curve("test_accuracy")))


def _first(studies: Iterable[Study]) -> list[Study]:
    return [study for study in studies if study.spec.seed == SEEDS[0]]


def _title(study: Study, seed: bool = False) -> str:
    decay = f"p = {study.p}, weight decay {study.spec.optim.weight_decay:g}"
    return f"{decay}, seed {study.spec.seed}" if seed else decay


def _long(metrics: Mapping[str, Mapping[str, np.ndarray]], quantity: str) -> Columns:
    """Curves of several runs, one below the other, as a figure's data."""
    thinned = {title: {name: values[::EVERY] for name, values in run.items()} for title, run in metrics.items()}
    return {"run": [title for title, run in thinned.items() for _ in run["step"]]} | {
        name.replace("_", " "): np.concatenate([run[name] for run in thinned.values()])
        for name in ("step", f"train_{quantity}", f"test_{quantity}")
    }
