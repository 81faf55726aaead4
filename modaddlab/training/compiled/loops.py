"""The exact step of the two-layer network as compiled loops.

A step of a small network costs more than its arithmetic: each of a dozen calls writes its result to memory for the next one to
read. Here a whole step, and any number of steps in a row, is one call, which `numba` compiles for the processor at hand.

Nothing is approximated; two facts about the model make it cheap. The inputs are one-hot, so pre-activations are sums of two rows
of theta. And the sum is symmetric: each unordered pair of residues is computed once, and its derivative in the logits is
n softmax - t, where n (1 or 2) counts how many of its orderings are trained on, and t has a 1 for the right answer of each.

The three products (logits; gradients of the neurons and of xi) are computed in tiles of 3 pairs and 4 answers: 12 running sums,
or 12 coefficients, stay in vector registers while the neurons go by. The softmax is taken in float64 with an exponential that
vectorises. Sums over neurons are taken in the processor's vectors: another kind of processor gives other last bits.

Unsigned integers index without a test for negative numbers, and the distance of two rows is a constant, so that the compiler sees
that they do not overlap: both are needed for vector instructions.
"""

from __future__ import annotations

import numba
import numpy as np
from numba.core import codegen

from modaddlab.training.compiled.arrays import GROUP, ROW

EPS = 1e-8
"""AdamW's, as `modaddlab.training.optimizer` has it."""

RELU, QUAD, ID = range(3)
"""The nonlinearities that are compiled, by number."""

if "+avx512f" in (found := codegen.get_host_cpu_features()):  # its whole vectors, where the compiler would take half of them
    numba.config.CPU_FEATURES = f"{found},-prefer-256-bit"  # type: ignore[attr-defined]

loops = numba.njit(fastmath={"contract", "reassoc", "nsz"}, nogil=True, error_model="numpy")
"""Compiles loops whose sums may be rearranged into vectors."""

loops_in_order = numba.njit(fastmath={"contract"}, nogil=True, error_model="numpy")
"""Compiles loops whose terms must not be rearranged: the exponential's."""

U0, U1, U2, U3, U4, GROUP_SIZE, R = (np.uint64(i) for i in (0, 1, 2, 3, 4, GROUP, ROW))
R2, R3 = np.uint64(2 * ROW), np.uint64(3 * ROW)
ZERO, TWO, TINY = np.float32(0), np.float32(2), np.float32(EPS)
LOG2_E = 1.4426950408889634
LN2_HIGH, LN2_LOW = 0.693147180369123816490, 1.90821492927058770002e-10  # their sum is ln 2 to 100 bits
LOWEST = -700.0
"""The exponential of anything lower is taken as that of this, 1e-304."""


@loops
def activate(theta, pairs, first, size, n, kind, hidden):
    """A part's hidden neurons of some pairs."""
    for u in range(size):
        a, b, h = pairs.low[first + u] * R, pairs.high[first + u] * R, u * R
        if kind == RELU:
            for i in range(n):
                hidden[h + i] = max(theta[a + i] + theta[b + i], ZERO)
        elif kind == QUAD:
            for i in range(n):
                pre = theta[a + i] + theta[b + i]
                hidden[h + i] = pre * pre
        else:
            for i in range(n):
                hidden[h + i] = theta[a + i] + theta[b + i]


@loops
def add_to(logits, k, s0, s1, s2, s3):
    """Add four sums to four logits in a row."""
    logits[k] += s0
    logits[k + U1] += s1
    logits[k + U2] += s2
    logits[k + U3] += s3


@loops
def add_logits(hidden, xi, size, n, stored, logits):
    """What a part's neurons add to the logits: hidden @ xi."""
    for c in range(U0, stored, U4):
        x = c * R
        for u in range(U0, size, U3):
            h, k = u * R, u * stored + c
            f0 = f1 = f2 = f3 = g0 = g1 = g2 = g3 = q0 = q1 = q2 = q3 = ZERO
            for i in range(n):
                f, g, q = hidden[h + i], hidden[h + R + i], hidden[h + R2 + i]
                x0, x1, x2, x3 = xi[x + i], xi[x + R + i], xi[x + R2 + i], xi[x + R3 + i]
                f0, f1, f2, f3 = f0 + f * x0, f1 + f * x1, f2 + f * x2, f3 + f * x3
                g0, g1, g2, g3 = g0 + g * x0, g1 + g * x1, g2 + g * x2, g3 + g * x3
                q0, q1, q2, q3 = q0 + q * x0, q1 + q * x1, q2 + q * x2, q3 + q * x3
            add_to(logits, k, f0, f1, f2, f3)
            add_to(logits, k + stored, g0, g1, g2, g3)
            add_to(logits, k + stored + stored, q0, q1, q2, q3)


@loops
def four(dlogits, k):
    """Four coefficients in a row."""
    return dlogits[k], dlogits[k + U1], dlogits[k + U2], dlogits[k + U3]


