"""The named runs. Their ids are pinned: a changed id means that a committed record is no longer found.

The defaults are pinned too, because an id covers only what differs from them: another default under the same id would make
every committed record another run's. `python tests/experiments/test_catalogue.py` writes the golden files anew, after a run or
a field was added or a family's train_version raised.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modaddlab.errors import LabError
from modaddlab.experiments import catalogue
from modaddlab.experiments.spec import DEFAULT_KIND, RunSpec, flatten
from modaddlab.models.registry import KINDS, TransformerSpec

GOLDEN = Path(__file__).parent.parent / "golden"


def run_ids() -> dict[str, str]:
    return {name: spec.run_id for name, spec in catalogue.RUNS.items()}


def test_the_ids_are_pinned() -> None:
    assert run_ids() == json.loads((GOLDEN / "run_ids.json").read_text())


def defaults() -> dict[str, Any]:
    runs = {kind: flatten(RunSpec(model=cls()).to_dict()) for kind, cls in KINDS.items() if kind != DEFAULT_KIND}
    models = {f"{kind} {name}": run[name] for kind, run in runs.items() for name in run if name.startswith("model.")}
    versions = {f"{kind} train_version": cls().train_version for kind, cls in KINDS.items()}
    return versions | flatten(RunSpec().to_dict()) | models


def test_the_defaults_are_pinned() -> None:
    """A default that changes needs a new train_version; a new field may come, with a default that keeps the old behaviour."""
    assert defaults() == json.loads((GOLDEN / "defaults.json").read_text())


def test_every_family_of_networks_has_a_named_run() -> None:
    assert {spec.model.kind for spec in catalogue.RUNS.values()} == set(KINDS)
    for kind, cls in KINDS.items():
        assert catalogue.nearest(RunSpec(name="mine", model=cls())).model.kind == kind


def test_names_ids_and_purposes_are_complete() -> None:
    assert list(catalogue.RUNS) == list(catalogue.PURPOSES)
    assert all(name == spec.name for name, spec in catalogue.RUNS.items())
    assert len({run_id.rpartition("-")[2] for run_id in run_ids().values()}) == len(catalogue.RUNS)
    assert all(purpose and "\n" not in purpose and len(purpose) < 100 for purpose in catalogue.PURPOSES.values())


def test_the_mainline_is_the_published_setup() -> None:
    """Nanda et al. 2023, section 3: p = 113, 30 %, one layer, d = 128, 4 heads of 32, 512 ReLU neurons, AdamW, decay 1."""
    spec = catalogue.named("mainline")
    assert (spec.task.operation, spec.task.p, spec.task.train_frac, spec.seed) == ("add", 113, 0.3, 0)
    model = spec.model
    assert isinstance(model, TransformerSpec)
    assert (model.n_layers, model.d_model, model.n_heads, model.d_head, model.d_mlp) == (1, 128, 4, 32, 512)
    assert (model.activation, model.layer_norm, model.dropout) == ("relu", False, 0)
    optim = spec.optim
    assert (optim.optimizer, optim.lr, optim.weight_decay, optim.beta1, optim.beta2) == ("adamw", 1e-3, 1.0, 0.9, 0.98)
    assert (optim.batch_size, spec.steps, spec.loss_dtype) == (None, 40_000, "float64")


@pytest.mark.parametrize("p", [53, 71])
def test_the_failed_runs_and_their_cure_differ_in_decay_alone(p: int) -> None:
    failed, cured = catalogue.named(f"p{p}-wd1").changes(), catalogue.named(f"p{p}-wd5").changes()
    assert failed | {"optim.weight_decay": 5.0} == cured
    assert failed["task.p"] == p


def test_another_seed_is_another_run() -> None:
    assert catalogue.named("mainline", seed=7).seed == 7
    assert catalogue.named("mainline", seed=7).run_id != catalogue.named("mainline").run_id
    assert catalogue.named("mainline", seed=0) == catalogue.named("mainline")


def test_an_unknown_name_says_the_nearest_and_where_all_are() -> None:
    with pytest.raises(LabError, match=r"unknown run 'maneline'; did you mean mainline\b.*\? python -m modaddlab.train --list"):
        catalogue.named("maneline")


if __name__ == "__main__":
    (GOLDEN / "run_ids.json").write_text(json.dumps(run_ids(), indent=1) + "\n")
    (GOLDEN / "defaults.json").write_text(json.dumps(defaults(), indent=1) + "\n")
