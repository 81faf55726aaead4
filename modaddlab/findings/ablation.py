"""What a network cannot do without: every ablation of a record, computed once and kept, and what the same one does over seeds.

`tables` gives the rows of all tables of `modaddlab.analysis.ablation` for one network. Networks of other seeds have other keys,
and other numbers of them, so that their rows cannot be compared one by one: `Cuts` has those that every network has, and of the
rows for each key, or each head, the one that costs least and the one that costs most. Beside each stands its null, the same
with random parts of the same size.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from modaddlab import card
from modaddlab import tables as writing
from modaddlab.analysis.ablation import TOP_FREQUENCIES_DROP, Ablations
from modaddlab.analysis.controls import Ablation, Control
from modaddlab.analysis.progress import Scores
from modaddlab.findings.networks import ADDITION, ALL_WEIGHTS, NO_LAYER_NORM, TRANSFORMER, for_networks, keys_of
from modaddlab.findings.sweep import Columns
from modaddlab.findings.value import Group, Value, change, count, loss, number, over, pooled, share, total, words
from modaddlab.study import Study

TABLES = ("full", "logits", "components", "neuron waves", "neurons", "zeroed", "directions", "paths", "embedding", "top")
"""Where the parts are taken out. "full": nowhere; "components": the logits' degree-2 components instead of their waves in a + b;
"neuron waves": frequencies at the neurons; "zeroed": the explained neurons set to zero instead of their mean; "top": the
strongest frequencies of W_E."""

SCORES = tuple(field.name for field in dataclasses.fields(Scores))

DRAWS = 10
"""Random choices for a control that stands for one network; over seeds one each is enough."""

CUTS = {
    "full": ("full", "full", "", "nothing"),
    "logits_least": ("logits", "removed", "least", "logits: the key that costs least removed"),
    "logits_most": ("logits", "removed", "most", "logits: the key that costs most removed"),
    "logits_off": ("logits", "all removed", "", "logits: all keys removed"),
    "logits_only": ("logits", "only kept", "", "logits: only the keys kept"),
    "components_only": ("components", "only kept", "", "logits: only the keys' components kept"),
    "neurons_least": ("neuron waves", "removed", "least", "neurons: the key that costs least removed"),
    "neurons_most": ("neuron waves", "removed", "most", "neurons: the key that costs most removed"),
    "embedding_most": ("embedding", "removed", "most", "embedding: the key that costs most removed"),
    "embedding_off": ("embedding", "all removed", "", "embedding: all keys removed"),
    "embedding_only": ("embedding", "only kept", "", "embedding: only the keys kept"),
    "strongest": ("top", "top removed", "", "embedding: as many strongest removed"),
    "polynomials": ("neurons", "polynomials", "", "explained neurons as polynomials"),
    "explained_mean": ("neurons", "explained removed", "", "explained neurons at their mean"),
    "explained_zero": ("zeroed", "explained zeroed", "", "explained neurons at zero"),
    "unexplained_mean": ("neurons", "unexplained removed", "", "unexplained neurons at their mean"),
    "directions_only": ("directions", "only kept", "", "MLP on the keys' directions only"),
    "waves_only": ("directions", "only waves", "", "MLP on the waves in a + b only"),
    "directions_off": ("directions", "all removed", "", "MLP off the keys' directions"),
    "skip": ("paths", "skip", "", "path past the MLP cut"),
    "head_least": ("paths", "head", "least", "the head that costs least cut"),
    "head_most": ("paths", "head", "most", "the head that costs most cut"),
    "heads": ("paths", "heads", "", "all heads cut"),
    "mlp": ("paths", "mlp", "", "MLP cut"),
}
"""What is compared over seeds: its table, its kind, which of the rows of that kind by test loss, and what it is in words."""


@for_networks(TRANSFORMER, NO_LAYER_NORM, ADDITION, ALL_WEIGHTS)
def tables(study: Study, keys: Sequence[int] | None = None, n_draws: int = DRAWS) -> dict[str, tuple[Ablation, ...]]:
    """The rows of every table.

    Args:
        study: the network.
        keys: key frequencies; by default the network's own. An untrained network is given those of the trained one.
        n_draws: random choices for each control.

    Returns:
        a name of `TABLES` -> its rows, in the order in which `modaddlab.analysis.ablation` makes them.
    """
    arrays = study.remember(measure_tables, keys=keys_of(study, keys), n_draws=n_draws)
    found: dict[str, list[Ablation]] = {name: [] for name in TABLES}
    for (table, _, label, kind, key), values in sorted((json.loads(name), values) for name, values in arrays.items()):
        scores = [Scores(**dict(zip(SCORES, map(float, row), strict=True))) for row in values]
        control = Control(tuple(scores[1:])) if len(scores) > 1 else None
        found[table].append(Ablation(label, kind, key, scores[0], control))
    return {name: tuple(rows) for name, rows in found.items()}


@for_networks(TRANSFORMER, NO_LAYER_NORM, ADDITION, ALL_WEIGHTS)
def measure_tables(study: Study, *, keys: Sequence[int], n_draws: int) -> dict[str, np.ndarray]:
    """The arrays behind `tables`, in float32: for each row (1 + n_draws, 6) scores, the ablation's own first."""
    network = Ablations(
        grid=study.grid.single(), labels_PP=study.labels_PP, train_mask_PP=study.train_mask_PP, keys=keys, n_draws=n_draws
    )
    neurons = network.neurons()
    made = {
        "full": (Ablation("the network as it is", "full", None, network.full(), None),),
        "logits": network.frequencies(),
        "components": dataclasses.replace(network, n_draws=0).frequencies(terms="polynomial"),
        "neuron waves": network.frequencies(at="neurons"),
        "neurons": tuple(row for row in neurons if row.kind != "explained zeroed"),
        "zeroed": tuple(row for row in neurons if row.kind == "explained zeroed"),
        "directions": network.directions(),
        "paths": network.paths(),
        "embedding": network.embedding(),
        "top": (network.top_frequencies(len(network.keys)),),
    }
    return {
        json.dumps([table, number, row.label, row.kind, row.key]): _scores(row)
        for table, rows in made.items()
        for number, row in enumerate(rows)
    }


