"""The compiled step: shapes that fill no tile or vector, the space around the weights, updates, losses near 0 and far off; the
code that is kept."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any, Literal

import numba
import numpy as np
import pytest
import torch

from modaddlab import paths
from modaddlab.experiments.spec import OptimSpec, RunSpec
from modaddlab.models.registry import TransformerSpec, TwoLayerSpec
from modaddlab.tasks import TaskSpec
from modaddlab.training.compiled import arrays, covers, kept, loops
from modaddlab.training.compiled.block import CompiledBlock
from modaddlab.training.optimizer import StackedOptimizer
from modaddlab.training.stack import Stack
from modaddlab.training.steps.batches import TrainingSet
from modaddlab.training.steps.plain import PlainStep

CPU = torch.device("cpu")
SHAPES = {
    "smallest": RunSpec(task=TaskSpec(p=2, train_frac=0.75), model=TwoLayerSpec(d_mlp=1, activation="id")),
    "most pairs, one group and a bit": RunSpec(task=TaskSpec(p=7, train_frac=0.9), model=TwoLayerSpec(d_mlp=21)),
    "even modulus, several parts": RunSpec(task=TaskSpec(p=16, train_frac=0.5), model=TwoLayerSpec(d_mlp=600, activation="quad")),
    "answers of differences": RunSpec(
        task=TaskSpec(operation="subtract", p=31, train_frac=1.0), model=TwoLayerSpec(d_mlp=257, init_scale=3.0)
    ),
    "random answers, float32 loss": RunSpec(
        task=TaskSpec(operation="random", p=9, train_frac=0.4), model=TwoLayerSpec(d_mlp=16, init_scale=1.0), loss_dtype="float32"
    ),
}
FAST = OptimSpec(lr=0.01, weight_decay=0.5, warmup_steps=3)

pytestmark = pytest.mark.usefixtures("one_thread", "compiled_loops")


def block_of(shape: str, optim: OptimSpec = FAST) -> CompiledBlock:
    return CompiledBlock(dataclasses.replace(SHAPES[shape], optim=optim))


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_and_losses_equal_the_plain_step_after_some_steps(shape: str) -> None:
    block, spec = block_of(shape), SHAPES[shape]
    block.steps(20)
    for table in block.gradient:
        table.fill(np.nan)
    [row] = block.measure()
    data = TrainingSet(spec, CPU)
    exact = {name: torch.tensor(value).double() for name, value in block.weights(0).items()}
    expected = {name: torch.empty_like(value) for name, value in exact.items()}
    plain = PlainStep(spec.model, spec.task.p, data.pairs[data.train], data.labels[data.train])
    assert row["objective"] == pytest.approx(plain.gradients(exact, expected).item(), rel=2e-6)
    assert row["train_loss"] == pytest.approx(row["objective"], rel=1e-12 if spec.loss_dtype == "float64" else 1e-6)
    everything = PlainStep(spec.model, spec.task.p, data.pairs, data.labels)
    right_B = everything.logits(exact).argmax(dim=1) == data.labels
    assert row["train_accuracy"] == pytest.approx(right_B[data.train].double().mean().item())
    norms = []
    for table, name in zip(block.gradient, expected, strict=True):
        found = arrays.get(table, spec.task.p, spec.model.d_mlp)
        value = expected[name] if name == "mlp.W_in" else expected[name].mT
        assert (torch.tensor(found) - value).norm() / value.norm() < 5e-6, name
        norms.append(value.norm().item())
    assert row["gradient_norm"] == pytest.approx(np.hypot(*norms), rel=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_space_around_the_weights_stays_0(shape: str) -> None:
    block = block_of(shape)
    before = block.weights(0)
    block.steps(20)
    for tables in (block.weights_now, block.gradient, block.means, block.squares):
        for table in tables:
            assert table.any()
            arrays.put(table, np.zeros((block.p, block.n_neurons), np.float32))
            assert not table.any()
    assert any(not value.any() or np.abs(value).max() > 0 for value in before.values())


@pytest.mark.parametrize("rule", ["adamw", "sgd"])
@pytest.mark.parametrize("warmup_steps", [0, 3])
def test_an_update_is_that_of_the_tensors_rule(rule: Literal["adamw", "sgd"], warmup_steps: int) -> None:
    optim = OptimSpec(optimizer=rule, lr=2e-3, weight_decay=0.1, beta1=0.5, beta2=0.8, warmup_steps=warmup_steps)
    block = block_of("even modulus, several parts", optim)
    stack = Stack([block.specs[0]], CPU)
    expected, generator = StackedOptimizer([optim], stack), torch.Generator().manual_seed(0)
    for _ in range(6):
        for table, gradient in zip(block.gradient, stack.grads.values(), strict=True):
            gradient.copy_(torch.randn(gradient.shape, generator=generator))
            values = gradient[0] if table is block.gradient.theta else gradient[0].mT
            arrays.put(table, values.numpy())
        block.update()
        expected.step()
    assert block.step == expected.step_number == 6
    for name, value in stack.weights(0).items():
        np.testing.assert_allclose(block.weights(0)[name], value, rtol=2e-6, atol=1e-7)


def test_steps_in_one_call_have_the_bits_of_steps_one_by_one_and_of_a_state_taken_up() -> None:
    one, other = block_of("answers of differences"), block_of("answers of differences")
    one.steps(7)
    for _ in range(4):
        other.measure()
        other.update()
    third = CompiledBlock(other.specs[0], 4)
    third.restore(0, other.state(0))
    for each in (other, third):
        each.steps(3)
        assert each.step == one.step == 7
        for name, value in one.state(0).items():
            np.testing.assert_array_equal(each.state(0)[name], value, err_msg=name)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0, 1e4])
def test_losses_are_exact_near_0_and_far_from_it(scale: float) -> None:
    """Logits scale * (0, 1, ..., 6) of every pair, by one neuron that is always 1."""
    block = CompiledBlock(RunSpec(task=TaskSpec(p=7, train_frac=1.0), model=TwoLayerSpec(d_mlp=21, activation="relu")))
    theta_PH, xi_PH = np.zeros((7, 21), np.float32), np.zeros((7, 21), np.float32)
    theta_PH[:, 5], xi_PH[:, 5] = 0.5, np.float32(scale) * np.arange(7, dtype=np.float32)
    arrays.put(block.weights_now.theta, theta_PH)
    arrays.put(block.weights_now.xi, xi_PH)
    [row] = block.measure()
    logits_C = (np.float32(scale) * np.arange(7, dtype=np.float32)).astype(np.longdouble)
    losses_C = np.log(np.exp(logits_C - logits_C[6]).sum()) + logits_C[6] - logits_C
    labels_B = TrainingSet(block.specs[0], CPU).labels.numpy()
    found_B = block.loss_U2.ravel()[block.place_B]
    np.testing.assert_allclose(found_B, losses_C[labels_B].astype(np.float64), rtol=4e-16, atol=2e-16)
    assert row["train_accuracy"] == pytest.approx((labels_B == 6).mean())
    assert row["objective"] == pytest.approx(float(losses_C[labels_B].mean()), rel=1e-14)


@pytest.mark.parametrize("loss_dtype", ["float64", "float32"])
def test_a_sure_network_still_has_a_gradient_in_float64(loss_dtype: Literal["float32", "float64"]) -> None:
    """One training pair, whose right logit is 20 above the other: 1 - softmax is 2.06e-9, and 0 in float32."""
    spec = RunSpec(task=TaskSpec(p=2, train_frac=0.25), model=TwoLayerSpec(d_mlp=3, activation="id"), loss_dtype=loss_dtype)
    block, data = CompiledBlock(spec), TrainingSet(spec, CPU)
    [answer] = data.labels[data.train].tolist()
    xi_PH = np.zeros((2, 3), np.float32)
    xi_PH[answer, 0] = 20.0
    arrays.put(block.weights_now.theta, np.full((2, 3), 0.5, np.float32))
    arrays.put(block.weights_now.xi, xi_PH)
    [row] = block.measure()
    found = arrays.get(block.gradient.xi, 2, 3)
    if loss_dtype == "float32":
        assert row["objective"] == 0
        assert not found[answer].any()
    else:
        doubt = np.exp(-20) / (1 + np.exp(-20))
        assert row["objective"] == pytest.approx(doubt, rel=1e-6)
        np.testing.assert_allclose(found[answer], -doubt, rtol=1e-6)
        np.testing.assert_allclose(found[1 - answer], doubt, rtol=1e-6)


def test_rows_are_whole_vectors_and_do_not_evict_each_other() -> None:
    assert arrays.ROW % 16 == 0
    assert arrays.ROW & (arrays.ROW - 1)
    assert arrays.GROUP % arrays.PAIRS == 0
    for n, sizes in {1: [16], 16: [16], 256: [256], 257: [256, 16], 600: [256, 256, 96]}.items():
        assert arrays.part_sizes(n).tolist() == sizes


def test_what_is_compiled() -> None:
    run = RunSpec(model=TwoLayerSpec())
    assert covers(run)
    others: list[dict[str, Any]] = [
        {"model": TwoLayerSpec(activation="gelu")},
        {"model": TwoLayerSpec(d_model=8)},
        {"model": TransformerSpec()},
        {"optim": OptimSpec(batch_size=8)},
        {"optim": OptimSpec(l1=1e-3)},
        {"optim": OptimSpec(optimizer="muon")},
        {"optim": OptimSpec(gradient="orthogonal")},
        {"optim": OptimSpec(constant_norm=True)},
    ]
    assert not any(covers(dataclasses.replace(run, **other)) for other in others)


def double(x):
    return 2 * x


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Loads a small function as a new process does; how often it was compiled so far, and what was said."""
    monkeypatch.setattr(paths, "cache_folder", lambda: tmp_path)

    def load() -> tuple[int, list[str]]:
        function, said = numba.njit(double), list[str]()
        monkeypatch.setattr(loops, "ENTRIES", (function,))
        monkeypatch.setattr(kept, "_loaded", set())
        kept.load(loops, lambda: function(21), said.append)
        assert function(21) == 42
        return sum(function.stats.cache_misses.values()), said

    return load


