"""Two networks, one rule: the transformer and the two-layer network on one task, by the same measures.

Where no frequency of a network stands out, all of them count as used. Nulls are the same measures of the weights that the first
seed began with, with the frequencies that it uses when trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from modaddlab import tables
from modaddlab.analysis import logits, spectra
from modaddlab.findings import curves, stages, structure
from modaddlab.findings.curves import Curves
from modaddlab.findings.stages import Plateau
from modaddlab.findings.structure import Structure
from modaddlab.findings.sweep import Columns
from modaddlab.findings.value import Group, Value, count, pooled, share, total, words
from modaddlab.study import Study

SHOWN = 10_000
"""The last step in the figure of the curves."""

ROWS = (
    ("frequencies that stand out", "n_keys"),
    ("frequencies that neurons follow", "n_neuron_keys"),
    ("logit energy at their products", "logit_key_share"),
    ("logits as a sum of waves: FVE", "wave_fve"),
    ("neuron-logit map's norm outside them", "W_L_residual"),
    ("sum waves along u and v: FVE", "direction_fve_mean"),
    ("neurons explained by one of them", "explained_neurons"),
    ("Gini of the embedding", "gini_W_E"),
    ("restricted loss", "restricted_loss"),
    ("excluded loss", "excluded_loss"),
    ("test loss", "test_loss"),
    ("sum of squared weights", "sum_of_squares"),
)
"""The measures that are compared: label and field of `Structure`."""


KINDS = ("mean", "lowest", "highest")
"""What is told of the margins at one difference."""


@dataclass(frozen=True, kw_only=True)
class One(Group):
    """One of the two networks."""

    seeds: Value
    parameters: Value
    keys: Value
    """The key frequencies of the first seed, listed."""
    curves: Curves
    """Over the seeds, as is the structure."""
    structure: Structure
    first: Structure
    """Of the first seed alone."""
    null: Structure
    spread: Value
    """The standard deviation of the margin of the right answer over the differences a - b, by its mean; of the first seed."""
    equal: Value
    """The margin where a = b, by the mean of all."""
    hardest: int
    """The difference with the smallest margin."""
    margin: tuple[np.ndarray, np.ndarray, np.ndarray] = field(repr=False)
    """Mean, smallest and largest margin at each difference, by the mean of all."""
    norms: dict[str, np.ndarray] = field(repr=False)
    """Spectra of the inputs and of the outputs of the first seed."""
    key_numbers: tuple[int, ...] = field(repr=False)
    metrics: dict[str, np.ndarray] = field(repr=False)
    """The curves of the first seed as far as they are shown."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """Both networks."""

    transformer: One
    two_layers: One
    frequencies: Value
    """How many there are."""
    pause: Plateau
    """The pause in the test accuracy of the two-layer network, first seed."""
    transformer_pause: Value
    """The test accuracy of the transformer when its memory is complete."""
    agree: Value
    """The share of all questions that both first seeds answer alike."""

    @property
    def both(self) -> dict[str, One]:
        """The two by name."""
        return {"transformer": self.transformer, "two layers": self.two_layers}

    @property
    def metrics(self) -> dict[str, dict[str, np.ndarray]]:
        """Their curves."""
        return {name: one.metrics for name, one in self.both.items()}

    @property
    def curve_columns(self) -> Columns:
        """Their curves as a figure's data."""
        found = {"network": [name for name, run in self.metrics.items() for _ in run["step"]]}
        names = ("step", "train_accuracy", "test_accuracy")
        return found | {name: np.concatenate([run[name] for run in self.metrics.values()]) for name in names}

    @property
    def spectra(self) -> tuple[dict[str, np.ndarray], dict[str, tuple[int, ...]]]:
        """Spectra and keys by title, as `figures.spectra_side_by_side` takes them."""
        norms = {f"{name}: {what}": norm_P for name, one in self.both.items() for what, norm_P in one.norms.items()}
        return norms, {title: self.both[title.partition(":")[0]].key_numbers for title in norms}

    @property
    def spectrum_columns(self) -> Columns:
        """The spectra as a figure's data."""
        norms, _ = self.spectra
        return {"component": np.arange(len(next(iter(norms.values())))), **norms}

    @property
    def margins(self) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """The margins of both."""
        return {name: one.margin for name, one in self.both.items()}

    @property
    def margin_columns(self) -> Columns:
        """The margins as a figure's data."""
        parts = {f"{name}, {what}": d_P for name, one in self.both.items() for what, d_P in zip(KINDS, one.margin, strict=True)}
        return {"difference": np.arange(len(self.transformer.margin[0])), **parts}

    @property
    def table(self) -> list[dict[str, str]]:
        """A row for every measure."""
        return [
            {"measure": label}
            | {name: str(getattr(one.structure, measure)) for name, one in self.both.items()}
            | {"nulls": "; ".join(str(getattr(one.null, measure)) for one in self.both.values())}
            for label, measure in ROWS
        ]


def measure() -> Side:
    """The book's.

    Raises:
        LabError: a run is not trained, or its record is damaged.
    """
    transformers, others = [Study.open("mainline"), *Study.seeds("mainline-25k")], Study.seeds("mlp-mainline")
    first, second = transformers[0], others[0]
    return Side(
        transformer=_one(transformers),
        two_layers=_one(others),
        frequencies=total(first.p // 2),
        pause=stages.plateau(second),
        transformer_pause=stages.plateau(first).flat,
        agree=share(agreement([first, second])),
    )


def agreement(studies: Sequence[Study]) -> float:
    """The share of all questions to which several networks give the same answer."""
    first, *others = (np.argmax(study.grid.logits_PPC, axis=2) for study in studies)
    return float(np.mean(np.all([first == other for other in others], axis=0)))


def _used(study: Study) -> tuple[int, ...]:
    """The frequencies that a network stands on: its keys, or all of them where none stands out."""
    return study.keys or tuple(range(1, study.p // 2 + 1))


def _one(studies: Sequence[Study]) -> One:
    first, everyone = studies[0], [structure.of(study, _used(study)) for study in studies]
    margin_PP = logits.margins(first.grid.logits_PPC, first.labels_PP)
    band = logits.by_difference(margin_PP / margin_PP.mean())
    return One(
        seeds=count(len(studies)),
        parameters=total(sum(value.size for value in first.record.final.values())),
        keys=words(tables.listing(first.keys)),
        curves=pooled([curves.of(study) for study in studies]),
        structure=pooled(everyone),
        first=everyone[0],
        null=structure.null(first, _used(first)),
        spread=share(band.mean_P.std()),
        equal=share(band.mean_P[0]),
        hardest=int(band.mean_P.argmin()),
        margin=(band.mean_P, band.low_P, band.high_P),
        norms={
            "embedding": spectra.spectrum(first.grid.W_E_PD).norms_P,
            "neuron-logit map": spectra.neuron_logit_spectrum(first.grid.W_L_HC).norms_P,
        },
        key_numbers=first.keys,
        metrics={name: values[first.metrics["step"] <= SHOWN] for name, values in first.metrics.items()},
    )