@loops
def back_to_neurons(xi, dlogits, size, n, stored, dhidden):
    """The derivative in a part's neurons: dlogits @ xi transposed."""
    for u in range(U0, size, U3):
        h = u * R
        for i in range(n):
            dhidden[h + i] = dhidden[h + R + i] = dhidden[h + R2 + i] = ZERO
        for c in range(U0, stored, U4):
            x, k = c * R, u * stored + c
            f0, f1, f2, f3 = four(dlogits, k)
            g0, g1, g2, g3 = four(dlogits, k + stored)
            q0, q1, q2, q3 = four(dlogits, k + stored + stored)
            for i in range(n):
                x0, x1, x2, x3 = xi[x + i], xi[x + R + i], xi[x + R2 + i], xi[x + R3 + i]
                dhidden[h + i] += f0 * x0 + f1 * x1 + f2 * x2 + f3 * x3
                dhidden[h + R + i] += g0 * x0 + g1 * x1 + g2 * x2 + g3 * x3
                dhidden[h + R2 + i] += q0 * x0 + q1 * x1 + q2 * x2 + q3 * x3


@loops
def back_to_answers(hidden, dlogits, size, n, stored, dxi):
    """Some pairs' part of the gradient of xi: hidden transposed @ dlogits."""
    for c in range(U0, stored, U4):
        x = c * R
        for u in range(U0, size, U3):
            h, k = u * R, u * stored + c
            f0, f1, f2, f3 = four(dlogits, k)
            g0, g1, g2, g3 = four(dlogits, k + stored)
            q0, q1, q2, q3 = four(dlogits, k + stored + stored)
            for i in range(n):
                f, g, q = hidden[h + i], hidden[h + R + i], hidden[h + R2 + i]
                dxi[x + i] += f0 * f + g0 * g + q0 * q
                dxi[x + R + i] += f1 * f + g1 * g + q1 * q
                dxi[x + R2 + i] += f2 * f + g2 * g + q2 * q
                dxi[x + R3 + i] += f3 * f + g3 * g + q3 * q


@loops
def back_to_residues(theta, hidden, dhidden, pairs, first, size, n, kind, dtheta):
    """Some pairs' part of the gradient of theta; dhidden becomes the derivative in the pre-activations."""
    for u in range(size):
        a, b, h = pairs.low[first + u] * R, pairs.high[first + u] * R, u * R
        if kind == RELU:
            for i in range(n):
                dhidden[h + i] = dhidden[h + i] if hidden[h + i] > ZERO else ZERO
        elif kind == QUAD:
            for i in range(n):
                dhidden[h + i] *= TWO * (theta[a + i] + theta[b + i])
        for i in range(n):
            dtheta[a + i] += dhidden[h + i]
        for i in range(n):
            dtheta[b + i] += dhidden[h + i]


@loops_in_order
def exp_near_0(r):
    """exp(r) for |r| below 0.35, by its series to the 12th power: 2e-16 of it."""
    high = 1 / 5040 + r * (1 / 40320 + r * (1 / 362880 + r * (1 / 3628800 + r * (1 / 39916800 + r * (1 / 479001600)))))
    return 1.0 + r * (1.0 + r * (1 / 2 + r * (1 / 6 + r * (1 / 24 + r * (1 / 120 + r * (1 / 720 + r * high))))))


@loops_in_order
def exponentials(work, size, n_answers, stored):
    """exps = exp(logit - the pair's largest): 2^k times a polynomial in what is left of the exponent."""
    logits, shifted, exps, bits, powers = work.logits, work.shifted, work.exps, work.bits, work.powers
    for u in range(size):
        k = u * stored
        peak = logits[k]
        for c in range(n_answers):
            peak = max(peak, logits[k + c])
        for c in range(stored):
            shifted[k + c] = np.float64(logits[k + c]) - np.float64(peak)
    for i in range(size * stored):
        exponent = max(shifted[i], LOWEST)
        k = np.floor(exponent * LOG2_E + 0.5)
        r = (exponent - k * LN2_HIGH) - k * LN2_LOW
        exps[i] = exp_near_0(r)
        bits[i] = (np.int64(k) + 1023) << 52
    for i in range(size * stored):
        exps[i] *= powers[i]


@loops
def total_of(exps, k, n_answers):
    """The softmax's denominator."""
    total = 0.0
    for c in range(n_answers):
        total += exps[k + c]
    return total


@loops
def derivative(exps, pairs, first, size, dlogits, n_answers, stored, single):
    """Of the mean loss in the logits: (n softmax - t) / n_train, n - t in float64 unless `single`."""
    for u in range(size):
        k, share0, share1 = u * stored, pairs.shares[first + u, U0], pairs.shares[first + u, U1]
        total, both = total_of(exps, k, n_answers), share0 + share1
        weight = both / total
        for c in range(n_answers):
            dlogits[k + c] = np.float32(exps[k + c] * weight)
        # the first answer last: it holds where both are one
        c0, c1 = k + pairs.answers[first + u, U0], k + pairs.answers[first + u, U1]
        if single:
            dlogits[c1] = np.float32(exps[c1] / total) * np.float32(both) - np.float32(share1)
            dlogits[c0] = np.float32(exps[c0] / total) * np.float32(both) - np.float32(share0)
        else:
            dlogits[c1] = np.float32(exps[c1] * weight - share1)
            dlogits[c0] = np.float32(exps[c0] * weight - share0)


