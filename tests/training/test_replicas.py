"""Replicas in a batch: equal to runs alone to rounding, resumed to the same bits, independent of their companions."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from test_loop import UNTIL

from modaddlab import rows
from modaddlab.errors import LabError
from modaddlab.experiments.spec import OptimSpec, RecordSpec, RunSpec, TaskSpec
from modaddlab.models.network import Activation
from modaddlab.models.registry import TransformerSpec, TwoLayerSpec
from modaddlab.store.record import Record
from modaddlab.store.store import Store
from modaddlab.training import loop
from modaddlab.training.blocks import group, is_compiled, parts
from modaddlab.training.loop import Interrupted, Status, train_together

ROOT = Path(loop.__file__).parents[2]
TINY = RunSpec(
    name="tiny",
    task=TaskSpec(p=11, train_frac=0.7),
    model=TwoLayerSpec(d_mlp=24, init_scale=2.0),
    optim=OptimSpec(lr=1e-3),
    record=RecordSpec(metrics_every=5, snapshots=3, snapshot_dtype="float32"),
    steps=60,
)
TRANSFORMER = TransformerSpec(d_model=8, n_heads=2, d_head=4, d_mlp=12)
SGD = OptimSpec(optimizer="sgd", lr=0.1, weight_decay=0.01)
VARIANTS = {
    "relu": TINY,
    "gelu, half of the pairs": dataclasses.replace(
        TINY, task=TaskSpec(p=11, train_frac=0.5), model=TwoLayerSpec(d_mlp=24, activation="gelu", init_scale=2.0)
    ),
    "quad, all pairs, sgd": dataclasses.replace(
        TINY, task=TaskSpec(p=11, train_frac=1.0), model=TwoLayerSpec(d_mlp=20, activation="quad", init_scale=2.0), optim=SGD
    ),
    "identity, even modulus": dataclasses.replace(
        TINY, task=TaskSpec(p=10, train_frac=0.3), model=TwoLayerSpec(d_mlp=20, activation="id", init_scale=2.0)
    ),
    "learned embedding, differences": dataclasses.replace(
        TINY, task=TaskSpec(operation="subtract", p=11, train_frac=0.6), model=TwoLayerSpec(d_mlp=24, d_model=6, init_scale=1.0)
    ),
    "float32 loss, random answers": dataclasses.replace(
        TINY, task=TaskSpec(operation="random", p=11, train_frac=0.6), loss_dtype="float32"
    ),
    "without energies": dataclasses.replace(TINY, record=RecordSpec(metrics_every=7, energies=False, weights="none")),
    "transformer": dataclasses.replace(TINY, task=TaskSpec(p=7, train_frac=0.6), model=TRANSFORMER),
    "deep transformer, sgd": dataclasses.replace(
        TINY,
        task=TaskSpec(p=7, train_frac=0.6),
        model=dataclasses.replace(TRANSFORMER, n_layers=2, layer_norm=True, predict_equals=False),
        optim=dataclasses.replace(SGD, lr=0.01),
        steps=20,
    ),
}


pytestmark = pytest.mark.usefixtures("one_thread", "compiled_loops")


def several(spec: RunSpec, n: int = 3) -> list[RunSpec]:
    """Runs that differ in the seed and, every other one, in the optimizer's numbers."""
    other = dataclasses.replace(spec.optim, lr=spec.optim.lr / 2, weight_decay=0.5, beta1=0.8, beta2=0.95, warmup_steps=0)
    return [dataclasses.replace(spec, seed=seed, optim=(spec.optim, other)[seed % 2]) for seed in range(n)]


def stop_at(step: int):
    """An observer and a question that together stop a batch once it has shown that step."""
    seen: list[int] = []
    return (lambda status: seen.append(status.step)), (lambda: bool(seen) and seen[-1] >= step)


def assert_same_bits(found: Sequence[Record], expected: Sequence[Record]) -> None:
    for one, other in zip(found, expected, strict=True):
        assert one.run_id == other.run_id
        assert one.digest == other.digest