def _scores(row: Ablation) -> np.ndarray:
    draws = row.control.draws if row.control else ()
    return np.array([[getattr(scores, name) for name in SCORES] for scores in (row.scores, *draws)])


@dataclass(frozen=True, kw_only=True)
class Cut:
    """One ablation, on the test pairs; NaN where a network has no such part. Nulls are those of random parts of the same size."""

    loss: Value
    accuracy: Value
    lost: Value
    """How much accuracy it costs."""
    beyond: Value
    """By how many points of accuracy it costs more than random parts."""


@dataclass(frozen=True, kw_only=True)
class Cuts(Group):
    """One network, or several together: each field is one of `CUTS`."""

    full: Cut
    logits_least: Cut
    logits_most: Cut
    logits_off: Cut
    logits_only: Cut
    components_only: Cut
    neurons_least: Cut
    neurons_most: Cut
    embedding_most: Cut
    embedding_off: Cut
    embedding_only: Cut
    strongest: Cut
    polynomials: Cut
    explained_mean: Cut
    explained_zero: Cut
    unexplained_mean: Cut
    directions_only: Cut
    waves_only: Cut
    directions_off: Cut
    skip: Cut
    head_least: Cut
    head_most: Cut
    heads: Cut
    mlp: Cut


@for_networks(TRANSFORMER, NO_LAYER_NORM, ADDITION, ALL_WEIGHTS)
def of(study: Study, keys: Sequence[int] | None = None, n_draws: int = 1) -> Cuts:
    """What one network does without its parts; arguments as of `tables`, some 3 s for the mainline's size."""
    return cuts(tables(study, keys, n_draws))


