"""The exact step of the two-layer network as compiled loops, for replicas that train in a batch on the CPU.

A step of a small network costs more than its arithmetic: each of a dozen calls writes its result to memory for the next one to
read. Here a whole step, and any number of steps in a row, is one call, which `numba` compiles for the processor at hand.

As in `modaddlab.training.steps.two_layer`, pre-activations are sums of two rows of theta, and each unordered pair of residues is
computed once. The three products (logits; gradients of the neurons and of xi) are computed in tiles of 3 pairs and 8 answers, or
of 6 and 4: 24 running sums, or 24 coefficients, that stay in vector registers while the neurons go by, where a processor has 32
of them (AVX-512, ARM; with AVX2 there are 16, and the step takes nearly twice as long). The softmax is taken in float64 with an
exponential that vectorises.

Nothing of a replica enters another's numbers, so its bits do not depend on its companions. Sums over neurons are taken in the
processor's vectors: another kind of processor gives other last bits.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import njit

from modaddlab.models.network import Activation
from modaddlab.training.optimizer import EPS
from modaddlab.training.replicas.networks import GAP, GROUP, Moments, Networks, Pairs, Rule, Work

ACTIVATIONS: tuple[Activation, ...] = ("relu", "quad", "id")
"""The nonlinearities that are compiled."""

loops = njit(fastmath={"contract", "reassoc", "nsz"}, nogil=True, error_model="numpy")
"""Compiles loops whose sums may be rearranged into vectors."""

loops_in_order = njit(fastmath={"contract"}, nogil=True, error_model="numpy")
"""Compiles loops whose terms must not be rearranged: the exponential's."""

ZERO, TWO, TINY = np.float32(0), np.float32(2), np.float32(EPS)
LOG2_E = 1.4426950408889634
LN2_HIGH, LN2_LOW = 0.693147180369123816490, 1.90821492927058770002e-10  # their sum is ln 2 to 100 bits
LOWEST = -700.0
"""The exponential of anything lower is taken as that of this, 1e-304."""


class Step(NamedTuple):
    """The compiled functions for networks of one shape; C answers.

    `single`: the softmax is rounded to float32.
    """

    gradients: Callable[[Networks, Pairs, Work, int, bool], None]
    """(networks, pairs, work, C, single): the gradient of each replica's mean loss."""
    update: Callable[[Networks, Moments, Rule, int], None]
    """(networks, moments, rule, t): update number t, from 0, by the gradients."""
    steps: Callable[[Networks, Pairs, Moments, Rule, Work, int, bool, int, int], None]
    """(networks, pairs, moments, rule, work, C, single, t, n): n times both, from update number t."""
    evaluate: Callable[[Networks, Pairs, Work, int, np.ndarray, np.ndarray], None]
    """(networks, pairs, work, C, right, loss): for each pair in both orders, (R, U, 2), whether the largest logit is the right
    one, and the cross-entropy in float64."""


