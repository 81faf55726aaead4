"""The tables of a record as they are kept, and the rows that several seeds have in common, on the committed debug run."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from modaddlab import Study
from modaddlab.analysis.ablation import Ablations
from modaddlab.analysis.controls import Ablation, Control
from modaddlab.analysis.progress import Scores
from modaddlab.findings import ablation

KEYS = (1, 3, 6)


@pytest.fixture(scope="module")
def study() -> Study:
    return Study.open("debug")


@pytest.fixture(scope="module")
def found(study: Study) -> dict[str, tuple[Ablation, ...]]:
    return ablation.tables(study, KEYS, n_draws=3)


@pytest.mark.parametrize(
    ("table", "method", "arguments"),
    [
        ("logits", "frequencies", {}),
        ("neuron waves", "frequencies", {"at": "neurons"}),
        ("neurons", "neurons", {}),
        ("directions", "directions", {}),
        ("paths", "paths", {}),
        ("embedding", "embedding", {}),
    ],
)
def test_the_rows_are_those_of_the_analysis(
    study: Study, found: dict[str, tuple[Ablation, ...]], table: str, method: str, arguments: dict[str, str]
) -> None:
    network = Ablations(grid=study.grid, labels_PP=study.labels_PP, train_mask_PP=study.train_mask_PP, keys=KEYS, n_draws=3)
    assert found[table] == getattr(network, method)(**arguments)


def test_zeroed_neurons_are_the_explained_ones(study: Study, found: dict[str, tuple[Ablation, ...]]) -> None:
    network = Ablations(grid=study.grid, labels_PP=study.labels_PP, train_mask_PP=study.train_mask_PP, keys=KEYS, n_draws=3)
    assert found["zeroed"] == network.neurons(baseline="zero")[1:2]


def test_only_seeds_that_grok_are_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    def known(seed: int, generalization: int | None) -> SimpleNamespace:
        return SimpleNamespace(spec=SimpleNamespace(seed=seed), phases=SimpleNamespace(generalization=generalization))

    opened = []
    monkeypatch.setattr(Study, "seeds", lambda name: [known(1, 900), known(2, None), known(3, 700)])
    monkeypatch.setattr(Study, "open", lambda name, seed: opened.append((name, seed)))
    monkeypatch.setattr(ablation, "tables", lambda study, n_draws: {"n": n_draws})
    assert ablation.tables_by_seed("debug", n_draws=2) == {1: {"n": 2}, 3: {"n": 2}}
    assert opened == [("debug", 1), ("debug", 3)]


def test_components_have_no_control_and_top_is_one_row(found: dict[str, tuple[Ablation, ...]]) -> None:
    assert set(found) == set(ablation.TABLES)
    assert all(row.control is None for row in found["components"])
    assert [row.kind for row in found["top"]] == ["top removed"]
    assert "the 3 strongest" in found["top"][0].label


def scores(loss: float) -> Scores:
    return Scores(
        train_loss=loss / 2, test_loss=loss, all_loss=loss, train_accuracy=1.0, test_accuracy=1 / (1 + loss), all_accuracy=1.0
    )


def network(*losses: float, controls: tuple[float, ...] = (4.0, 16.0)) -> dict[str, tuple[Ablation, ...]]:
    control = Control(tuple(map(scores, controls))) if controls else None
    rows = [Ablation(f"key {i}", "removed", i, scores(loss), control) for i, loss in enumerate(losses)]
    found: dict[str, tuple[Ablation, ...]] = dict.fromkeys(ablation.TABLES, ())
    return found | {"logits": (*rows, Ablation("all", "all removed", None, scores(9.0), None))}


def test_over_seeds_takes_the_least_and_the_most_costly_key() -> None:
    rows = ablation.over_seeds([network(1.0, 3.0, 2.0), network(0.5, 4.0)])
    least, most, every = rows
    assert [row.label.split(": ")[1] for row in rows] == [
        "the key that costs least removed",
        "the key that costs most removed",
        "all keys removed",
    ]
    np.testing.assert_allclose(least.scores_S["test_loss"], [1.0, 0.5])
    np.testing.assert_allclose(most.scores_S["test_loss"], [3.0, 4.0])
    np.testing.assert_allclose(most.scores_S["train_loss"], [1.5, 2.0])
    np.testing.assert_allclose(most.control_S["test_loss"], [10.0, 10.0])  # the mean of its draws
    assert every.control_S == {}
    assert least.summary("test_loss").mean == pytest.approx(np.sqrt(0.5))  # geometric
    assert least.summary("test_accuracy").mean == pytest.approx((1 / 2 + 1 / 1.5) / 2)
    assert most.summary("test_loss", control=True).mean == pytest.approx(10.0)


def test_a_row_that_one_network_lacks_is_left_out() -> None:
    assert [row.kind for row in ablation.over_seeds([network(1.0), network()])] == ["all removed"]
    one_without = [network(1.0), network(1.0, controls=())]
    assert ablation.over_seeds(one_without)[0].control_S == {}
