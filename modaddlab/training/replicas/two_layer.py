"""Two-layer networks in a batch on the CPU: stacked weights, each replica's own split and optimizer, and compiled steps.

Replicas train on different pairs: each has its own list of unordered pairs, those that it trains on first, and with each pair the
two numbers of the derivative n softmax - t, already divided by the number of training pairs. The loops are in
`modaddlab.training.replicas.compiled`.

A block is computed by one core. The weights of a replica have the same bits whoever else is in its block.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from modaddlab.experiments.spec import ModelSpec, RunSpec, TwoLayerSpec
from modaddlab.training.measures import Row
from modaddlab.training.replicas import networks
from modaddlab.training.replicas.compiled import ACTIVATIONS, compiled, is_ready
from modaddlab.training.replicas.measures import StackedMeasures
from modaddlab.training.replicas.optimizer import OwnNumbers
from modaddlab.training.replicas.stack import Stack

REPLICAS = 4
"""Replicas in a block: rows of metrics are computed of all at once, and a batch has blocks for several cores."""


def covers(model: ModelSpec) -> bool:
    """Whether there are compiled steps for that network."""
    return isinstance(model, TwoLayerSpec) and model.activation in ACTIVATIONS


def must_compile(model: ModelSpec) -> bool:
    """Whether the first step of that network will take some seconds, because its code is yet to be compiled in this process."""
    return isinstance(model, TwoLayerSpec) and covers(model) and not is_ready(model.d_mlp, model.activation)


class TwoLayerBlock:
    """R two-layer networks with the same shape, each on its own split and with its own optimizer.

    Args:
        specs: the runs; their update rules are the same.

    Attributes:
        stack: weights and gradients.
        optimizer: its state; the updates are made by the compiled step.
    """

    def __init__(self, specs: Sequence[RunSpec]) -> None:
        model, p, R = specs[0].model, specs[0].task.p, len(specs)
        assert isinstance(model, TwoLayerSpec)
        self.p, self.single = p, specs[0].loss_dtype == "float32"
        row, n_stored = networks.row_length(model.d_mlp), networks.whole(p, networks.ANSWERS)
        n_rows_in = model.d_model or p
        spaces = {"mlp.W_in": (R, n_rows_in, row), "mlp.W_out": (R, n_stored, row)}
        self.stack = Stack(specs, torch.device("cpu"), {"mlp.W_out": (0, 2, 1)}, spaces)
        self.optimizer = OwnNumbers([spec.optim for spec in specs], self.stack)
        self.measures = StackedMeasures(specs, torch.device("cpu"))
        self.code, self.work = compiled(model.d_mlp, model.activation), networks.new_work(model.d_mlp, p)
        self.nets, self.moments, self.rule = self._networks(learned=model.d_model is not None), self._moments(), self._rule()
        self.labels_RB = self.measures.labels_RB.numpy()
        self.right_RB, self.loss_RB = np.zeros((R, p * p), dtype=bool), np.zeros((R, p * p))

    def gradients(self) -> None:
        """Write the gradient of each replica's mean loss into the stack."""
        self.code.gradients(self.nets, self.work, self.p, self.single)

    def update(self) -> None:
        """One update of each replica by the gradients of the stack."""
        self.code.update(self.nets, self.moments, self.rule, self.optimizer.t)
        self.optimizer.go_on_from(self.optimizer.t + 1)

    def steps(self, n: int) -> None:
        """`gradients` and `update`, n times."""
        self.code.steps(self.nets, self.moments, self.rule, self.work, self.p, self.single, self.optimizer.t, n)
        self.optimizer.go_on_from(self.optimizer.t + n)

    def rows(self, step: int) -> list[Row]:
        """A row of metrics for each replica, after `gradients` at these weights."""
        self.code.evaluate(self.nets, self.work, self.p, self.pair_RB, self.labels_RB, self.right_RB, self.loss_RB)
        right_RB, loss_RB = torch.tensor(self.right_RB), torch.tensor(self.loss_RB)
        descended_RB = -torch.exp(-loss_RB).float().log().double() if self.single else loss_RB
        objective_R = torch.where(self.measures.train_RB, descended_RB, 0.0).sum(dim=1) / self.measures.n_train
        return self.measures.rows(step, self.stack, right_RB, loss_RB, objective_R)

    def _networks(self, *, learned: bool) -> networks.Networks:
        """The stack's memory as the compiled step has it, and every replica's pairs."""
        p, R, n_stored = self.p, self.stack.n_replicas, networks.whole(self.p, networks.ANSWERS)
        weights, gradients = (_by_replica(self.stack, flat) for flat in (self.stack.flat, self.stack.grad))
        W_in, dW_in = weights["mlp.W_in"], gradients["mlp.W_in"]
        theta, dtheta = W_in, dW_in
        if learned:
            size = p * self.stack.spaces["mlp.W_in"][2]
            theta, dtheta = (torch.zeros(R, size).numpy() for _ in range(2))
        none = np.zeros((R, 0), np.float32)

        low_U, high_U = np.triu_indices(p)
        unordered_PP = np.zeros((p, p), np.int64)
        unordered_PP[low_U, high_U] = unordered_PP[high_U, low_U] = np.arange(len(low_U))
        pair_B = unordered_PP.ravel()
        n_pairs = networks.whole(len(low_U), networks.PAIRS)  # the last ones are (0, 0) and belong to no split
        ends = np.zeros((2, R, n_pairs), np.uint64)
        minus_t = np.zeros((R, n_pairs, n_stored))
        n_trained = np.zeros(R, np.uint64)
        self.pair_RB = np.zeros((R, p * p), np.uint64)
        train_RB, labels_RB = self.measures.train_RB.numpy(), self.measures.labels_RB.numpy()
        for r in range(R):
            trained_U = np.zeros(len(low_U), dtype=bool)
            trained_U[pair_B[train_RB[r]]] = True
            order_U = np.argsort(~trained_U, kind="stable")
            ends[:, r, : len(order_U)] = low_U[order_U], high_U[order_U]
            self.pair_RB[r] = np.argsort(order_U)[pair_B]
            entries = self.pair_RB[r][train_RB[r]].astype(np.int64), labels_RB[r][train_RB[r]]
            np.subtract.at(minus_t[r], entries, 1 / self.measures.n_train)
            n_trained[r] = networks.whole(int(trained_U.sum()), networks.PAIRS)
        return networks.Networks(
            theta=theta,
            xi=weights["mlp.W_out"],
            W_in=W_in,
            embed=weights.get("embed.W_E", none),
            dtheta=dtheta,
            dxi=gradients["mlp.W_out"],
            dW_in=dW_in,
            dembed=gradients.get("embed.W_E", none),
            low=ends[0],
            high=ends[1],
            n=-minus_t.sum(axis=2),
            minus_t=minus_t.reshape(R, -1),
            n_trained=n_trained,
        )

    def _moments(self) -> networks.Moments:
        none = np.zeros((self.stack.n_replicas, 0), np.float32)
        moments = self.optimizer.moments
        means, squares = (_by_replica(self.stack, moments[name]) if name in moments else {} for name in ("exp_avg", "exp_avg_sq"))
        return networks.Moments(
            xi=means.get("mlp.W_out", none),
            W_in=means.get("mlp.W_in", none),
            embed=means.get("embed.W_E", none),
            xi_squares=squares.get("mlp.W_out", none),
            W_in_squares=squares.get("mlp.W_in", none),
            embed_squares=squares.get("embed.W_E", none),
        )

    def _rule(self) -> networks.Rule:
        numbers = self.optimizer
        return networks.Rule(
            adamw=numbers.adamw,
            lr=numbers.lr_R.numpy(),
            decay=numbers.decay_R.numpy(),
            beta1=numbers.beta1_R.numpy(),
            beta2=numbers.beta2_R.numpy(),
            warmup=numbers.warmup_R.numpy(),
            head_start=numbers.head_start_R.numpy(),
        )


def _by_replica(stack: Stack, flat: torch.Tensor) -> dict[str, np.ndarray]:
    return {name: part.view(len(part), -1).numpy() for name, part in stack.stored(flat).items()}
