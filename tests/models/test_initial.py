"""The weights that a run began with, its split and its labels: drawn again for our own runs alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modaddlab import LabError, RunSpec, Store, Study, lottery, rows
from modaddlab.experiments.spec import RecordSpec, TaskSpec
from modaddlab.findings.lottery import of as outcome
from modaddlab.models.registry import TwoLayerSpec

OURS = {"train_version": TwoLayerSpec().train_version}
MODEL = TwoLayerSpec(d_mlp=6)


def study(
    data: Path, began_with: int, *, snapshot: bool = False, provenance: dict[str, Any] = OURS, operation: Any = "add"
) -> Study:
    """A run of seed 0 that began with the weights of some seed."""
    spec = RunSpec(
        name="began",
        task=TaskSpec(p=7, operation=operation),
        model=MODEL,
        record=RecordSpec(metrics_every=1, snapshots=1 if snapshot else 0),
        steps=1,
    )
    first, final = MODEL.init_params(7, began_with), MODEL.init_params(7, 5)
    pair = [rows.row_of(spec, params) for params in (first, final)]
    metrics = {name: np.stack([row[name] for row in pair]) for name in pair[0]} | {"step": np.array([0, 1])}
    store, snapshots = Store(data), {}
    if snapshot:
        partial = store.partial(spec)
        with partial.lock():
            partial.clear()
            for step, params in enumerate((first, final)):
                partial.save_snapshot(step, params, "float16")
            snapshots = partial.snapshot_files()
    return Study(store.publish(spec, provenance, metrics, final, snapshots))


def drawn_from(seed: int, dtype: str = "float32") -> lottery.Draw:
    params = {name: value.astype(dtype).astype("float64") for name, value in MODEL.init_params(7, seed).items()}
    return lottery.draw(params["mlp.W_in"].T, params["mlp.W_out"])


@pytest.mark.parametrize("snapshot", [False, True])
def test_our_own_run_began_with_the_weights_of_its_seed(tmp_path: Path, snapshot: bool) -> None:
    found = outcome(study(tmp_path, 0, snapshot=snapshot)).drawn
    np.testing.assert_array_equal(found.alpha_HK, drawn_from(0).alpha_HK)  # exact although snapshots have half the precision


def test_another_network_s_initial_weights_are_those_of_its_snapshot(tmp_path: Path) -> None:
    found = outcome(study(tmp_path, 9, snapshot=True, provenance={"origin": "somebody"})).drawn
    np.testing.assert_array_equal(found.alpha_HK, drawn_from(9, "float16").alpha_HK)


@pytest.mark.parametrize(("began_with", "provenance"), [(9, OURS), (0, {}), (0, {"train_version": 0})])
def test_without_one_it_is_refused_in_one_line(tmp_path: Path, began_with: int, provenance: dict[str, Any]) -> None:
    with pytest.raises(LabError, match=r"initial weights of began-\w+ (are unknown|cannot be drawn again)") as refused:
        outcome(study(tmp_path, began_with, provenance=provenance))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("provenance", [{}, {"origin": "somebody"}])
def test_a_split_is_drawn_for_our_own_runs_alone(tmp_path: Path, provenance: dict[str, Any]) -> None:
    theirs = study(tmp_path, 0, provenance=provenance)
    with pytest.raises(LabError, match=r"split of began-.* cannot be drawn again"):
        _ = theirs.train_mask_PP
    assert theirs.labels_PP[3, 6] == 2


def test_random_labels_are_drawn_for_our_own_runs_alone(tmp_path: Path) -> None:
    assert study(tmp_path / "ours", 0, operation="random").labels_PP.shape == (7, 7)
    with pytest.raises(LabError, match="labels of began-"):
        _ = study(tmp_path / "theirs", 0, operation="random", provenance={}).labels_PP


def test_the_untrained_network_of_the_book_is_what_its_seed_draws() -> None:
    untrained = Study.open("mlp-untrained")
    for name, value in untrained.record.final.items():
        np.testing.assert_array_equal(untrained.initial[name], value)