@loops
def forward(weights, sizes, pairs, first, size, work, kind, n_answers, stored):
    """Hidden neurons, logits and exponentials of a group of pairs."""
    work.logits[:] = ZERO
    for part in range(len(sizes)):
        activate(weights.theta[part], pairs, first, size, sizes[part], kind, work.hidden[part])
        add_logits(work.hidden[part], weights.xi[part], size, sizes[part], stored, work.logits)
    exponentials(work, size, n_answers, stored)


@loops
def gradients(weights, found, sizes, pairs, n_trained, work, kind, n_answers, stored, single):
    """The gradient of the mean loss of the first pairs, into `found`."""
    found.theta[:] = ZERO
    found.xi[:] = ZERO
    dhidden, dlogits = work.dhidden, work.dlogits
    for first in range(U0, n_trained, GROUP_SIZE):
        size = min(GROUP_SIZE, n_trained - first)
        forward(weights, sizes, pairs, first, size, work, kind, n_answers, stored)
        derivative(work.exps, pairs, first, size, dlogits, n_answers, stored, single)
        for part in range(len(sizes)):
            n, theta, hidden = sizes[part], weights.theta[part], work.hidden[part]
            back_to_neurons(weights.xi[part], dlogits, size, n, stored, dhidden)
            back_to_residues(theta, hidden, dhidden, pairs, first, size, n, kind, found.theta[part])
            back_to_answers(hidden, dlogits, size, n, stored, found.xi[part])


@loops
def adamw(weights, gradient, means, squares, keep, new1, old2, new2, size, root):
    """One update of some weights."""
    for i in range(len(weights)):
        g = gradient[i]
        mean, square = means[i] + new1 * (g - means[i]), squares[i] * old2 + g * (g * new2)
        means[i], squares[i] = mean, square
        weights[i] = weights[i] * keep + mean * size / (np.sqrt(square) * root + TINY)


@loops
def descend(weights, gradient, decay, size):
    """One update of some weights by plain gradient descent."""
    for i in range(len(weights)):
        weights[i] -= (gradient[i] + weights[i] * decay) * size


@loops
def update(weights, gradient, means, squares, rule, t):
    """Update number t, from 0."""
    rate = rule.lr * min(t / rule.warmup + rule.head_start, 1.0)
    keep, new1 = np.float32(1 - rate * rule.decay), np.float32(1 - rule.beta1)
    old2, new2 = np.float32(rule.beta2), np.float32(1 - rule.beta2)
    size, root = np.float32(-rate / (1 - rule.beta1 ** (t + 1))), np.float32(1 / np.sqrt(1 - rule.beta2 ** (t + 1)))
    for part in range(len(weights.theta)):
        theta, dtheta, xi, dxi = weights.theta[part], gradient.theta[part], weights.xi[part], gradient.xi[part]
        if rule.adamw:
            adamw(theta, dtheta, means.theta[part], squares.theta[part], keep, new1, old2, new2, size, root)
            adamw(xi, dxi, means.xi[part], squares.xi[part], keep, new1, old2, new2, size, root)
        else:
            descend(theta, dtheta, np.float32(rule.decay), np.float32(rate))
            descend(xi, dxi, np.float32(rule.decay), np.float32(rate))


@loops
def steps(weights, found, means, squares, sizes, pairs, n_trained, rule, work, kind, n_answers, stored, single, t, n_steps):
    """`gradients` and `update`, so many times, from update number t."""
    for number in range(n_steps):
        gradients(weights, found, sizes, pairs, n_trained, work, kind, n_answers, stored, single)
        update(weights, found, means, squares, rule, t + number)


@loops
def evaluate(weights, sizes, pairs, work, kind, n_answers, stored, right, loss):
    """For each pair in both orders, (U, 2): whether the largest logit is the right one, and the cross-entropy in float64."""
    n_pairs = np.uint64(len(pairs.low))
    for first in range(U0, n_pairs, GROUP_SIZE):
        size = min(GROUP_SIZE, n_pairs - first)
        forward(weights, sizes, pairs, first, size, work, kind, n_answers, stored)
        for u in range(size):
            k, largest = u * stored, U0
            for c in range(n_answers):
                if work.logits[k + c] > work.logits[k + largest]:
                    largest = c
            total = total_of(work.exps, k, n_answers)
            for order in range(2):
                answer = pairs.answers[first + u, order]
                right[first + u, order] = answer == largest
                loss[first + u, order] = np.log(total) - work.shifted[k + answer]


ENTRIES = (gradients, update, steps, evaluate)
"""What is called from outside."""