def assert_close(one: Record, other: Record, rtol: float = 2e-5) -> None:
    assert list(one.metrics) == list(other.metrics)
    for name, values in one.metrics.items():
        assert values.dtype == other.metrics[name].dtype
        np.testing.assert_allclose(values, other.metrics[name], rtol=rtol, atol=1e-7, err_msg=name)
    assert one.kept.keys() == other.kept.keys()
    for name, values in one.kept.items():
        np.testing.assert_allclose(values, other.kept[name], atol=2e-5, err_msg=name)
    assert one.snapshot_steps.tolist() == other.snapshot_steps.tolist()
    for step in one.snapshot_steps:
        for name, values in one.snapshot(step).items():
            np.testing.assert_allclose(values, other.snapshot(step)[name], atol=2e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_replicas_equal_runs_alone(variant: str, tmp_path: Path) -> None:
    specs = several(VARIANTS[variant])
    together = train_together(specs, Store(tmp_path / "together"), threads=1)
    for spec, record in zip(specs, together, strict=True):
        alone = loop.train(spec, Store(tmp_path / "alone"), threads=1)
        assert (record.spec, record.run_id) == (spec, alone.run_id)
        assert_same_bits([record], [alone])
        assert record.provenance.keys() - alone.provenance.keys() == {"replicas"}
        assert ("numba" in record.provenance) == is_compiled(spec, "cpu")
        assert (record.provenance["replicas"], record.provenance["threads"]) == (3, 1)
        assert record.metrics["objective"][-1] < 0.9999 * record.metrics["objective"][0]  # it did learn


@pytest.mark.parametrize("variant", ["relu", "learned embedding, differences", "quad, all pairs, sgd", "transformer"])
def test_a_stopped_batch_ends_with_the_same_bits(variant: str, tmp_path: Path) -> None:
    specs = several(VARIANTS[variant])
    whole = train_together(specs, Store(tmp_path / "whole"), threads=1)
    store, lines = Store(tmp_path / "stopped"), []
    for step in (5, 25, 40):
        observe, should_stop = stop_at(step)
        with pytest.raises(Interrupted, match="the same command goes on"):
            train_together(specs, store, threads=1, observe=observe, should_stop=should_stop, notify=lines.append)
    assert any("go on from a saved state" in line for line in lines)
    assert_same_bits(train_together(specs, store, threads=1), whole)
    assert not list((store.data / "partial").glob("*/"))


def test_a_killed_batch_ends_with_the_same_bits(tmp_path: Path) -> None:
    specs = several(VARIANTS["gelu, half of the pairs"])  # nothing is to be compiled in the other process
    whole = train_together(specs, Store(tmp_path / "whole"), threads=1)
    program = (
        "import sys, time; from pathlib import Path; sys.path.insert(0, 'tests/training')\n"
        "from test_replicas import VARIANTS, several; from modaddlab.training.loop import train_together\n"
        "from modaddlab.store.store import Store\n"
        "train_together(several(VARIANTS['gelu, half of the pairs']), Store(Path(sys.argv[1])), threads=1, save_seconds=0.0,\n"
        "               observe=lambda s: (print(s.step, flush=True), time.sleep(600 if s.step >= 20 else 0)))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "killed")], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            if int(line) >= 20:
                process.kill()
                break
    process.wait()
    lines: list[str] = []
    resumed = train_together(specs, Store(tmp_path / "killed"), threads=1, notify=lines.append)
    assert any("go on from a saved state" in line for line in lines)
    assert_same_bits(resumed, whole)


@pytest.mark.parametrize(("d_mlp", "activation"), [(24, "relu"), (270, "quad")])
def test_the_bits_depend_neither_on_companions_nor_on_threads(d_mlp: int, activation: Activation, tmp_path: Path) -> None:
    specs = several(dataclasses.replace(TINY, model=TwoLayerSpec(d_mlp=d_mlp, activation=activation, init_scale=1.0)), n=8)
    expected = train_together(specs, Store(tmp_path / "all"), threads=1)
    assert_same_bits(train_together(specs, Store(tmp_path / "threads"), threads=3), expected)
    assert_same_bits(train_together(specs[::-1], Store(tmp_path / "reversed"), threads=1), expected[::-1])
    assert_same_bits([loop.train(specs[3], Store(tmp_path / "by itself"), threads=2)], expected[3:4])


def test_either_takes_up_what_the_other_began(tmp_path: Path) -> None:
    specs = several(TINY)
    expected = [loop.train(spec, Store(tmp_path / "alone"), threads=1) for spec in specs]
    store = Store(tmp_path / "mixed")
    observe, should_stop = stop_at(20)
    with pytest.raises(Interrupted):  # one run is at a later step than the others, and at no row of metrics
        loop.train(specs[0], store, threads=1, observe=observe, should_stop=should_stop)
    observe, should_stop = stop_at(30)
    lines: list[str] = []
    with pytest.raises(Interrupted):
        train_together(specs, store, threads=1, observe=observe, should_stop=should_stop, notify=lines.append)
    assert lines[0] == "1 of 3 replicas go on from a saved state"
    i = next(i for i, spec in enumerate(specs) if store.find(spec) is None and store.partial(spec).newest_step())
    assert_close(loop.train(specs[i], store, threads=1, notify=lines.append), expected[i])
    assert "going on from step" in lines[-1]
    for record, other in zip(train_together(specs, store, threads=1), expected, strict=True):
        assert_close(record, other)


def test_what_is_trained_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    specs, store = several(TINY), Store(tmp_path)
    first = loop.train(specs[2], store, threads=1)
    seen: list[Status] = []
    together = train_together([*specs, specs[2]], store, threads=1, observe=seen.append)
    assert together[2].provenance == first.provenance
    assert len(together) == 3
    assert (seen[-1].step, seen[-1].steps) == (60, 60)
    assert [status.step for status in seen] == sorted(status.step for status in seen)
    assert seen[-1].row["train_loss"] in [record.metrics["train_loss"][-1] for record in together]
    monkeypatch.setattr(loop._Training, "advance", lambda training: pytest.fail("trained again"))
    assert [record.provenance for record in train_together(specs, store)] == [record.provenance for record in together]


def test_a_record_is_announced_when_it_is_in_the_store(tmp_path: Path) -> None:
    specs, store = several(TINY, 6), Store(tmp_path)
    loop.train(specs[4], store, threads=1)
    seen: list[str] = []

    def published(record: Record) -> None:
        assert store.open(record.spec).digest == record.digest
        seen.append(record.run_id)

    steps: list[tuple[int, int]] = []
    train_together(specs, store, threads=1, published=published, observe=lambda status: steps.append((status.step, len(seen))))
    assert sorted(seen) == sorted(spec.run_id for spec in specs)
    assert seen[0] == specs[4].run_id
    assert {n for _, n in steps} == {1, 2, 3, 4, 5}  # one core trains one after the other
    assert steps[-1][0] == 60
    assert all(step < 60 for step, _ in steps[:-1])


def test_force_trains_again_from_the_start(tmp_path: Path) -> None:
    specs, store = several(TINY, 2), Store(tmp_path)
    first = train_together(specs, store, threads=1)
    seen: list[int] = []
    again = train_together(specs, store, threads=1, force=True, observe=lambda status: seen.append(status.step))
    assert len(seen) == 26  # rows at steps 0, 5, ..., 60 of each
    assert_same_bits(again, first)


def test_two_at_once_train_a_batch_once(tmp_path: Path) -> None:
    """The lock of a run is a file's: it keeps two threads apart as it does two processes, in whichever order they ask."""
    specs, steps = several(TINY), list[int]()
    with ThreadPoolExecutor(2) as pool:
        orders = [
            pool.submit(train_together, order, Store(tmp_path), threads=1, observe=lambda status: steps.append(status.step))
            for order in (specs, specs[::-1])
        ]
        assert_same_bits(orders[0].result(), orders[1].result()[::-1])
    assert len(steps) == 39  # rows at steps 0, 5, ..., 60 of each


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (dataclasses.replace(TINY, steps=61), r"steps is 60 of tiny-\w+ and 61 of tiny-\w+"),
        (dataclasses.replace(TINY, task=TaskSpec(p=13, train_frac=0.5)), "task.p is 11 of"),
        (dataclasses.replace(TINY, task=TaskSpec(p=11, train_frac=0.5)), r"pairs \(task.train_frac\) is 84 of"),
        (dataclasses.replace(TINY, model=TwoLayerSpec(d_mlp=25, init_scale=2.0)), "model.d_mlp is 24 of"),
        (dataclasses.replace(TINY, model=TRANSFORMER), "the kind of network is two-layer of"),
        (dataclasses.replace(TINY, optim=SGD), "optim.optimizer is adamw of"),
        (dataclasses.replace(TINY, record=RecordSpec(metrics_every=6)), "record.metrics_every is 5 of"),
        (dataclasses.replace(TINY, loss_dtype="float32"), "loss_dtype is float64 of"),
        (dataclasses.replace(TINY, optim=OptimSpec(batch_size=16)), "has optim.batch_size set"),
        (dataclasses.replace(TINY, optim=OptimSpec(l1=1e-3)), "has optim.l1 set"),
        (dataclasses.replace(TINY, optim=OptimSpec(optimizer="muon")), "has an update rule besides AdamW and SGD"),
        (dataclasses.replace(TINY, model=dataclasses.replace(TRANSFORMER, dropout=0.1)), "has model.dropout set"),
    ],
)
def test_another_shape_is_refused_by_the_field_that_differs(other: RunSpec, message: str, tmp_path: Path) -> None:
    with pytest.raises(LabError, match=message):
        train_together([TINY, other], Store(tmp_path))
    assert len(group([TINY, other, dataclasses.replace(TINY, seed=1)])) == 2


