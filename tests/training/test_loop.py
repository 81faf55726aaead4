"""The training loop: the same curve as the plain step, resumption to the same bits, and what it refuses."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from modaddlab import Study, rows
from modaddlab.errors import LabError
from modaddlab.experiments.spec import OptimSpec, RecordSpec, RunSpec, TaskSpec
from modaddlab.models.registry import TransformerSpec, TwoLayerSpec
from modaddlab.store.content import check_metrics
from modaddlab.store.store import Store
from modaddlab.training import device, loop, machine
from modaddlab.training.steps.batches import TrainingSet
from modaddlab.training.steps.plain import PlainStep

TINY = RunSpec(
    name="tiny",
    task=TaskSpec(p=7, train_frac=0.6),
    model=TransformerSpec(d_model=8, n_heads=2, d_head=4, d_mlp=12),
    record=RecordSpec(metrics_every=5, snapshots=4, snapshot_dtype="float32"),
    steps=60,
)
VARIANTS = {
    "one layer": TINY,
    "two layers, layer norm": dataclasses.replace(
        TINY, model=TransformerSpec(d_model=8, n_heads=2, d_head=4, d_mlp=12, n_layers=2, layer_norm=True)
    ),
    "dropout": dataclasses.replace(TINY, model=TransformerSpec(d_model=8, n_heads=2, d_head=4, d_mlp=12, dropout=0.3)),
    "minibatches": dataclasses.replace(TINY, optim=OptimSpec(batch_size=8)),
    "sgd": dataclasses.replace(TINY, optim=OptimSpec(optimizer="sgd", lr=0.1, weight_decay=0.01)),
    "l1, float32 loss": dataclasses.replace(TINY, optim=OptimSpec(l1=1e-3), loss_dtype="float32"),
    "muon, slow gradients": dataclasses.replace(
        TINY, optim=OptimSpec(optimizer="muon", gradient="grokfast-window", grokfast_steps=7)
    ),
    "adam, constant norm, slow gradients": dataclasses.replace(
        TINY,
        model=TwoLayerSpec(d_mlp=12),
        optim=OptimSpec(optimizer="adam", gradient="grokfast-average", constant_norm=True, weight_decay=0.1),
    ),
    "two-layer network": dataclasses.replace(TINY, model=TwoLayerSpec(d_mlp=12)),
    "two-layer network, learned embedding, sgd": dataclasses.replace(
        TINY,
        model=TwoLayerSpec(d_mlp=12, d_model=8, activation="quad"),
        optim=OptimSpec(optimizer="sgd", lr=0.1, weight_decay=0.0),
    ),
}
GOLDEN = Path(__file__).parent.parent / "golden" / "tiny_curve.json"


def stop_at(step: int):
    """An observer and a question that together stop a run once it has shown that step."""
    seen: list[int] = []
    return (lambda status: seen.append(status.step)), (lambda: bool(seen) and seen[-1] >= step)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_stopped_run_ends_with_the_same_bits(variant: str, tmp_path: Path) -> None:
    spec = VARIANTS[variant]
    whole = loop.train(spec, Store(tmp_path / "whole"), threads=1)
    store = Store(tmp_path / "stopped")
    for step in (5, 25, 40):
        observe, should_stop = stop_at(step)
        with pytest.raises(loop.Interrupted, match="the same command goes on"):
            loop.train(spec, store, threads=1, observe=observe, should_stop=should_stop)
        assert store.find(spec) is None
    resumed = loop.train(spec, store, threads=1)

    assert resumed.metrics.keys() == whole.metrics.keys()
    for name, values in whole.metrics.items():
        np.testing.assert_array_equal(resumed.metrics[name], values, err_msg=name)
    for name, values in whole.final.items():
        np.testing.assert_array_equal(resumed.final[name], values, err_msg=name)
    np.testing.assert_array_equal(resumed.snapshot_steps, [0, 15, 30, 60])
    for step in whole.snapshot_steps:
        for name, values in whole.snapshot(step).items():
            np.testing.assert_array_equal(resumed.snapshot(step)[name], values)


UNTIL = {
    name: dataclasses.replace(
        spec,
        task=TaskSpec(p=7, train_frac=0.9),
        optim=OptimSpec(lr=1e-2, weight_decay=2.0),
        record=RecordSpec(metrics_every=5),
        steps=600,
        seed=2,
        grokked_for=28,
    )
    for name, spec in {
        "transformer": dataclasses.replace(TINY, model=TransformerSpec(d_model=16, n_heads=2, d_head=8, d_mlp=32)),
        "two-layer network": dataclasses.replace(TINY, model=TwoLayerSpec(d_mlp=64, init_scale=1.0)),
    }.items()
}


@pytest.mark.parametrize("network", UNTIL)
def test_a_run_ends_when_it_has_grokked_for_long_enough(network: str, tmp_path: Path) -> None:
    spec = UNTIL[network]
    whole = loop.train(dataclasses.replace(spec, grokked_for=None), Store(tmp_path / "whole"), threads=1).metrics
    store, shown = Store(tmp_path), list[tuple[int, int]]()
    since, stops = Study(loop.train(spec, Store(tmp_path / "alone"), threads=1)).phases.sustained, []
    assert since is not None
    for step in (10, since, since + 10, since + 30):  # before it groks, then, while it holds, at the last row
        observe, should_stop = stop_at(step)
        with contextlib.suppress(loop.Interrupted):
            loop.train(spec, store, threads=1, observe=observe, should_stop=should_stop)
        stops.append(store.partial(spec).newest_step())
    assert stops == [11, since + 1, since + 11, None]
    record = loop.train(spec, store, observe=lambda status: shown.append((status.step, status.steps)))
    assert not shown  # it was there

    n_rows = len(record.metrics["step"])
    assert record.metrics["step"][-1] == since + 30  # the first row at least 28 steps later
    for name, values in record.metrics.items():
        np.testing.assert_array_equal(values, whole[name][:n_rows], err_msg=name)
    assert (whole["test_accuracy"][n_rows - 7 : n_rows] >= 0.95).all()
    assert rows.contradictions(spec, record.metrics, -1, record.final) == []

    loop.train(spec, store, threads=1, force=True, observe=lambda status: shown.append((status.step, status.steps)))
    assert shown[-1] == (since + 30, since + 30)
    assert shown[0][1] == 600
    for n in (n_rows - 1, n_rows + 1):  # a curve that ends elsewhere is not this run's
        with pytest.raises(LabError, match="rows"):
            check_metrics(spec, {name: values[:n] for name, values in whole.items()})


def test_a_run_that_does_not_grok_has_all_its_steps(tmp_path: Path) -> None:
    spec = dataclasses.replace(UNTIL["transformer"], steps=23)
    assert loop.train(spec, Store(tmp_path), threads=1).metrics["step"].tolist() == [0, 5, 10, 15, 20, 23]


def test_a_state_after_the_last_step_is_put_in_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec, store = UNTIL["two-layer network"], Store(tmp_path)
    with monkeypatch.context() as broken:
        broken.setattr(Store, "publish", lambda *arguments, **options: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            loop.train(spec, store, threads=1)
    lines, shown = list[str](), list[int]()
    record = loop.train(spec, store, threads=1, notify=lines.append, observe=lambda status: shown.append(status.step))
    assert "all steps were done" in lines[0]
    assert not shown
    assert record.digest == loop.train(spec, Store(tmp_path / "whole"), threads=1).digest


def test_a_small_network_takes_one_thread_and_gives_the_others_back(tmp_path: Path, one_thread: None) -> None:
    torch.set_num_threads(2)
    assert loop.train(TINY, Store(tmp_path)).provenance["threads"] == 1
    assert torch.get_num_threads() == 2
    for spec, n, expected in ((TINY, None, 1), (TINY, 2, 2), (RunSpec(), None, 2), (RunSpec(), 1, 1)):
        with machine.threads(spec, n):
            assert torch.get_num_threads() == expected
    assert torch.get_num_threads() == 2


def test_a_run_goes_on_with_the_threads_that_it_began_with_or_says_so(tmp_path: Path, one_thread: None) -> None:
    for asked, said, provenance in ((None, "step 6 of 60", {"threads": 2}), (1, "1 instead of 2 threads", {"threads": 1})):
        store, lines = Store(tmp_path / str(asked)), list[str]()
        observe, should_stop = stop_at(5)
        with pytest.raises(loop.Interrupted):
            loop.train(TINY, store, threads=2, observe=observe, should_stop=should_stop)
        found = loop.train(TINY, store, threads=asked, notify=lines.append).provenance
        assert said in lines[0]
        assert ("instead" in lines[0]) is (asked is not None)
        assert {key: found[key] for key in found if "threads" in key} == provenance | ({"threads_before": [2]} if asked else {})


def test_a_killed_run_ends_with_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = loop.train(TINY, Store(tmp_path / "whole"), threads=1)
    program = (
        "import sys, time; from pathlib import Path; sys.path.insert(0, 'tests/training')\n"
        "from test_loop import TINY; from modaddlab.training import loop; from modaddlab.store.store import Store\n"
        "loop.SAVE_SECONDS = 0.0\n"
        "loop.train(TINY, Store(Path(sys.argv[1])), threads=1,\n"
        "           observe=lambda s: (print(s.step, flush=True), time.sleep(600 if s.step >= 20 else 0)))"
    )
    root = Path(loop.__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "killed")], stdout=subprocess.PIPE, text=True, cwd=root
    )
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            if int(line) >= 20:
                process.kill()
                break
    process.wait()
    lines: list[str] = []
    resumed = loop.train(TINY, Store(tmp_path / "killed"), threads=1, notify=lines.append)
    assert any("going on from step" in line for line in lines)
    for name, values in whole.final.items():
        np.testing.assert_array_equal(resumed.final[name], values, err_msg=name)


def test_the_fast_run_follows_the_plain_step(tmp_path: Path) -> None:
    record = loop.train(TINY, Store(tmp_path), threads=1)
    initial = record.snapshot(0)
    params = {name: torch.nn.Parameter(torch.tensor(value)) for name, value in initial.items()}
    data = TrainingSet(TINY, torch.device("cpu"))
    pairs, labels = data.pairs[data.train], data.labels[data.train]
    plain = PlainStep(TINY.model, TINY.task.p, pairs, labels)
    optimizer = torch.optim.AdamW(params.values(), lr=1e-3, betas=(0.9, 0.98), weight_decay=1.0)
    losses = []
    for step in range(TINY.steps + 1):
        grads = {name: torch.empty_like(value) for name, value in params.items()}
        losses.append(plain.gradients(params, grads).item())
        for name, param in params.items():
            param.grad = grads[name]
        optimizer.param_groups[0]["lr"] = 1e-3 * min(step / 10, 1)
        if step < TINY.steps:
            optimizer.step()
    np.testing.assert_allclose(record.metrics["objective"], losses[::5], rtol=2e-5)
    for name, values in record.final.items():
        np.testing.assert_allclose(values, params[name].detach(), atol=2e-5, err_msg=name)


def test_the_golden_curve_holds(tmp_path: Path) -> None:
    """Fails when the arithmetic of training changes: then raise the family's train_version and train its records again."""
    golden = json.loads(GOLDEN.read_text())
    assert {name: spec.run_id for name, spec in VARIANTS.items()} == golden["run_ids"]
    for name, spec in VARIANTS.items():
        objective = loop.train(spec, Store(tmp_path), threads=1).metrics["objective"]
        np.testing.assert_allclose(objective, golden["objective"][name], rtol=1e-4, err_msg=name)


