"""The benchmark of replicas on tiny networks; no assertion on time."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest
import torch

from benchmarks import replicas
from modaddlab.experiments.spec import RecordSpec, RunSpec, TaskSpec
from modaddlab.models.registry import TransformerSpec, TwoLayerSpec

TINY = RunSpec(
    name="tiny",
    task=TaskSpec(p=7, train_frac=0.5),
    model=TwoLayerSpec(d_mlp=10),
    record=RecordSpec(metrics_every=2),
    steps=7200,
)


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("model", [TINY.model, TransformerSpec(d_model=8, n_heads=2, d_head=4, d_mlp=10)])
def test_a_network_is_measured(model: TwoLayerSpec | TransformerSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"STRETCH": 3, "PLAIN_BLOCK": 1, "SMALL_FACTOR": 1}.items():
        monkeypatch.setattr(replicas, name, value)
    said: list[str] = []
    spec = dataclasses.replace(TINY, model=model)
    timing = replicas.measure("tiny", spec, 3, 2, 0.0, said.append, warm_steps=1)
    assert (timing.network, timing.n_replicas, timing.threads, timing.steps) == ("tiny", 3, 2, 7200)
    assert len(timing.alone) == len(timing.batch) == len(timing.plain) == 3
    assert min(*timing.alone, *timing.batch, *timing.plain) > 0
    assert any("stretch 3" in line for line in said)


def test_the_table_holds_rates_and_the_paired_ratios() -> None:
    timing = replicas.Timing(
        network="mlp",
        n_replicas=8,
        threads=2,
        steps=7200,
        alone=[0.002, 0.001, 0.004],
        batch=[0.001, 0.0004, 0.0005],
        plain=[0.02, 0.01, 0.002],
    )
    header, rule, row = replicas.table([timing]).splitlines()
    assert header.count("|") == rule.count("|") == row.count("|") == 10
    assert row == "| mlp | 8 | 2 | 100 | 500 | 2,000 | 1,000 against 250 | **20** | **2.5** |"


@pytest.mark.parametrize(("arguments", "names"), [([], replicas.USUAL), (["--all"], replicas.NETWORKS)])
def test_what_takes_long_is_measured_on_demand(
    arguments: list[str], names: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[str] = []

    def note(network: str, *others: object, **options: object) -> replicas.Timing:
        measured.append(network.partition(", shared")[0])
        return replicas.Timing(network=network, n_replicas=8, threads=1, steps=1, alone=[1.0], batch=[1.0], plain=[1.0])

    monkeypatch.setattr(replicas, "measure", note)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert replicas.main(arguments) == 0
    assert set(measured) == set(names)