def test_runs_are_grouped_by_shape() -> None:
    wide = dataclasses.replace(TINY, model=TwoLayerSpec(d_mlp=48))
    dropout = [dataclasses.replace(TINY, model=dataclasses.replace(TRANSFORMER, dropout=0.1), seed=seed) for seed in (0, 1)]
    mixed = [TINY, wide, *several(TINY)[1:], *dropout, TINY]
    assert group(mixed) == [several(TINY), [wide], [dropout[0]], [dropout[1]]]
    assert [len(batch) for batch in group(mixed, most=2)] == [2, 1, 1, 1, 1]
    assert group([]) == []


def test_on_a_gpu_those_at_one_step_are_computed_together() -> None:
    assert parts([0, 20, 0, 20, 7], "cuda") == [[0, 2], [1, 3], [4]]
    assert parts([0, 20, 0], "cpu") == [[0], [1], [2]]


@pytest.mark.parametrize("network", ["two-layer network", "transformer"])
def test_replicas_end_when_they_have_grokked(network: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each at its own step, also where they are computed as one stack."""
    specs = [dataclasses.replace(UNTIL[network], seed=seed, steps=150) for seed in (2, 1)]
    alone = [loop.train(spec, Store(tmp_path / "alone"), threads=1) for spec in specs]
    together = train_together(specs, Store(tmp_path / "together"), threads=1)
    monkeypatch.setattr(loop, "parts", lambda steps, device: parts(steps, "cuda"))
    stacked = train_together(specs, Store(tmp_path / "stacked"), threads=1)
    for one, *others in zip(alone, together, stacked, strict=True):
        for other in others:
            assert other.metrics["step"].tolist() == one.metrics["step"].tolist()
            assert rows.contradictions(other.spec, other.metrics, -1, other.final) == []  # weights of that very step
    if network == "two-layer network":
        assert [record.metrics["step"][-1] for record in alone] == [alone[0].metrics["step"][-1], 150]
        assert alone[0].metrics["step"][-1] < 150


def test_one_replica_that_diverges_leaves_the_others_alone(tmp_path: Path) -> None:
    spec = dataclasses.replace(TINY, optim=OptimSpec(optimizer="sgd", lr=1e-3, weight_decay=0.0), steps=500)
    bad = dataclasses.replace(spec, seed=9, optim=OptimSpec(optimizer="sgd", lr=10.0, weight_decay=100.0))
    for model in (TINY.model, TRANSFORMER):
        one, two = (dataclasses.replace(each, model=model) for each in (spec, bad))
        store = Store(tmp_path / type(model).__name__)
        with pytest.raises(LabError, match=rf"{two.run_id} diverged before step .* optim.lr; the other 1 are in the store"):
            train_together([one, two], store, threads=1)
        assert store.find(two) is None
        assert_close(store.open(one), loop.train(one, Store(tmp_path / "alone"), threads=1), rtol=1e-4)


def test_a_missing_gpu_is_one_clear_line(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    with pytest.raises(LabError, match="no CUDA device"):
        train_together([TINY], Store(tmp_path), device="cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("variant", ["relu", "quad, all pairs, sgd", "transformer", "deep transformer, sgd"])
def test_the_gpu_trains_the_same_networks(variant: str, tmp_path: Path) -> None:
    specs = several(VARIANTS[variant])
    records = train_together(specs, Store(tmp_path / "gpu"), device="cuda")
    for spec, record in zip(specs, records, strict=True):
        assert_close(record, loop.train(spec, Store(tmp_path / "cpu"), threads=1), rtol=1e-3)