def test_an_existing_record_is_not_trained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    first = loop.train(TINY, store, threads=1)
    calls: list[int] = []
    monkeypatch.setattr(loop._Training, "advance", lambda training: calls.append(training.block.step))
    again = loop.train(TINY, store, threads=1)
    assert calls == []
    assert again.provenance == first.provenance


def test_force_trains_again_from_the_start(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first = loop.train(TINY, store, threads=1)
    time.sleep(1.1)  # the provenance has whole seconds
    second = loop.train(TINY, store, threads=1, force=True)
    assert second.provenance["finished"] > first.provenance["finished"]
    np.testing.assert_array_equal(second.final["embed.W_E"], first.final["embed.W_E"])


def test_a_diverging_run_is_one_clear_line(tmp_path: Path) -> None:
    spec = dataclasses.replace(TINY, optim=OptimSpec(optimizer="sgd", lr=10.0, weight_decay=100.0), steps=500)
    with pytest.raises(LabError, match=r"tiny-.* diverged before step .* smaller optim.lr"):
        loop.train(spec, Store(tmp_path), threads=1)


@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_a_missing_gpu_is_one_clear_line(name: str, tmp_path: Path) -> None:
    if torch.cuda.is_available() if name == "cuda" else torch.backends.mps.is_available():
        pytest.skip("there is such a device")
    with pytest.raises(LabError, match=f"no {name.upper()} device"):
        loop.train(TINY, Store(tmp_path), device=name)


def test_a_device_without_float64_asks_for_a_loss_that_needs_none() -> None:
    with pytest.raises(LabError, match="loss_dtype=log1p"):
        device.require_precision("mps", TINY.loss_dtype)
    device.require_precision("mps", "log1p")
    device.require_precision("cuda", "float64")


def test_without_test_pairs_the_test_metrics_are_nan(tmp_path: Path) -> None:
    spec = dataclasses.replace(TINY, task=TaskSpec(p=7, train_frac=1.0), steps=5)
    metrics = loop.train(spec, Store(tmp_path), threads=1).metrics
    assert np.isnan(metrics["test_loss"]).all()
    assert np.isfinite(metrics["train_loss"]).all()


def write_golden() -> None:
    """Run this file as a program to write the golden curve anew."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        curves = {
            name: loop.train(spec, Store(Path(folder)), threads=1).metrics["objective"].tolist()
            for name, spec in VARIANTS.items()
        }
    content = {"run_ids": {name: spec.run_id for name, spec in VARIANTS.items()}, "objective": curves}
    GOLDEN.write_text(json.dumps(content, indent=1) + os.linesep)


if __name__ == "__main__":
    write_golden()
