"""Two-layer networks in a batch on the CPU: stacked weights, each replica's own split and optimizer, and compiled steps.

Replicas train on different pairs: each has its own list of unordered pairs, those that it trains on first, and with each pair the
two numbers of the derivative n softmax - t, already divided by the number of training pairs. The loops are in
`modaddlab.training.replicas.compiled`.

A block is computed by one core. The weights of a replica have the same bits whoever else is in its block.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch

from modaddlab.experiments.spec import RunSpec
from modaddlab.models.network import Network
from modaddlab.models.two_layer import TwoLayerSpec
from modaddlab.training.measures import Row
from modaddlab.training.replicas import networks
from modaddlab.training.replicas.compiled import ACTIVATIONS, Step, compiled, is_ready
from modaddlab.training.replicas.measures import StackedMeasures
from modaddlab.training.replicas.optimizer import UpdateState
from modaddlab.training.replicas.stack import Stack

REPLICAS = 4
"""Replicas in a block, at most: rows of metrics are computed of all at once."""


def covers(model: Network) -> bool:
    """Whether there are compiled steps for that network."""
    return model.kind == TwoLayerSpec.kind and model.activation in ACTIVATIONS


def must_compile(model: Network) -> bool:
    """Whether the first step of that network will take some seconds, because its code is yet to be compiled in this process."""
    return covers(model) and not is_ready(_step_of(model))


def compile_step(spec: RunSpec) -> None:
    """Have the code for that network compiled, by using it."""
    block = TwoLayerBlock([spec])
    block.gradients()
    block.rows(0)
    block.update()
    block.steps(0)


def _step_of(model: Network) -> Step:
    return compiled(networks.columns(model.d_mlp), model.activation)


class TwoLayerBlock:
    """R two-layer networks with the same shape, each on its own split and with its own optimizer.

    Args:
        specs: the runs; their update rules are the same.

    Attributes:
        stack: weights and gradients.
        state: what the updates need and change besides.
    """

    def __init__(self, specs: Sequence[RunSpec]) -> None:
        model, p, R = cast(TwoLayerSpec, specs[0].model), specs[0].task.p, len(specs)
        self.p, self.single = p, specs[0].loss_dtype == "float32"
        row, n_stored = networks.row_length(model.d_mlp), networks.whole(p, networks.ANSWERS)
        n_rows_in = model.d_model or p
        spaces = {"mlp.W_in": (R, n_rows_in, row), "mlp.W_out": (R, n_stored, row)}
        self.stack = Stack(specs, torch.device("cpu"), {"mlp.W_out": (0, 2, 1)}, spaces)
        self.state = UpdateState([spec.optim for spec in specs], self.stack)
        self.measures = StackedMeasures(specs, torch.device("cpu"))
        self.code, self.work = _step_of(model), networks.new_work(model.d_mlp, p)
        self.nets, self.pairs = self._networks(learned=model.d_model is not None), self._pairs()
        self.moments, self.rule = self._moments(), self._rule()
        self.right_RU2 = np.zeros((R, self.pairs.low.shape[1], 2), dtype=bool)
        self.loss_RU2 = np.zeros(self.right_RU2.shape)

    def gradients(self) -> None:
        """Write the gradient of each replica's mean loss into the stack."""
        self.code.gradients(self.nets, self.pairs, self.work, self.p, self.single)

    def update(self) -> None:
        """One update of each replica by the gradients of the stack."""
        self.code.update(self.nets, self.moments, self.rule, self.state.t)
        self.state.go_on_from(self.state.t + 1)

    def steps(self, n: int) -> None:
        """`gradients` and `update`, n times."""
        self.code.steps(self.nets, self.pairs, self.moments, self.rule, self.work, self.p, self.single, self.state.t, n)
        self.state.go_on_from(self.state.t + n)

    def rows(self, step: int) -> list[Row]:
        """A row of metrics for each replica, after `gradients` at these weights."""
        R = self.stack.n_replicas
        self.code.evaluate(self.nets, self.pairs, self.work, self.p, self.right_RU2, self.loss_RU2)
        right_RB, loss_RB = (
            torch.tensor(np.take_along_axis(values_RU2.reshape(R, -1), self.place_RB, axis=1))
            for values_RU2 in (self.right_RU2, self.loss_RU2)
        )
        descended_RB = -torch.exp(-loss_RB).float().log().double() if self.single else loss_RB
        objective_R = torch.where(self.measures.train_RB, descended_RB, 0.0).sum(dim=1) / self.measures.n_train
        return self.measures.rows(step, self.stack, right_RB, loss_RB, objective_R)

    def _networks(self, *, learned: bool) -> networks.Networks:
        """The stack's memory as the compiled step has it."""
        R = self.stack.n_replicas
        weights, gradients = (_by_replica(self.stack, flat) for flat in (self.stack.flat, self.stack.grad))
        theta, dtheta = weights["mlp.W_in"], gradients["mlp.W_in"]
        if learned:
            size = self.p * self.stack.spaces["mlp.W_in"][2]
            theta, dtheta = (torch.zeros(R, size).numpy() for _ in range(2))
        none = np.zeros((R, 0), np.float32)
        return networks.Networks(
            theta=theta,
            xi=weights["mlp.W_out"],
            W_in=weights["mlp.W_in"],
            embed=weights.get("embed.W_E", none),
            dtheta=dtheta,
            dxi=gradients["mlp.W_out"],
            dW_in=gradients["mlp.W_in"],
            dembed=gradients.get("embed.W_E", none),
        )

    def _pairs(self) -> networks.Pairs:
        """The unordered pairs of each replica; `place_RB` says where an ordered one is found in arrays (R, U, 2)."""
        p, R, share = self.p, self.stack.n_replicas, 1 / self.measures.n_train
        train_RB, labels_RB = self.measures.train_RB.numpy(), self.measures.labels_RB.numpy()
        low_U, high_U = np.triu_indices(p)
        n_pairs = networks.whole(len(low_U), networks.PAIRS)  # the last ones are (0, 0) and count nothing
        low_RU, high_RU = (np.zeros((R, n_pairs), np.uint64) for _ in range(2))
        answers_RU2, shares_RU2 = np.zeros((R, n_pairs, 2), np.uint64), np.zeros((R, n_pairs, 2))
        n_trained_R, self.place_RB = np.zeros(R, np.uint64), np.zeros((R, p * p), np.int64)
        for r in range(R):
            in_order_U2 = np.stack([low_U * p + high_U, high_U * p + low_U], axis=1)
            trained_U = train_RB[r][in_order_U2].any(axis=1)
            in_order_U2 = in_order_U2[np.argsort(~trained_U, kind="stable")]
            U = len(in_order_U2)
            low_RU[r, :U], high_RU[r, :U] = np.divmod(in_order_U2[:, 0], p)
            answers_RU2[r, :U] = labels_RB[r][in_order_U2]
            shares_U2 = train_RB[r][in_order_U2] * share
            shares_U2[in_order_U2[:, 0] == in_order_U2[:, 1], 1] = 0  # a + a is one question
            one = answers_RU2[r, :U, 0] == answers_RU2[r, :U, 1]
            shares_U2[one] = np.stack([shares_U2[one].sum(axis=1), np.zeros(one.sum())], axis=1)
            shares_RU2[r, :U] = shares_U2
            n_trained_R[r] = networks.whole(int(trained_U.sum()), networks.PAIRS)
            self.place_RB[r, in_order_U2[:, ::-1]] = np.arange(2 * U).reshape(U, 2)[:, ::-1]
        return networks.Pairs(low=low_RU, high=high_RU, answers=answers_RU2, shares=shares_RU2, n_trained=n_trained_R)

    def _moments(self) -> networks.Moments:
        none = np.zeros((self.stack.n_replicas, 0), np.float32)
        moments = self.state.moments
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
        numbers = self.state
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
