"""The tables of a record as they are kept, and the rows that several seeds have in common, on the committed debug run."""

from __future__ import annotations

import numpy as np
import pytest

from modaddlab import Study
from modaddlab.analysis.ablation import Ablations
from modaddlab.analysis.controls import Ablation, Control
from modaddlab.analysis.progress import Scores
from modaddlab.findings import ablation, pooled

KEYS = (1, 3, 6)


@pytest.fixture(scope="module")
def study() -> Study:
    return Study.open("debug")


@pytest.fixture(scope="module")
def found(study: Study) -> dict[str, tuple[Ablation, ...]]:
    return ablation.tables(study, KEYS, n_draws=3)


@pytest.mark.parametrize(
    ("tables", "method", "arguments"),
    [
        (["logits"], "frequencies", {}),
        (["neuron waves"], "frequencies", {"at": "neurons"}),
        (["neurons", "zeroed"], "neurons", {}),
        (["directions"], "directions", {}),
        (["paths"], "paths", {}),
        (["embedding"], "embedding", {}),
    ],
)
def test_the_rows_are_those_of_the_analysis_in_float64(
    study: Study, found: dict[str, tuple[Ablation, ...]], tables: list[str], method: str, arguments: dict[str, str]
) -> None:
    """They are kept in float32: the same random parts, the same accuracies, losses within some millionths."""
    network = Ablations(grid=study.grid, labels_PP=study.labels_PP, train_mask_PP=study.train_mask_PP, keys=KEYS, n_draws=3)
    kept = {(row.label, row.kind, row.key): row for name in tables for row in found[name]}
    rows = getattr(network, method)(**arguments)
    assert sorted(kept, key=str) == sorted(((row.label, row.kind, row.key) for row in rows), key=str)
    for row in rows:
        one = kept[row.label, row.kind, row.key]
        pairs = [(row, one), *zip(*(each.control.draws if each.control else () for each in (row, one)), strict=True)]
        for exact, rounded in ((getattr(x, "scores", x), getattr(y, "scores", y)) for x, y in pairs):
            for score in ablation.SCORES:
                within = 0 if score.endswith("accuracy") else 2e-5
                assert getattr(rounded, score) == pytest.approx(getattr(exact, score), rel=within), (row.label, score)


def test_components_have_no_control_and_top_is_one_row(found: dict[str, tuple[Ablation, ...]]) -> None:
    assert set(found) == set(ablation.TABLES)
    assert all(row.control is None for row in found["components"])
    assert [row.kind for row in found["top"]] == ["top removed"]
    assert "the 3 strongest" in found["top"][0].label


def test_a_person_sees_every_part_beside_random_ones(study: Study, found: dict[str, tuple[Ablation, ...]]) -> None:
    table = ablation.table(study, KEYS, n_draws=3)
    assert table.full == found["full"][0].scores
    losses = [row.scores for name in ("paths", "neurons", "neuron waves", "embedding", "logits") for row in found[name]]
    assert [row.scores for row in table.rows] == losses
    labels = [row.label for row in table.rows]
    assert len(set(labels)) == len(labels)
    assert {"head 0 cut", "head 1 cut", *(f"neurons: frequency {key} removed" for key in KEYS)} <= set(labels)
    shown = table._repr_html_()
    assert shown.count("<tr>") == len(table.rows) + 2
    assert "<svg" in shown


def scores(loss: float) -> Scores:
    return Scores(
        train_loss=loss / 2, test_loss=loss, all_loss=loss, train_accuracy=1.0, test_accuracy=1 / (1 + loss), all_accuracy=1.0
    )


def network(*losses: float, controls: tuple[float, ...] = (4.0, 16.0)) -> dict[str, tuple[Ablation, ...]]:
    """Tables with the logits' rows alone: a key each with this test loss, and all keys; without any cut the loss is 1/4."""
    control = Control(tuple(map(scores, controls))) if controls else None
    rows = [Ablation(f"key {i}", "removed", i, scores(loss), control) for i, loss in enumerate(losses)]
    found: dict[str, tuple[Ablation, ...]] = dict.fromkeys(ablation.TABLES, ())
    whole = Ablation("nothing", "full", None, scores(0.25), None)
    return found | {"full": (whole,), "logits": (*rows, Ablation("all", "all removed", None, scores(9.0), None))}


def test_the_key_that_costs_least_and_the_one_that_costs_most() -> None:
    found = ablation.cuts(network(1.0, 3.0, 2.0))
    assert (found.logits_least.loss.value, found.logits_most.loss.value, found.logits_off.loss.value) == (1, 3, 9)
    assert found.logits_most.loss.null == 10  # the mean of its draws
    assert found.logits_most.accuracy.value == 1 / 4
    assert found.logits_most.lost.value == pytest.approx(0.8 - 0.25)
    random = (1 / 5 + 1 / 17) / 2
    assert found.logits_most.lost.null == pytest.approx(0.8 - random)
    assert found.logits_most.beyond.value == pytest.approx(100 * (random - 0.25))
    assert found.full.lost.value == 0


def test_what_a_network_lacks_is_not_a_number() -> None:
    found = ablation.cuts(network(1.0, controls=()))
    assert np.isnan([found.skip.loss.value, found.polynomials.accuracy.value, found.logits_least.beyond.value]).all()
    assert found.logits_least.loss.null is None
    assert ablation.chosen(network(1.0), "heads") is None


def test_over_seeds_losses_are_geometric_and_accuracies_are_not() -> None:
    found = pooled([ablation.cuts(network(1.0, 3.0)), ablation.cuts(network(0.5, 4.0))])
    assert found.logits_least.loss.value == pytest.approx(np.sqrt(0.5))
    assert found.logits_least.accuracy.value == pytest.approx((1 / 2 + 1 / 1.5) / 2)
    other = pooled([ablation.cuts(network(1.0, controls=(2.0,))), ablation.cuts(network(1.0, controls=(8.0,)))])
    assert other.logits_least.loss.null == pytest.approx(4)


def test_the_null_is_what_random_parts_leave(study: Study) -> None:
    found, random = ablation.of(study, KEYS, n_draws=3), ablation.null(study, KEYS, n_draws=3)
    assert random.logits_off.loss.value == found.logits_off.loss.null
    assert random.logits_off.lost.value == found.logits_off.lost.null
    assert np.isnan(random.components_only.loss.value)
    assert found.full.accuracy.value == study.scores.test_accuracy


def test_a_table_is_a_figure_s_data(found: dict[str, tuple[Ablation, ...]]) -> None:
    columns = {name: list(np.asarray(values)) for name, values in ablation.columns(found["paths"]).items()}
    assert columns["ablation"][1] == "head 0 cut"
    control = found["paths"][1].control
    assert control is not None
    assert columns["test_loss, random"][1] == control.summary("test_loss").mean
    assert columns["train_accuracy"][1] == found["paths"][1].scores.train_accuracy
