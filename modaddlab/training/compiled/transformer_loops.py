"""What the exact step of a transformer with several layers does row by row, as compiled loops; its dense products are torch's.

A row is a pair at a position; rows of the same residues lie beside each other, so that what they read is in a near cache. Sums
are taken in the processor's vectors: another kind of processor gives other last bits.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from modaddlab.training.compiled.loops import ZERO  # whose module chooses the instructions

rows = numba.njit(fastmath=True, nogil=True, error_model="numpy")
"""Compiles loops over rows."""

ONE, LOWEST = np.float32(1), np.float32(-3e38)


@rows
def from_tables(T, columns, shares, base, n_neurons, Y):
    """Y = S T, then ReLU on the neurons.

    Args:
        T: float32 (X, W), the stacked tables.
        columns: int32 (N, n, 2), for each head the rows of T that are attended to.
        shares: float32 (N, n, 2), how much.
        base: int32 (N,), the row of T that is added.
        n_neurons: how many columns are neurons, the first ones.
        Y: float32 (N, W), written.
    """
    for i in range(len(Y)):
        y = Y[i]
        y[:] = T[base[i]]
        for h in range(columns.shape[1]):
            t, u, f, g = T[columns[i, h, 0]], T[columns[i, h, 1]], shares[i, h, 0], shares[i, h, 1]
            for c in range(len(y)):
                y[c] += f * t[c] + g * u[c]
        for c in range(n_neurons):
            y[c] = max(y[c], ZERO)


@rows
def to_tables(T, columns, shares, base, n_neurons, Y, dY, dT, dshares):
    """Backwards through `from_tables`: dY becomes the derivative before ReLU, dT += S^T dY, dshares = dY T^T where S is."""
    for i in range(len(Y)):
        y, v = dY[i], Y[i]
        for c in range(n_neurons):
            y[c] = y[c] if v[c] > ZERO else ZERO
        d = dT[base[i]]
        for c in range(len(y)):
            d[c] += y[c]
        for h in range(columns.shape[1]):
            for j in range(2):
                t, d, f, s = T[columns[i, h, j]], dT[columns[i, h, j]], shares[i, h, j], ZERO
                for c in range(len(y)):
                    s += y[c] * t[c]
                    d[c] += f * y[c]
                dshares[i, h, j] = s


@rows
def attend(q, kv, sources, n_sources, scale, A, z):
    """What the heads read: softmax of the scores, and the mean of the values.

    Args:
        q: float32 (M, n * d), queries.
        kv: float32 (N, 2 * n * d), keys and values.
        sources: int32 (N, 3), the rows of kv that a row sees; the first `n_sources` of them.
        n_sources: int32 (N,).
        scale: float32, of the scores.
        A: float32 (M, n, 3), written.
        z: float32 (M, n * d), written.
    """
    n, width = A.shape[1], q.shape[1]
    d = width // n
    for i in range(len(q)):
        for h in range(n):
            o, top = h * d, LOWEST
            a, qh, zh = A[i, h], q[i, o : o + d], z[i, o : o + d]
            for j in range(n_sources[i]):
                k, s = kv[sources[i, j], o : o + d], ZERO
                for e in range(d):
                    s += qh[e] * k[e]
                a[j] = s * scale
                top = max(top, a[j])
            total = ZERO
            for j in range(n_sources[i]):
                a[j] = math.exp(a[j] - top)
                total += a[j]
            zh[:] = ZERO
            for j in range(n_sources[i]):
                a[j] *= ONE / total
                v, f = kv[sources[i, j], width + o : width + o + d], a[j]
                for e in range(d):
                    zh[e] += f * v[e]


@rows
def attend_backward(q, kv, sources, n_sources, scale, A, dz, dq, dkv):
    """Backwards through `attend`: dq is written, dkv added to."""
    n, width, slopes = A.shape[1], q.shape[1], np.zeros(3, np.float32)
    d = width // n
    for i in range(len(q)):
        for h in range(n):
            o, u = h * d, width + h * d
            a, qh, g, dqh, mean = A[i, h], q[i, o : o + d], dz[i, o : o + d], dq[i, o : o + d], ZERO
            for j in range(n_sources[i]):
                row = sources[i, j]
                v, dv, f, s = kv[row, u : u + d], dkv[row, u : u + d], a[j], ZERO
                for e in range(d):
                    s += g[e] * v[e]
                    dv[e] += f * g[e]
                slopes[j] = s
                mean += f * s
            dqh[:] = ZERO
            for j in range(n_sources[i]):
                row, f = sources[i, j], a[j] * (slopes[j] - mean) * scale
                k, dk = kv[row, o : o + d], dkv[row, o : o + d]
                for e in range(d):
                    dqh[e] += f * k[e]
                    dk[e] += f * qh[e]


ENTRIES = (from_tables, to_tables, attend, attend_backward)
"""What is called from outside."""