@for_networks(TRANSFORMER, NO_LAYER_NORM, ADDITION, ALL_WEIGHTS)
def null(study: Study, keys: Sequence[int] | None = None, n_draws: int = DRAWS) -> Cuts:
    """The same without random parts of the same size, the mean of the draws; NaN where nothing is drawn."""

    def of_control(value: Value) -> Value:
        return dataclasses.replace(value, value=math.nan if value.null is None else value.null, null=None)

    found = of(study, keys, n_draws)
    each = {name: vars(getattr(found, name)) for name in CUTS}
    return Cuts(**{name: Cut(**{part: of_control(value) for part, value in values.items()}) for name, values in each.items()})


@dataclass(frozen=True)
class Table:
    """What one network does without its parts: each head, the MLP, groups of neurons, and each key at three places."""

    rows: tuple[Ablation, ...]
    full: Scores
    """The whole network."""
    p: int

    def _repr_html_(self) -> str:
        rows = [
            {
                "without": row.label,
                "test loss": row.scores.test_loss,
                "random parts": row.control and row.control.summary("test_loss").mean,
                "test accuracy": writing.percent(row.scores.test_accuracy),
                "of random parts": row.control and writing.percent(row.control.summary("test_accuracy").mean),
            }
            for row in (Ablation("nothing", "full", None, self.full, None), *self.rows)
        ]
        return card.drawing("ablation_losses", self.rows, self.full.test_loss, math.log(self.p)) + writing.html(rows)


@for_networks(TRANSFORMER, NO_LAYER_NORM, ADDITION, ALL_WEIGHTS)
def table(study: Study, keys: Sequence[int] | None = None, n_draws: int = DRAWS) -> Table:
    """What a network does without its parts, beside random parts of the same size, as a notebook shows it; arguments as of
    `tables`."""
    found = tables(study, keys, n_draws)
    places = {"paths": "", "neurons": "", "neuron waves": "neurons: ", "embedding": "embedding: ", "logits": "logits: "}
    rows = (dataclasses.replace(row, label=before + row.label) for name, before in places.items() for row in found[name])
    return Table(tuple(rows), found["full"][0].scores, study.p)


def cuts(rows: Mapping[str, tuple[Ablation, ...]]) -> Cuts:
    """The ablations that networks have in common, of one network's `tables`."""
    before = rows["full"][0].scores.test_accuracy
    return Cuts(**{name: _cut(chosen(rows, name), before) for name in CUTS})


def chosen(rows: Mapping[str, tuple[Ablation, ...]], name: str) -> Ablation | None:
    """The row of one of `CUTS` in a network's `tables`; None where it has none."""
    table, kind, which, _ = CUTS[name]
    of_kind = [row for row in rows[table] if row.kind == kind]
    return (max if which == "most" else min)(of_kind, key=lambda row: row.scores.test_loss, default=None)


def _cut(row: Ablation | None, before: float) -> Cut:
    if row is None:
        return Cut(loss=loss(math.nan), accuracy=share(math.nan), lost=change(math.nan), beyond=number(math.nan))
    left, control = row.scores.test_accuracy, row.control
    random_loss = control.summary("test_loss").mean if control else None
    random_left = control.summary("test_accuracy").mean if control else math.nan
    return Cut(
        loss=loss(row.scores.test_loss, null=random_loss),
        accuracy=share(left, null=random_left if control else None),
        lost=change(before - left, null=before - random_left if control else None),
        beyond=number(100 * (random_left - left)),
    )


def columns(rows: Iterable[Ablation]) -> Columns:
    """The rows of a table as a figure's data: each score, and its mean over the random parts."""
    rows = list(rows)
    found: dict[str, ArrayLike] = {"ablation": [row.label for row in rows]}
    for name in SCORES:
        found[name] = [getattr(row.scores, name) for row in rows]
        found[f"{name}, random"] = [row.control.summary(name).mean if row.control else math.nan for row in rows]
    return found


