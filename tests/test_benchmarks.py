"""The benchmark's machinery on a tiny network; no assertion on time."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import cast

import pytest
import torch

from benchmarks import steps
from modaddlab.experiments.spec import RunSpec, TaskSpec
from modaddlab.models.registry import TransformerSpec, TwoLayerSpec
from modaddlab.training.compiled import arrays
from modaddlab.training.compiled.block import CompiledBlock
from modaddlab.training.exact import ExactBlock

TINY = RunSpec(
    name="tiny",
    task=TaskSpec(p=11, train_frac=0.5),
    model=TransformerSpec(d_model=16, n_heads=2, d_head=8, d_mlp=24),
    steps=100,
)


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def short_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"OUR_BLOCK": 4, "PLAIN_BLOCK": 1, "SMALL_FACTOR": 1}.items():
        monkeypatch.setattr(steps, name, value)


TWO_LAYER = dataclasses.replace(TINY, model=TwoLayerSpec(d_mlp=20, init_scale=3.0))


@pytest.mark.parametrize("shared_passes", [False, True])
def test_the_plain_two_layer_step_trains_the_same_network(shared_passes: bool) -> None:
    run = steps.warmed_up("tiny", TWO_LAYER, lambda line: None, n_steps=15)
    plain = steps.PlainTraining(run.spec, run.weights(), shared_passes=shared_passes)
    block = cast(CompiledBlock, run.block)
    [row] = block.measure()
    train_loss, test_loss = plain.step()
    assert train_loss == pytest.approx(row["train_loss"], rel=1e-5)
    assert test_loss == pytest.approx(row["test_loss"], rel=1e-5)
    assert plain.accuracies == pytest.approx([row["train_accuracy"], row["test_accuracy"]])
    theta_PH, xi_PH = (torch.from_numpy(arrays.get(table, 11, 20)) for table in block.gradient)
    for name, grad in {"mlp.W_in": theta_PH, "mlp.W_out": xi_PH.T}.items():
        found = plain.params[name].grad
        assert found is not None
        torch.testing.assert_close(found, grad, rtol=1e-4, atol=1e-6)
    losses = [plain.step()[0] for _ in range(50)]
    assert losses[-1] < losses[0]


@pytest.mark.usefixtures("short_blocks")
def test_a_two_layer_network_is_measured() -> None:
    run = steps.warmed_up("tiny", TWO_LAYER, lambda line: None, n_steps=3)
    timing = steps.measure("tiny", run, 1, 0.0, lambda line: None, shared_passes=True)
    assert min(*timing.ours, *timing.plain) > 0


@pytest.mark.usefixtures("short_blocks")
@pytest.mark.parametrize("n_layers", [1, 2])
def test_a_network_is_measured(n_layers: int) -> None:
    spec = dataclasses.replace(TINY, model=dataclasses.replace(TINY.model, n_layers=n_layers))
    said: list[str] = []
    run = steps.warmed_up("tiny", spec, said.append, n_steps=3)
    timing = steps.measure("tiny", run, 1, 0.0, said.append)
    assert (timing.network, timing.p, timing.n_pairs, timing.threads) == ("tiny", 11, 60, 1)
    assert len(timing.ours) == len(timing.plain) == 3
    assert min(*timing.ours, *timing.plain) > 0
    assert "tiny: warm-up, step 3 of 3" in said
    assert any("threads 1: block 3" in line for line in said)
    assert torch.get_num_threads() == 1


def test_both_steps_train_the_same_network() -> None:
    run = steps.warmed_up("tiny", TINY, lambda line: None, n_steps=15)
    plain = steps.PlainTraining(run.spec, run.weights())
    block = cast(ExactBlock, run.block)
    [row] = block.measure()
    train_loss, test_loss = plain.step()
    assert train_loss == pytest.approx(row["objective"], rel=1e-5)
    assert test_loss > float(row["test_loss"]) > 0  # p + 1 outputs against p
    for name, grad in block.grads.items():
        torch.testing.assert_close(plain.grads[name], grad, rtol=1e-4, atol=1e-6)
    losses = [plain.step()[0] for _ in range(50)]
    assert losses[-1] < losses[0]


def test_the_table_holds_medians_ranges_and_the_paired_ratio() -> None:
    timing = steps.Timing(
        network="one layer",
        p=113,
        n_pairs=3830,
        threads=2,
        ours=[0.030, 0.040, 0.060],
        plain=[0.300, 0.480, 0.540],
    )
    assert timing.ratio == pytest.approx(10)
    header, rule, row = steps.table([timing]).splitlines()
    assert header.count("|") == rule.count("|") == row.count("|") == 6
    assert row == "| one layer, p = 113, 3,830 pairs | 2 | 40.0 (30.0 to 60.0) | 480.0 (300.0 to 540.0) | **10.0** |"


@pytest.mark.parametrize(("arguments", "names"), [([], steps.USUAL), (["--all"], steps.NETWORKS)])
def test_what_takes_long_is_measured_on_demand(
    arguments: list[str], names: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: dict[str, int] = {}

    def note(network: str, run: object, threads: int, *others: object, **options: object) -> steps.Timing:
        measured[network.partition(", shared")[0]] = threads
        return steps.Timing(network=network, p=23, n_pairs=1, threads=1, ours=[1.0], plain=[2.0])

    monkeypatch.setattr(steps, "measure", note)
    monkeypatch.setattr(steps, "warmed_up", lambda *others: None)
    monkeypatch.setattr(steps, "peak_memory_mb", lambda *others: 0)
    assert steps.main(arguments) == 0
    assert set(measured) == set(names)
    assert (measured["one layer"], measured["two-layer network"]) == (2, 1)  # a small network takes one thread
