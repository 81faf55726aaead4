"""The bytes that the pages run, in wasmtime: training against the package's own step, all pairs against the literal sums."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
import torch

from modaddlab import tasks
from modaddlab.experiments.spec import OptimSpec
from modaddlab.models.two_layer import TwoLayerSpec
from modaddlab.tasks import TaskSpec
from modaddlab.training.optimizer import Optimizer
from modaddlab.web import build

wasmtime = pytest.importorskip("wasmtime")

LAB = "p width H n_pairs n_trained activation weights gradient mean square a b count is_right loss"
NET = (
    "p width H n_heads activation has_equals queries rate score_a score_b score_equals A B base RA RB rbase W scale head_on "
    "logits loss best"
)


class Core:
    """An instance of the compiled core, and views of its memory."""

    def __init__(self) -> None:
        self.store = wasmtime.Store()
        module = wasmtime.Module(self.store.engine, build.shipped())
        self.exports = wasmtime.Instance(self.store, module, []).exports(self.store)

    def call(self, name: str, *arguments: float) -> int:
        return self.exports[name](self.store, *arguments)

    def view(self, at: int, dtype: type, *shape: int) -> np.ndarray:
        memory = self.exports["memory"]
        start = ctypes.addressof(memory.data_ptr(self.store).contents)
        block = (ctypes.c_ubyte * memory.data_len(self.store)).from_address(start)
        return np.frombuffer(block, dtype, int(np.prod(shape)), at).reshape(shape)

    def fields(self, at: int, words: str) -> dict[str, int]:
        names = words.split()
        return dict(zip(names, self.view(at, np.int32, len(names)).tolist(), strict=True))


class Lab:
    """The page's two-layer network on the pairs of a task, each unordered pair once."""

    def __init__(self, model: TwoLayerSpec, task: TaskSpec) -> None:
        p, H = task.p, model.d_mlp
        self.p, self.H, self.core = p, H, Core()
        train, _ = tasks.split(task, 0)
        low_high = np.sort(tasks.all_pairs(p)[train], axis=1)
        count_PP = np.zeros((p, p), int)
        np.add.at(count_PP, tuple(low_high.T), 1)
        pairs = np.argwhere(np.triu(np.ones((p, p))))
        count = count_PP[tuple(pairs.T)]
        order = np.argsort(count == 0, kind="stable")
        pairs, count = pairs[order], count[order]
        self.n_train, self.n_trained = len(train), int((count > 0).sum())
        self.at = self.core.call("lab_new", p, H, len(pairs), self.n_trained, int(model.activation == "quad"))
        self.of = self.core.fields(self.at, LAB)
        for name, values in (("a", pairs[:, 0]), ("b", pairs[:, 1]), ("count", count)):
            self.core.view(self.of[name], np.uint8, len(pairs))[:] = values

    def arrays(self, what: str) -> dict[str, np.ndarray]:
        """Weights, their gradient or a moment by name, without the padding."""
        p, H, width = self.p, self.H, self.of["width"]
        flat = self.core.view(self.of[what], np.float32, p * H + H * width)
        return {"mlp.W_in": flat[: p * H].reshape(p, H), "mlp.W_out": flat[p * H :].reshape(H, width)[:, :p]}

    def put(self, what: str, values: dict[str, np.ndarray]) -> None:
        for name, array in self.arrays(what).items():
            array[:] = values[name]

    @property
    def mean_loss(self) -> float:
        losses = self.core.view(self.of["loss"], np.float32, self.n_trained).astype(float)
        return float(losses @ self.core.view(self.of["count"], np.uint8, self.n_trained) / self.n_train)


class Reference:
    """The same network by autograd in double precision, and the package's own optimizer."""

    def __init__(self, model: TwoLayerSpec, task: TaskSpec, optim: OptimSpec) -> None:
        self.model, self.p, self.params = model, task.p, model.init_params(task.p, 0)
        train, _ = tasks.split(task, 0)
        self.pairs = torch.tensor(tasks.all_pairs(task.p)[train])
        self.labels = torch.tensor(tasks.labels(task, 0)[train])
        self.names = list(self.params)
        self.flat = torch.tensor(np.concatenate([np.ascontiguousarray(self.params[name]).ravel() for name in self.names]))
        self.grad = torch.zeros_like(self.flat)
        self.optimizer = Optimizer(optim, self.flat, self.grad)

    def named(self, flat: torch.Tensor) -> dict[str, np.ndarray]:
        sizes = [self.params[name].size for name in self.names]
        parts = torch.split(flat, sizes)
        return {name: part.numpy().reshape(self.params[name].shape) for name, part in zip(self.names, parts, strict=True)}

    def gradient(self) -> float:
        weights = {name: torch.tensor(value, dtype=torch.float64) for name, value in self.named(self.flat).items()}
        for value in weights.values():
            value.requires_grad_()
        loss = torch.nn.functional.cross_entropy(self.model.forward(weights, self.pairs, self.p), self.labels)
        loss.backward()
        gradients = [weights[name].grad for name in self.names]
        self.grad.copy_(torch.cat([gradient.ravel() for gradient in gradients if gradient is not None]))
        return loss.item()