@dataclass(frozen=True, kw_only=True)
class Apart:
    """The mainline taken apart, and its seeds."""

    mainline: Cuts
    seeds: Cuts
    each: list[Cuts] = field(repr=False)
    """Every network, by seed."""
    n: Value
    """How many networks that are."""
    one_less_least: Value
    one_less_most: Value
    """The mainline's accuracies when one key is removed from its logits."""
    harmless: Value
    """The frequencies of the mainline's clusters of neurons that can go with less harm than as many random neurons."""
    entrance_spared: Value
    """The key that costs least in the mainline's embedding."""
    n_strongest: Value
    points: Value
    """By how many points the accuracy falls without that many strongest frequencies."""
    criterion: Value
    """The fall that has been proposed as a criterion."""
    n_met: Value
    """How many networks meet it."""
    random_harm: Value
    """Of what the explained neurons cost at zero, the part that as many random ones cost."""
    blind: Value
    """The loss of blind guessing, ln p."""
    untrained_least: Value
    untrained_most: Value
    """The accuracies of an untrained network, over all that is done to it."""
    chance: float
    """The accuracy of blind guessing, 1 / p."""
    tables: dict[str, tuple[Ablation, ...]] = field(repr=False)
    """The mainline's."""
    by_seed: dict[str, list[Ablation]] = field(repr=False)
    """What was done -> the row of every network."""
    entrance: list[dict[str, str]] = field(repr=False)
    """A row for each ablation of the mainline's embedding."""

    @property
    def seed_columns(self) -> Columns:
        """The rows of all networks as a figure's data."""
        found = dict(columns(row for rows in self.by_seed.values() for row in rows))
        return found | {"ablation": [label for label, rows in self.by_seed.items() for _ in rows]}


def measure() -> Apart:
    """The finding, from the mainline and its seeds that grok: a network that does not has no algorithm to take apart.

    Raises:
        LabError: a record is damaged.
    """
    study = Study.open("mainline")
    rows, blind = tables(study), math.log(study.p)
    seeds = [one.spec.seed for one in Study.seeds("mainline-25k") if one.phases.generalization is not None]
    networks = [rows, *(tables(Study.open("mainline-25k", seed=seed), n_draws=1) for seed in seeds)]  # one grid at a time
    each = [cuts(one) for one in networks]
    blank = of(Study.open("untrained"), study.keys)
    untouched = [getattr(blank, name).accuracy.value for name in CUTS]
    one_less = [row.scores.test_accuracy for row in rows["logits"] if row.kind == "removed"]
    clusters = [row for row in rows["neurons"] if row.kind == "cluster removed" and row.control]
    harmless = [str(row.key) for row in clusters if row.control and row.scores.test_loss < row.control.summary("test_loss").low]
    spared = min((row for row in rows["embedding"] if row.kind == "removed"), key=lambda row: row.scores.test_loss)
    return Apart(
        mainline=each[0],
        seeds=pooled(each),
        each=each,
        n=count(len(each)),
        one_less_least=share(min(one_less)),
        one_less_most=share(max(one_less)),
        harmless=words(writing.listing(harmless)),
        entrance_spared=total(spared.key or 0),
        n_strongest=count(len(study.keys)),
        points=total(round(100 * each[0].strongest.lost.value)),
        criterion=total(round(100 * TOP_FREQUENCIES_DROP)),
        n_met=count(sum(1 - one.strongest.accuracy.value >= TOP_FREQUENCIES_DROP for one in each)),
        random_harm=over([share((one.explained_zero.lost.null or 0.0) / one.explained_zero.lost.value) for one in each]),
        blind=loss(blind),
        untrained_least=share(np.nanmin(untouched)),
        untrained_most=share(np.nanmax(untouched)),
        chance=1 / study.p,
        tables=rows,
        by_seed={CUTS[name][3]: [row for one in networks if (row := chosen(one, name))] for name in CUTS if name != "full"},
        entrance=[_entrance(row) for row in rows["embedding"]],
    )


def _entrance(row: Ablation) -> dict[str, str]:
    random = row.control.summary("test_accuracy").mean if row.control else None
    return {
        "what is done to the embedding": row.label,
        "test accuracy": writing.percent(row.scores.test_accuracy),
        "with random frequencies": writing.percent(random),
    }