def test_compiled_code_is_kept_and_a_damaged_one_is_compiled_anew(fresh: Any, tmp_path: Path) -> None:
    assert [len(said) for _, said in (fresh(), fresh())] == [1, 0]
    assert fresh() == (0, [])  # read, not compiled
    [folder] = (tmp_path / "compiled").iterdir()
    for file in [path for path in folder.rglob("*") if path.is_file()]:
        content = file.read_bytes()
        for damage in (content[:-1], content[:20] + bytes([content[20] ^ 1]) + content[21:], b""):
            file.write_bytes(damage)
            assert len(fresh()[1]) == 1
            assert fresh() == (0, [])
            content = file.read_bytes()
    (folder / "stranger").write_text("x")
    assert len(fresh()[1]) == 1
    assert [path.name for path in (tmp_path / "compiled").iterdir()] == [folder.name]


def test_another_processor_has_code_of_its_own(fresh: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh()
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("llvmlite.binding.get_host_cpu_name", lambda: "another")
        assert len(fresh()[1]) == 1
    assert len(list((tmp_path / "compiled").iterdir())) == 2
    assert fresh() == (0, [])


def test_two_processes_that_compile_at_once_leave_one_whole_folder(
    fresh: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_cache = kept._with_cache

    def meanwhile(folder: Path, module: Any, use: Any) -> None:
        with_cache(folder, module, use)
        monkeypatch.setattr(kept, "_with_cache", with_cache)
        shutil.copytree(folder, tmp_path / "compiled" / kept.key(loops))
        whole = tmp_path / "compiled" / kept.key(loops)
        (whole / kept.SUMS).write_text(kept.json.dumps(kept._sums(whole)))

    monkeypatch.setattr(kept, "_with_cache", meanwhile)
    fresh()
    assert len(list((tmp_path / "compiled").iterdir())) == 1
    assert fresh() == (0, [])


def test_without_a_cache_it_is_compiled_all_the_same(fresh: Any, tmp_path: Path) -> None:
    (tmp_path / "compiled").write_text("a file where the folder should be")
    assert len(fresh()[1]) == 1
    assert len(fresh()[1]) == 1