@functools.cache
def compiled(n_columns: int, activation: Activation) -> Step:
    """The step for networks with rows of that many `columns`; compiling takes some seconds, when a function is first called.

    Unsigned integers index without a test for negative numbers, and the distance of two rows is a constant, so that the compiler
    sees that they do not overlap: both are needed for vector instructions.
    """
    u64 = np.uint64
    i0, i1, i2, i3, i4, i5, i6, i7, i8 = (u64(i) for i in range(9))
    H, row, group = u64(n_columns), u64(n_columns + GAP), u64(GROUP)
    block = u64(math.gcd(n_columns, 256))
    block_row = block + u64(GAP)
    r1, r2, r3, r4, r5, r6, r7 = (u64(i) * row for i in range(1, 8))
    b1, b2 = block_row, i2 * block_row
    is_relu, is_quad = activation == "relu", activation == "quad"

    @loops
    def hidden_and_logits(theta, xi, low, high, first, size, hidden, logits, n_stored):
        n = min(H, u64(len(hidden)))  # H, but no constant: a loop of 32 rounds would be unrolled instead of vectorised
        for u in range(size):
            a, b, h = low[first + u] * row, high[first + u] * row, u * row
            for i in range(n):
                pre = theta[a + i] + theta[b + i]
                if is_relu:
                    hidden[h + i] = max(pre, ZERO)
                elif is_quad:
                    hidden[h + i] = pre * pre
                else:
                    hidden[h + i] = pre
        for c in range(i0, n_stored, i8):
            x = c * row
            for u in range(i0, size, i3):
                h = u * row
                f0 = f1 = f2 = f3 = f4 = f5 = f6 = f7 = ZERO
                g0 = g1 = g2 = g3 = g4 = g5 = g6 = g7 = ZERO
                q0 = q1 = q2 = q3 = q4 = q5 = q6 = q7 = ZERO
                for i in range(H):
                    f, g, q = hidden[h + i], hidden[h + r1 + i], hidden[h + r2 + i]
                    x0, x1, x2, x3 = xi[x + i], xi[x + r1 + i], xi[x + r2 + i], xi[x + r3 + i]
                    x4, x5, x6, x7 = xi[x + r4 + i], xi[x + r5 + i], xi[x + r6 + i], xi[x + r7 + i]
                    f0, f1, f2, f3 = f0 + f * x0, f1 + f * x1, f2 + f * x2, f3 + f * x3
                    f4, f5, f6, f7 = f4 + f * x4, f5 + f * x5, f6 + f * x6, f7 + f * x7
                    g0, g1, g2, g3 = g0 + g * x0, g1 + g * x1, g2 + g * x2, g3 + g * x3
                    g4, g5, g6, g7 = g4 + g * x4, g5 + g * x5, g6 + g * x6, g7 + g * x7
                    q0, q1, q2, q3 = q0 + q * x0, q1 + q * x1, q2 + q * x2, q3 + q * x3
                    q4, q5, q6, q7 = q4 + q * x4, q5 + q * x5, q6 + q * x6, q7 + q * x7
                k = u * n_stored + c
                logits[k], logits[k + i1], logits[k + i2], logits[k + i3] = f0, f1, f2, f3
                logits[k + i4], logits[k + i5], logits[k + i6], logits[k + i7] = f4, f5, f6, f7
                k += n_stored
                logits[k], logits[k + i1], logits[k + i2], logits[k + i3] = g0, g1, g2, g3
                logits[k + i4], logits[k + i5], logits[k + i6], logits[k + i7] = g4, g5, g6, g7
                k += n_stored
                logits[k], logits[k + i1], logits[k + i2], logits[k + i3] = q0, q1, q2, q3
                logits[k + i4], logits[k + i5], logits[k + i6], logits[k + i7] = q4, q5, q6, q7

    @loops_in_order
    def exponentials(logits, size, shifted, exps, bits, powers, n_answers, n_stored):
        """exps = exp(logit - the pair's largest): 2^k times a polynomial in what is left of the exponent."""
        for u in range(size):
            k = u * n_stored
            peak = logits[k]
            for c in range(n_answers):
                peak = max(peak, logits[k + c])
            for c in range(n_stored):
                shifted[k + c] = np.float64(logits[k + c]) - np.float64(peak)
        for i in range(size * n_stored):
            exponent = max(shifted[i], LOWEST)
            k = np.floor(exponent * LOG2_E + 0.5)
            r = (exponent - k * LN2_HIGH) - k * LN2_LOW
            exps[i] = _exp_near_0(r)
            bits[i] = (np.int64(k) + 1023) << 52
        for i in range(size * n_stored):
            exps[i] *= powers[i]

    @loops
    def derivative(exps, answers, shares, first, size, dlogits, n_answers, n_stored, single):
        """Of the mean loss in the logits: (n softmax - t) / n_train, n - t in float64 unless `single`."""
        for u in range(size):
            k, share0, share1 = u * n_stored, shares[first + u, i0], shares[first + u, i1]
            total = 0.0
            for c in range(n_answers):
                total += exps[k + c]
            both = share0 + share1
            weight = both / total
            for c in range(n_answers):
                dlogits[k + c] = np.float32(exps[k + c] * weight)
            # the first answer last: it holds where both are one
            c0, c1 = k + answers[first + u, i0], k + answers[first + u, i1]
            if single:
                dlogits[c1] = np.float32(exps[c1] / total) * np.float32(both) - np.float32(share1)
                dlogits[c0] = np.float32(exps[c0] / total) * np.float32(both) - np.float32(share0)
            else:
                dlogits[c1] = np.float32(exps[c1] * weight - share1)
                dlogits[c0] = np.float32(exps[c0] * weight - share0)

    @loops
    def through(dhidden, hidden, theta_a, theta_b):
        """The derivative in a pre-activation, which is theta_a + theta_b."""
        if is_relu:
            return dhidden if hidden > ZERO else ZERO
        if is_quad:
            return dhidden * TWO * (theta_a + theta_b)
        return dhidden

    @loops
    def backward(theta, xi, dtheta, dxi, low, high, first, size, hidden, dhidden, dlogits, n_stored):
        for start in range(i0, H, block):
            for i in range(size * block_row):
                dhidden[i] = ZERO
            for u in range(i0, size, i3):
                for c in range(i0, n_stored, i8):
                    k = u * n_stored + c
                    f0, f1, f2, f3 = dlogits[k], dlogits[k + i1], dlogits[k + i2], dlogits[k + i3]
                    f4, f5, f6, f7 = dlogits[k + i4], dlogits[k + i5], dlogits[k + i6], dlogits[k + i7]
                    k += n_stored
                    g0, g1, g2, g3 = dlogits[k], dlogits[k + i1], dlogits[k + i2], dlogits[k + i3]
                    g4, g5, g6, g7 = dlogits[k + i4], dlogits[k + i5], dlogits[k + i6], dlogits[k + i7]
                    k += n_stored
                    q0, q1, q2, q3 = dlogits[k], dlogits[k + i1], dlogits[k + i2], dlogits[k + i3]
                    q4, q5, q6, q7 = dlogits[k + i4], dlogits[k + i5], dlogits[k + i6], dlogits[k + i7]
                    h, x = u * block_row, c * row + start
                    for i in range(block):
                        x0, x1, x2, x3 = xi[x + i], xi[x + r1 + i], xi[x + r2 + i], xi[x + r3 + i]
                        x4, x5, x6, x7 = xi[x + r4 + i], xi[x + r5 + i], xi[x + r6 + i], xi[x + r7 + i]
                        dhidden[h + i] += f0 * x0 + f1 * x1 + f2 * x2 + f3 * x3 + f4 * x4 + f5 * x5 + f6 * x6 + f7 * x7
                        dhidden[h + b1 + i] += g0 * x0 + g1 * x1 + g2 * x2 + g3 * x3 + g4 * x4 + g5 * x5 + g6 * x6 + g7 * x7
                        dhidden[h + b2 + i] += q0 * x0 + q1 * x1 + q2 * x2 + q3 * x3 + q4 * x4 + q5 * x5 + q6 * x6 + q7 * x7
            for u in range(size):
                h, d = u * row + start, u * block_row
                a, b = low[first + u] * row + start, high[first + u] * row + start
                if a == b:
                    for i in range(block):
                        dtheta[a + i] += TWO * through(dhidden[d + i], hidden[h + i], theta[a + i], theta[b + i])
                else:
                    for i in range(block):
                        dpre = through(dhidden[d + i], hidden[h + i], theta[a + i], theta[b + i])
                        dtheta[a + i] += dpre
                        dtheta[b + i] += dpre
            for c in range(i0, n_stored, i4):
                for u in range(i0, size, i6):
                    k = u * n_stored + c
                    f0, f1, f2, f3 = dlogits[k], dlogits[k + i1], dlogits[k + i2], dlogits[k + i3]
                    k += n_stored
                    g0, g1, g2, g3 = dlogits[k], dlogits[k + i1], dlogits[k + i2], dlogits[k + i3]
                    k += n_stored
                    q0, q1, q2, q3 = dlogits[k], dlogits[k + i1], dlogits[k + i2], dlogits[k + i3]
                    k += n_stored
                    v0, v1, v2, v3 = dlogits[k], dlogits[k + i1], dlogits[k + i2], dlogits[k + i3]
                    k += n_stored
                    w0, w1, w2, w3 = dlogits[k], dlogits[k + i1], dlogits[k + i2], dlogits[k + i3]
                    k += n_stored
                    y0, y1, y2, y3 = dlogits[k], dlogits[k + i1], dlogits[k + i2], dlogits[k + i3]
                    h, x = u * row + start, c * row + start
                    for i in range(block):
                        f, g, q = hidden[h + i], hidden[h + r1 + i], hidden[h + r2 + i]
                        v, w, y = hidden[h + r3 + i], hidden[h + r4 + i], hidden[h + r5 + i]
                        dxi[x + i] += f0 * f + g0 * g + q0 * q + v0 * v + w0 * w + y0 * y
                        dxi[x + r1 + i] += f1 * f + g1 * g + q1 * q + v1 * v + w1 * w + y1 * y
                        dxi[x + r2 + i] += f2 * f + g2 * g + q2 * q + v2 * v + w2 * w + y2 * y
                        dxi[x + r3 + i] += f3 * f + g3 * g + q3 * q + v3 * v + w3 * w + y3 * y

    @loops
    def embed(nets, r):
        """theta = W_E W_in."""
        theta, E, W_in = nets.theta[r], nets.embed[r], nets.W_in[r]
        D = u64(len(W_in)) // row
        for a in range(u64(len(theta)) // row):
            for i in range(row):
                theta[a * row + i] = ZERO
            for d in range(D):
                weight = E[a * D + d]
                for i in range(row):
                    theta[a * row + i] += weight * W_in[d * row + i]

    @loops
    def embed_backward(nets, r):
        dtheta, E, W_in, dE, dW_in = nets.dtheta[r], nets.embed[r], nets.W_in[r], nets.dembed[r], nets.dW_in[r]
        D = u64(len(W_in)) // row
        dW_in[:] = ZERO
        for a in range(u64(len(dtheta)) // row):
            for d in range(D):
                weight, total = E[a * D + d], ZERO
                for i in range(row):
                    total += dtheta[a * row + i] * W_in[d * row + i]
                for i in range(row):
                    dW_in[d * row + i] += weight * dtheta[a * row + i]
                dE[a * D + d] = total

    @loops
    def gradients_of(nets, pairs, r, work, n_answers, single):
        theta, xi, dtheta, dxi = nets.theta[r], nets.xi[r], nets.dtheta[r], nets.dxi[r]
        low, high, answers, shares = pairs.low[r], pairs.high[r], pairs.answers[r], pairs.shares[r]
        hidden, dhidden, logits, dlogits, shifted, exps, bits, powers = work
        n_stored, n_trained = (n_answers + i7) // i8 * i8, pairs.n_trained[r]
        if nets.embed.shape[1]:
            embed(nets, r)
        dtheta[:] = ZERO
        dxi[:] = ZERO
        for first in range(i0, n_trained, group):
            size = min(group, n_trained - first)
            hidden_and_logits(theta, xi, low, high, first, size, hidden, logits, n_stored)
            exponentials(logits, size, shifted, exps, bits, powers, n_answers, n_stored)
            derivative(exps, answers, shares, first, size, dlogits, n_answers, n_stored, single)
            backward(theta, xi, dtheta, dxi, low, high, first, size, hidden, dhidden, dlogits, n_stored)
        if nets.embed.shape[1]:
            embed_backward(nets, r)

    @loops
    def update_of(nets, moments, rule, r, t):
        rate = rule.lr[r] * min(t / rule.warmup[r] + rule.head_start[r], 1.0)
        if rule.adamw:
            beta1, beta2 = rule.beta1[r], rule.beta2[r]
            size, root = -rate / (1 - beta1 ** (t + 1)), np.sqrt(1 - beta2 ** (t + 1))
            numbers = (
                np.float32(1 - rate * rule.decay[r]),
                np.float32(1 - beta1),
                np.float32(beta2),
                np.float32(1 - beta2),
                np.float32(size),
                np.float32(root),
            )
            _adamw(nets.xi[r], nets.dxi[r], moments.xi[r], moments.xi_squares[r], numbers)
            _adamw(nets.W_in[r], nets.dW_in[r], moments.W_in[r], moments.W_in_squares[r], numbers)
            _adamw(nets.embed[r], nets.dembed[r], moments.embed[r], moments.embed_squares[r], numbers)
        else:
            decay, size = np.float32(rule.decay[r]), np.float32(rate)
            _descend(nets.xi[r], nets.dxi[r], decay, size)
            _descend(nets.W_in[r], nets.dW_in[r], decay, size)
            _descend(nets.embed[r], nets.dembed[r], decay, size)

    @loops
    def gradients(nets, pairs, work, n_answers, single):
        for r in range(nets.xi.shape[0]):
            gradients_of(nets, pairs, r, work, u64(n_answers), single)

    @loops
    def update(nets, moments, rule, t):
        for r in range(nets.xi.shape[0]):
            update_of(nets, moments, rule, r, t)

    @loops
    def steps(nets, pairs, moments, rule, work, n_answers, single, t, n_steps):
        for r in range(nets.xi.shape[0]):
            for number in range(n_steps):
                gradients_of(nets, pairs, r, work, u64(n_answers), single)
                update_of(nets, moments, rule, r, t + number)

    @loops
    def evaluate(nets, pairs, work, n_answers, right, loss):
        hidden, _, logits, _, shifted, exps, bits, powers = work
        n_answers = u64(n_answers)
        n_stored, n_pairs = (n_answers + i7) // i8 * i8, u64(pairs.low.shape[1])
        for r in range(nets.xi.shape[0]):
            if nets.embed.shape[1]:
                embed(nets, r)
            theta, xi, low, high, answers = nets.theta[r], nets.xi[r], pairs.low[r], pairs.high[r], pairs.answers[r]
            for first in range(i0, n_pairs, group):
                size = min(group, n_pairs - first)
                hidden_and_logits(theta, xi, low, high, first, size, hidden, logits, n_stored)
                exponentials(logits, size, shifted, exps, bits, powers, n_answers, n_stored)
                for u in range(size):
                    k = u * n_stored
                    largest, total = i0, 0.0
                    for c in range(n_answers):
                        total += exps[k + c]
                        if logits[k + c] > logits[k + largest]:
                            largest = c
                    for order in range(2):
                        answer = answers[first + u, order]
                        right[r, first + u, order] = answer == largest
                        loss[r, first + u, order] = np.log(total) - shifted[k + answer]

    return Step(gradients, update, steps, evaluate)


def is_ready(step: Step) -> bool:
    """Whether it was compiled in this process already."""
    return bool(step.gradients.signatures)  # type: ignore[attr-defined]


@loops_in_order
def _exp_near_0(r):
    """exp(r) for |r| below 0.35, by its series to the 12th power: 2e-16 of it."""
    high = 1 / 5040 + r * (1 / 40320 + r * (1 / 362880 + r * (1 / 3628800 + r * (1 / 39916800 + r * (1 / 479001600)))))
    return 1.0 + r * (1.0 + r * (1 / 2 + r * (1 / 6 + r * (1 / 24 + r * (1 / 120 + r * (1 / 720 + r * high))))))


@loops
def _adamw(weights, gradient, means, squares, numbers):
    keep, new1, old2, new2, size, root = numbers
    for i in range(len(weights)):
        g = gradient[i]
        mean, square = means[i] + new1 * (g - means[i]), squares[i] * old2 + g * (g * new2)
        means[i], squares[i] = mean, square
        weights[i] = weights[i] * keep + mean * size / (np.sqrt(square) / root + TINY)


@loops
def _descend(weights, gradient, decay, size):
    for i in range(len(weights)):
        weights[i] -= (gradient[i] + weights[i] * decay) * size