@pytest.mark.parametrize(("p", "activation"), [(7, "relu"), (13, "relu"), (11, "quad")])
def test_training_in_the_page_is_the_package_s(p: int, activation: str) -> None:
    """60 steps, with the package's weights and moments put in at each: free weights would drift apart at ReLU's kinks."""
    model, task = TwoLayerSpec(d_mlp=32, activation=activation), TaskSpec(p=p, train_frac=0.7)  # type: ignore[arg-type]
    reference = Reference(model, task, OptimSpec(lr=1e-3, weight_decay=2.0, beta2=0.98))
    lab = Lab(model, task)
    for step in range(60):
        loss = reference.gradient()
        lab.put("weights", reference.named(reference.flat))
        lab.put("mean", reference.named(reference.optimizer.state["exp_avg"]))
        lab.put("square", reference.named(reference.optimizer.state["exp_avg_sq"]))
        lab.core.call("lab_gradient", lab.at, lab.n_train)
        expected = reference.named(reference.grad)
        for name, found in lab.arrays("gradient").items():
            assert np.linalg.norm(found - expected[name]) <= 1e-5 * np.linalg.norm(expected[name])
        assert lab.mean_loss == pytest.approx(loss, rel=1e-5)
        lr, t = 1e-3 * min(step / 10, 1), step + 1
        reference.optimizer.step(lr)
        lab.core.call("lab_adamw", lab.at, lr, 2.0, 0.9, 0.98, lr / (1 - 0.9**t), 1 / np.sqrt(1 - 0.98**t))
        after = reference.named(reference.flat)
        assert max(np.abs(found - after[name]).max() for name, found in lab.arrays("weights").items()) < 1e-6


Tables = dict[str, np.ndarray]


def network(p: int, H: int, n: int, has_equals: bool, rate: float, queries: int = 1) -> tuple[Core, int, Tables, dict[str, int]]:
    """A network of random tables in the core."""
    core, rng, width = Core(), np.random.default_rng(0), (p + 3) & ~3
    at = core.call("net_new", p, H, n, 0, int(has_equals), rate, 1, queries)
    of = core.fields(at, NET)
    shapes = {
        "score_a": (n, queries, p), "score_b": (n, p), "score_equals": (n,), "A": (p, n, H), "B": (p, n, H), "base": (H,),
        "RA": (p, n, width), "RB": (p, n, width), "rbase": (width,), "W": (H, width),
    }  # fmt: skip
    tables = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    tables |= {"scale": (np.arange(H) != 3).astype(np.float32), "head_on": np.ones(n, np.float32)}
    for name, values in tables.items():
        core.view(of[name], np.float32, values.size)[:] = values.ravel()
    return core, at, tables, of


@pytest.mark.parametrize(("has_equals", "rate", "queries"), [(True, 1.0, 1), (False, 0.3, 1), (False, 0.0, 1), (False, 0.7, 11)])
def test_all_pairs_are_the_literal_sum(has_equals: bool, rate: float, queries: int) -> None:
    p, H, n = 11, 24, 2
    core, at, t, of = network(p, H, n, has_equals, rate, queries)
    n_right = core.call("net_rows", at, 0, p)
    scores = [np.broadcast_to(np.swapaxes(t["score_a"], 1, 2), (n, p, p)), np.broadcast_to(t["score_b"][:, None, :], (n, p, p))]
    scores += [np.broadcast_to(t["score_equals"][:, None, None], (n, p, p))] * has_equals
    terms = np.exp(np.array(scores, float))
    weights = rate * terms / terms.sum(axis=0) + (1 - rate)
    A, B = ({name: t[name].astype(float) for name in names} for names in (("A", "RA"), ("B", "RB")))
    pre = t["base"] + np.einsum("nab,anh->abh", weights[0], A["A"]) + np.einsum("nab,bnh->abh", weights[1], B["B"])
    past = t["rbase"] + np.einsum("nab,anc->abc", weights[0], A["RA"]) + np.einsum("nab,bnc->abc", weights[1], B["RB"])
    logits = (past + np.maximum(pre * t["scale"], 0) @ t["W"].astype(float))[..., :p]
    found = core.view(of["logits"], np.float32, p, p, (p + 3) & ~3)[..., :p]
    assert np.abs(found - logits).max() < 1e-4
    label = np.add.outer(np.arange(p), np.arange(p)) % p
    assert n_right == (logits.argmax(-1) == label).sum()
    assert (core.view(of["best"], np.uint8, p, p) == logits.argmax(-1)).all()
    log_sum = np.logaddexp.reduce(logits, axis=-1)
    loss = log_sum - np.take_along_axis(logits, label[..., None], -1)[..., 0]
    assert np.allclose(core.view(of["loss"], np.float32, p, p), loss, rtol=1e-5, atol=1e-7)


def test_a_tiny_loss_keeps_its_digits() -> None:
    """Every answer but the right one is 17 below it: the loss is 10 e^-17, which 32 bits lose when they add it to 1."""
    p = 11
    core, at, tables, of = network(p, 8, 1, False, 0.0)
    for name, values in tables.items():
        core.view(of[name], np.float32, values.size)[:] = 0
    core.view(of["rbase"], np.float32, p)[:] = -17.0
    core.view(of["rbase"], np.float32, p)[5] = 0.0
    core.call("net_rows", at, 0, p)
    loss = core.view(of["loss"], np.float32, p, p)
    assert loss[2, 3] == pytest.approx(10 * np.exp(-17.0), rel=1e-5)
    assert loss[2, 4] == pytest.approx(17.0, rel=1e-6)


def test_the_shipped_bytes_are_those_of_the_source() -> None:
    pytest.importorskip("ziglang", reason="the compiler is not installed, so the core was not compiled again")
    assert build.compiled() == build.shipped()
