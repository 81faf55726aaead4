"""Every ablation of a record, computed once and kept; and what the same ablation does over seeds.

`tables` gives the rows of all tables of `modaddlab.analysis.ablation` for one network. Networks of other seeds have other keys,
and other numbers of them, so that their rows cannot be compared one by one: `over_seeds` compares those that every network has,
and of the rows per key, or per head, the one that costs least and the one that costs most.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from modaddlab.analysis import seeds
from modaddlab.analysis.ablation import Ablations
from modaddlab.analysis.controls import Ablation, Control
from modaddlab.analysis.progress import Scores
from modaddlab.findings.networks import ADDITION, ALL_WEIGHTS, NO_LAYER_NORM, TRANSFORMER, for_networks, keys_of
from modaddlab.study import Study

TABLES = ("logits", "components", "neuron waves", "neurons", "zeroed", "directions", "paths", "embedding", "top")
"""Where the parts are taken out. "components": the logits' degree-2 components instead of their waves in a + b; "neuron
waves": frequencies at the neurons; "zeroed": the explained neurons set to zero instead of their mean; "top": the strongest
frequencies of W_E."""

SCORES = tuple(field.name for field in dataclasses.fields(Scores))


@for_networks(TRANSFORMER, NO_LAYER_NORM, ADDITION, ALL_WEIGHTS)
def tables(study: Study, keys: Sequence[int] | None = None, n_draws: int = 10) -> dict[str, tuple[Ablation, ...]]:
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


def tables_by_seed(name: str, n_draws: int = 1) -> dict[int, dict[str, tuple[Ablation, ...]]]:
    """The `tables` of every seed of a named run that has been trained and groks; some 5 s a seed for the mainline's size.

    Args:
        name: of the catalogue.
        n_draws: random choices for each control; over seeds one each is enough.

    Returns:
        seed -> its tables. A network that has not generalized has no algorithm to take apart and is left out.
    """
    groks = [study.spec.seed for study in Study.seeds(name) if study.phases.generalization is not None]
    return {seed: tables(Study.open(name, seed=seed), n_draws=n_draws) for seed in groks}  # one grid at a time is in memory


@for_networks(TRANSFORMER, NO_LAYER_NORM, ADDITION, ALL_WEIGHTS)
def measure_tables(study: Study, *, keys: Sequence[int], n_draws: int) -> dict[str, np.ndarray]:
    """The arrays behind `tables`: for each row (1 + n_draws, 6) scores, the ablation's own first."""
    network = Ablations(grid=study.grid, labels_PP=study.labels_PP, train_mask_PP=study.train_mask_PP, keys=keys, n_draws=n_draws)
    made = {
        "logits": network.frequencies(),
        "components": dataclasses.replace(network, n_draws=0).frequencies(terms="polynomial"),
        "neuron waves": network.frequencies(at="neurons"),
        "neurons": network.neurons(),
        "zeroed": tuple(row for row in network.neurons(baseline="zero") if row.kind == "explained removed"),
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
class SeedRow:
    """One ablation over seeds.

    Attributes:
        label: what was done, in words.
        table: of `TABLES`.
        kind: of the rows (`modaddlab.analysis.controls.Ablation.kind`).
        scores_S: the score's name -> one value per seed.
        control_S: the same for the random parts, each seed's mean over its draws; empty where there are none.
    """

    label: str
    table: str
    kind: str
    scores_S: Mapping[str, np.ndarray]
    control_S: Mapping[str, np.ndarray]

    def summary(self, name: str, control: bool = False) -> seeds.OverSeeds:
        """Mean and 95 % interval over the seeds of one score; losses on the log scale."""
        values_S = (self.control_S if control else self.scores_S)[name]
        return seeds.over_seeds(values_S, "log" if name.endswith("loss") else "linear")


COMPARED: tuple[tuple[str, str, str, str], ...] = (
    ("logits", "removed", "least", "logits: the key that costs least removed"),
    ("logits", "removed", "most", "logits: the key that costs most removed"),
    ("logits", "all removed", "", "logits: all keys removed"),
    ("logits", "only kept", "", "logits: only the keys kept"),
    ("neuron waves", "removed", "least", "neurons: the key that costs least removed"),
    ("neuron waves", "removed", "most", "neurons: the key that costs most removed"),
    ("embedding", "removed", "most", "embedding: the key that costs most removed"),
    ("embedding", "all removed", "", "embedding: all keys removed"),
    ("embedding", "only kept", "", "embedding: only the keys kept"),
    ("top", "top removed", "", "embedding: as many strongest removed"),
    ("neurons", "polynomials", "", "explained neurons as polynomials"),
    ("neurons", "explained removed", "", "explained neurons at their mean"),
    ("zeroed", "explained removed", "", "explained neurons at zero"),
    ("neurons", "unexplained removed", "", "unexplained neurons at their mean"),
    ("directions", "only kept", "", "MLP on the keys' directions only"),
    ("directions", "only waves", "", "MLP on the waves in a + b only"),
    ("directions", "all removed", "", "MLP off the keys' directions"),
    ("paths", "skip", "", "path past the MLP cut"),
    ("paths", "head", "least", "the head that costs least cut"),
    ("paths", "head", "most", "the head that costs most cut"),
    ("paths", "heads", "", "all heads cut"),
    ("paths", "mlp", "", "MLP cut"),
)
"""Table, kind, which of the rows of that kind by their test loss, and the label of what is compared over seeds."""


def over_seeds(networks: Sequence[Mapping[str, tuple[Ablation, ...]]]) -> list[SeedRow]:
    """The ablations that several networks have in common.

    Args:
        networks: the `tables` of each.

    Returns:
        a row for each of `COMPARED`; none where a network lacks it (an untrained one has no explained neurons to choose).
    """
    found = []
    for table, kind, which, label in COMPARED:
        chosen = [_choose([row for row in network[table] if row.kind == kind], which) for network in networks]
        rows = [row for row in chosen if row is not None]
        if len(rows) < len(networks):
            continue
        controls = [row.control for row in rows if row.control]
        found.append(
            SeedRow(
                label=label,
                table=table,
                kind=kind,
                scores_S={name: np.array([getattr(row.scores, name) for row in rows]) for name in SCORES},
                control_S={name: np.array([control.summary(name).mean for control in controls]) for name in SCORES}
                if len(controls) == len(rows)
                else {},
            )
        )
    return found


def _choose(rows: Sequence[Ablation], which: str) -> Ablation | None:
    if not rows:
        return None
    return (max if which == "most" else min)(rows, key=lambda row: row.scores.test_loss)
