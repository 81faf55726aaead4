"""The kernel machine against its definition, point by point, and what makes a block of features circulant."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from modaddlab.analysis import kernel_machine
from modaddlab.analysis.characters import discrete_logarithms
from modaddlab.analysis.circulants import circulant_part
from modaddlab.analysis.kernel_machine import BANDWIDTH

P = 5
TRAIN = np.random.default_rng(0).permutation(P * P)[:14]
ANSWER = np.add.outer(np.arange(P), np.arange(P)).ravel() % P


def features() -> np.ndarray:
    half_XX = np.random.default_rng(1).normal(size=(2 * P, 2 * P))
    return half_XX @ half_XX.T / P


def inputs(pairs: np.ndarray) -> np.ndarray:
    return np.hstack([np.eye(P)[pairs // P], np.eye(P)[pairs % P]])


def literal(x_X: np.ndarray, machine: kernel_machine.Machine) -> np.ndarray:
    """f at any point of space, by the definition."""
    apart_NX = x_X - inputs(TRAIN)
    distance_N = np.einsum("nx,xy,ny->n", apart_NX, machine.features_XX, apart_NX)
    return np.exp(-distance_N / (2 * BANDWIDTH**2)) @ machine.weights_NC


def test_a_fit_is_ridgeless_regression_with_the_gaussian_kernel() -> None:
    machine = kernel_machine.fit(features(), TRAIN, ANSWER)
    outputs_QC = machine.outputs_PPC.reshape(-1, P)
    assert outputs_QC[TRAIN] == pytest.approx(np.eye(P)[ANSWER[TRAIN]], abs=1e-9)
    assert outputs_QC == pytest.approx(np.array([literal(x_X, machine) for x_X in inputs(np.arange(P * P))]), abs=1e-9)


def test_the_gradient_outer_product_is_that_of_finite_differences() -> None:
    machine, step = kernel_machine.fit(features(), TRAIN, ANSWER), 1e-5
    jacobians = np.array(
        [
            [(literal(x_X + step * e_X, machine) - literal(x_X - step * e_X, machine)) / (2 * step) for e_X in np.eye(2 * P)]
            for x_X in inputs(TRAIN)
        ]
    )
    jacobians -= jacobians.mean(axis=0)
    G_XX = sum(J_XC @ J_XC.T for J_XC in jacobians) / len(TRAIN)
    assert machine.gradient_outer_product == pytest.approx(G_XX, rel=1e-6, abs=1e-9)


def test_gradients_do_not_depend_on_how_many_are_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = kernel_machine.fit(features(), TRAIN, ANSWER).gradient_outer_product
    monkeypatch.setattr(kernel_machine, "CHUNK", 4)
    assert kernel_machine.fit(features(), TRAIN, ANSWER).gradient_outer_product == pytest.approx(at_once)


def test_the_next_features_are_the_root_of_the_outer_product() -> None:
    first, second = islice(kernel_machine.learn(TRAIN, ANSWER, dtype=np.float64), 2)
    assert np.array_equal(first.features_XX, np.eye(2 * P))
    assert second.features_XX @ second.features_XX == pytest.approx(first.gradient_outer_product, abs=1e-12)


def test_deviation_is_none_of_a_circulant_block_and_nearly_all_of_noise() -> None:
    noise_PP = np.random.default_rng(2).normal(size=(61, 61))
    circulant_PP = circulant_part(noise_PP)
    assert kernel_machine.deviation(circulant_PP, sums=False) == pytest.approx(0)
    assert kernel_machine.deviation(circulant_PP[::-1], sums=True) == pytest.approx(0)
    assert kernel_machine.deviation(circulant_PP, sums=True) > 0.9
    assert kernel_machine.deviation(noise_PP, sums=False) > 0.9
    diagonals = [np.diagonal(np.roll(noise_PP, -d, axis=1)) for d in range(61)]
    varied = sum(((diagonal - diagonal.mean()) ** 2).sum() for diagonal in diagonals)
    assert kernel_machine.deviation(noise_PP, sums=False) == pytest.approx(varied / (noise_PP**2).sum())


def test_a_block_of_quotients_is_circulant_in_the_order_of_the_logarithm() -> None:
    p, log = 13, discrete_logarithms(13)
    wave_P = np.random.default_rng(3).normal(size=p - 1)
    block_PP = np.zeros((p, p))
    block_PP[1:, 1:] = wave_P[(log[:, None] - log) % (p - 1)]
    assert kernel_machine.deviation(kernel_machine.by_logarithm(block_PP), sums=False) == pytest.approx(0)
    assert kernel_machine.deviation(block_PP, sums=False) > 0.5


def test_features_of_a_small_block_are_the_root_of_what_they_are_made_of() -> None:
    block_PP = circulant_part(np.random.default_rng(4).random((P, P)))
    block_PP = (block_PP - block_PP.mean()) / 10
    M_XX = kernel_machine.from_block(block_PP)
    square_XX = M_XX @ M_XX
    assert square_XX[:P, P:] == pytest.approx(block_PP)
    assert square_XX[:P, :P] == pytest.approx(np.eye(P) - 1 / P)


def test_with_a_circulant_block_unseen_sums_come_out_right_at_the_first_fit() -> None:
    p = 23
    answer = np.add.outer(np.arange(p), np.arange(p)).ravel() % p
    rng = np.random.default_rng(5)
    train, entries = rng.permutation(p * p)[: 7 * p * p // 10], rng.random(p)
    block_PP = (entries - entries.mean())[np.subtract.outer(np.arange(p), np.arange(p))]
    machines = [kernel_machine.fit(M_XX, train, answer) for M_XX in (kernel_machine.from_block(block_PP), np.eye(2 * p))]
    test = np.setdiff1d(np.arange(p * p), train)
    circulant, plain = ((one.outputs_PPC.reshape(-1, p).argmax(axis=1) == answer)[test].mean() for one in machines)
    assert circulant > 0.95
    assert plain < 0.1
