"""A two-layer network in training on one core of the CPU, by compiled loops (`modaddlab.training.compiled.loops`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch

from modaddlab.experiments.spec import RunSpec
from modaddlab.models.two_layer import TwoLayerSpec
from modaddlab.tasks import TaskSpec
from modaddlab.training.compiled import ACTIVATIONS, arrays, kept, loops
from modaddlab.training.measures import Measures, Row

KINDS: dict[str, int] = dict(zip(ACTIVATIONS, (loops.RELU, loops.QUAD, loops.ID), strict=True))

CPU = torch.device("cpu")


def load(notify: Callable[[str], None] = lambda line: None) -> None:
    """Have the loops ready in this process; see `kept.load`."""
    kept.load(loops, _use, notify)


def _use() -> None:
    block = CompiledBlock(RunSpec(task=TaskSpec(p=3), model=TwoLayerSpec(d_mlp=1), steps=3))
    block.measure()
    block.update()
    block.steps(1)


class CompiledBlock:
    """One run; see `modaddlab.training.blocks.Block`.

    Attributes:
        weights_now, gradient: tables, see `arrays`.
    """

    def __init__(self, spec: RunSpec, step: int = 0) -> None:
        self.specs, self.step, self.p, self.n_neurons = [spec], step, spec.task.p, spec.model.d_mlp
        self.weights_now, self.gradient, self.means, self.squares = (arrays.new_tables(self.p, self.n_neurons) for _ in range(4))
        initial = spec.model.init_params(self.p, spec.seed)
        arrays.put(self.weights_now.theta, initial["mlp.W_in"])
        arrays.put(self.weights_now.xi, initial["mlp.W_out"].T)
        self.pairs, n_trained, self.place_B = arrays.pairs_of(spec)
        self.rule, self.measures = arrays.rule_of(spec.optim), Measures(spec, CPU)
        self.single = spec.loss_dtype == "float32"
        self.right_U2 = np.zeros((len(self.pairs.low), 2), dtype=bool)
        self.loss_U2 = np.zeros(self.right_U2.shape)
        self._sizes, self._n_trained = arrays.part_sizes(self.n_neurons), np.uint64(n_trained)
        self._work, self._kind = arrays.new_work(self.p, self.n_neurons), KINDS[spec.model.activation]
        self._counts = np.uint64(self.p), np.uint64(arrays.whole(self.p, arrays.ANSWERS))

    def gradients(self) -> None:
        """Write the gradient of the mean loss into `gradient`."""
        pairs = self.pairs, self._n_trained, self._work
        loops.gradients(self.weights_now, self.gradient, self._sizes, *pairs, self._kind, *self._counts, self.single)

    def measure(self) -> list[Row]:
        """The gradient at the weights now, and a row of metrics."""
        self.gradients()
        loops.evaluate(
            self.weights_now, self._sizes, self.pairs, self._work, self._kind, *self._counts, self.right_U2, self.loss_U2
        )
        right_B, loss_B = (torch.from_numpy(values.ravel()[self.place_B]) for values in (self.right_U2, self.loss_U2))
        theta_PH, xi_PH = (torch.from_numpy(arrays.get(table, self.p, self.n_neurons)) for table in self.weights_now)
        params = {"mlp.W_in": theta_PH, "mlp.W_out": xi_PH.mT}
        descended_B = -torch.exp(-loss_B).float().log().double() if self.single else loss_B
        squares = sum(float(np.square(table, dtype=np.float64).sum()) for table in self.gradient)
        row = self.measures.row(params, right_B, loss_B)
        found = {"objective": descended_B[self.measures.train].mean().item(), "gradient_norm": squares**0.5}
        return [{"step": self.step} | row | found]

    def update(self) -> None:
        """One update by the gradient."""
        loops.update(self.weights_now, self.gradient, self.means, self.squares, self.rule, self.step)
        self.step += 1

    def steps(self, n: int) -> None:
        """Gradient and update, n times."""
        moments, pairs = (self.means, self.squares), (self.pairs, self._n_trained, self.rule, self._work)
        loops.steps(
            self.weights_now, self.gradient, *moments, self._sizes, *pairs, self._kind, *self._counts, self.single, self.step, n
        )
        self.step += n

    def weights(self, r: int) -> dict[str, np.ndarray]:
        """The weights now, float32 by name."""
        theta_PH, xi_PH = (arrays.get(table, self.p, self.n_neurons) for table in self.weights_now)
        return {"mlp.W_in": theta_PH, "mlp.W_out": np.ascontiguousarray(xi_PH.T)}

    def state(self, r: int) -> dict[str, np.ndarray]:
        """All that the next steps depend on, as that of any run."""
        state = {"flat": self._flat(self.weights_now)}
        if self.rule.adamw:
            state["optimizer/step"] = np.array(self.step, dtype=np.float32)
            state |= {"optimizer/exp_avg": self._flat(self.means), "optimizer/exp_avg_sq": self._flat(self.squares)}
        return state

    def restore(self, r: int, state: Mapping[str, np.ndarray]) -> None:
        """The inverse of `state`."""
        names = {"flat": self.weights_now, "optimizer/exp_avg": self.means, "optimizer/exp_avg_sq": self.squares}
        for name, tables in names.items():
            if name in state:
                for table, values in zip(tables, np.split(state[name], 2), strict=True):
                    arrays.put(table, values.reshape(self.p, self.n_neurons))

    def _flat(self, tables: arrays.Tables) -> np.ndarray:
        return np.concatenate([arrays.get(table, self.p, self.n_neurons).ravel() for table in tables])
