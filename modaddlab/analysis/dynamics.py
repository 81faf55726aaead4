"""The dynamics of one hidden neuron of the two-layer network: four numbers a frequency, as equations and their solution.

A neuron reads theta[x] + theta[y] and writes xi; each is a sum of waves, here with complex amplitudes:

    theta[x] = sum_k alpha_k cos(omega_k x + phi_k) + constant      a_k = alpha_k exp(i phi_k)
    xi[j]    = sum_k beta_k  cos(omega_k j + psi_k) + constant      b_k = beta_k  exp(i psi_k)      D_k = 2 phi_k - psi_k

The loss is the mean cross-entropy over the p^2 ordered pairs. While every answer is about equally likely its gradient by the
logit of j is (1/p - 1{j = x + y}) / p^2, no neuron feels another, and gradient flow gives for the activation u^2

    a' = (2/p) conj(a) b        alpha' = (2/p) alpha beta cos D      phi' = -(2/p) beta sin D
    b' = (1/p) a^2              beta'  = (1/p) alpha^2 cos D         psi' = (1/p) (alpha^2 / beta) sin D

exactly, for odd p and any number of frequencies: each is on its own. D' = -(4 beta + alpha^2 / beta) sin(D) / p leads to D = 0
from everywhere but D = pi. Two quantities stay as they are: alpha^2 - 2 beta^2 = c, and alpha^2 beta sin D = h, the imaginary
part of a^2 conj(b). With them r = alpha^2 obeys r' = (4/p) sqrt((r^3 - c r^2) / 2 - h^2), an elliptic integral: the time
after which a frequency outgrows every bound has a closed form (`growth_time`).

For the activation max(u, 0) frequencies mix (`modaddlab.analysis.leakage`). Of a neuron with a single one, the gradient's part
along that frequency is, for large p, with e = a / |a| and s = 4 / (pi^2 p)

    a' = s (b conj(e) - conj(b) e^3 / 3)      alpha' = (2s/3) beta cos D      phi' = -(4s/3) (beta / alpha) sin D
    b' = (2s/3) |a| e^2                       beta'  = (2s/3) alpha cos D     psi' = (2s/3) (alpha / beta) sin D

with the constants alpha^2 - beta^2 and alpha^4 beta sin D.

Time is the sum of the learning rates of the steps done (`flow_time`): plain gradient descent at the rate eta follows the flow
with t = eta * steps, and nothing is fitted. He et al. 2026 (arXiv 2602.16849, section 5) write the same equations with the time
t / p^2.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import elliprf

from modaddlab.analysis.two_layer import wrap
from modaddlab.shapes import require_shape

Activation = Literal["quad", "relu"]

CEILING = 1e3
"""An amplitude that has grown by this factor counts as beyond bounds: the integration stops there."""


def waves(weights_NP: np.ndarray) -> np.ndarray:
    """The complex amplitude of every wave in rows of weights: modulus alpha and phase phi of alpha cos(omega_k x + phi).

    Args:
        weights_NP: (N, P) a row per neuron over the residues; p odd.

    Returns:
        (N, K) complex128, frequencies 1..(p-1)/2.

    Raises:
        ValueError: p is even.
    """
    p = require_shape("weights_NP", weights_NP, "N P")["P"]
    if p % 2 == 0:
        raise ValueError(f"p (={p}) must be odd: the last frequency of an even p has no phase")
    return np.fft.rfft(np.asarray(weights_NP, dtype=np.float64), axis=1)[:, 1:] * (2 / p)


def misalignment(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """D = 2 phi - psi in (-pi, pi], of complex amplitudes of any one shape."""
    return wrap(2 * np.angle(a) - np.angle(b))


def flow_time(step: ArrayLike, learning_rate: float, warmup_steps: int = 10) -> np.ndarray:
    """The time of gradient flow that plain gradient descent has followed after some steps: the sum of their learning rates.

    Args:
        step: steps done, any shape.
        learning_rate: after warm-up.
        warmup_steps: the rate of step s = 0, 1, ... is learning_rate * min(s / warmup_steps, 1).
    """
    step = np.asarray(step, dtype=np.float64)
    if warmup_steps == 0:
        return learning_rate * step
    warm = np.minimum(step, warmup_steps)
    return learning_rate * (warm * (warm - 1) / (2 * warmup_steps) + np.maximum(step - warmup_steps, 0))


def velocity(a: np.ndarray, b: np.ndarray, p: int, activation: Activation = "quad") -> tuple[np.ndarray, np.ndarray]:
    """The time derivatives of complex amplitudes of any one shape.

    Args:
        a, b: amplitudes of theta and xi.
        p: the modulus.
        activation: "quad", exact; "relu", the part along the neuron's single frequency.

    Raises:
        ValueError: there is no such activation.
    """
    if activation == "quad":
        return 2 / p * np.conj(a) * b, a**2 / p
    if activation == "relu":
        unit = np.exp(1j * np.angle(a))
        scale = 4 / (np.pi**2 * p)
        return scale * (b * np.conj(unit) - np.conj(b) * unit**3 / 3), 2 / 3 * scale * np.abs(a) * unit**2
    raise ValueError(f"activation (={activation!r}) must be quad or relu: the equations are known for these two")


def integrate(
    a_N: ArrayLike, b_N: ArrayLike, p: int, time_T: np.ndarray, activation: Activation = "quad"
) -> tuple[np.ndarray, np.ndarray]:
    """Solve the equations from given amplitudes; each of the N waves is on its own.

    Args:
        a_N, b_N: (N,) complex amplitudes at time_T[0].
        p: the modulus.
        time_T: (T,) increasing times.
        activation: see `velocity`.

    Returns:
        a_TN and b_TN, complex; NaN from where one of a wave's amplitudes has grown by `CEILING`.
    """
    from scipy.integrate import solve_ivp

    start_2N = np.stack([np.atleast_1d(np.asarray(wave, dtype=complex)) for wave in (a_N, b_N)])
    require_shape("time_T", time_T, "T")
    times_T = np.asarray(time_T, dtype=np.float64)
    # Every wave in units of its larger amplitude, so that tolerances mean the same for all.
    size_N = np.maximum(np.abs(start_2N).max(axis=0), np.finfo(float).tiny)
    solved_T2N = np.full((len(times_T), *start_2N.shape), np.nan, dtype=complex)
    solved_T2N[0] = state_2N = start_2N / size_N
    going_N, now = np.arange(len(size_N)), times_T[0]
    while len(going_N) and now < times_T[-1]:
        unit_N = size_N[going_N] if activation == "quad" else np.ones(len(going_N))

        def slope(_: float, flat: np.ndarray, unit_N: np.ndarray = unit_N) -> np.ndarray:
            state_2N = flat.view(complex).reshape(2, -1)
            return (np.stack(velocity(state_2N[0], state_2N[1], p, activation)) * unit_N).ravel().view(float)

        def gone(_: float, flat: np.ndarray) -> float:
            return float(np.abs(flat).max()) - CEILING

        gone.terminal = True  # type: ignore[attr-defined]
        asked_T = times_T[times_T > now]
        flat = np.ascontiguousarray(state_2N).ravel().view(float)
        done = solve_ivp(slope, (now, times_T[-1]), flat, "DOP853", t_eval=asked_T, events=gone, rtol=1e-9, atol=1e-12)
        if not done.success:
            raise ArithmeticError(f"the equations could not be solved beyond the time {done.t[-1]}: {done.message}")
        first = len(times_T) - len(asked_T)
        reached_T2N = np.ascontiguousarray(done.y.T).view(complex).reshape(-1, 2, len(going_N))
        solved_T2N[first : first + len(reached_T2N), :, going_N] = reached_T2N
        if not len(done.t_events[0]):
            break
        now = float(done.t_events[0][0])
        state_2N = np.ascontiguousarray(done.y_events[0][0]).view(complex).reshape(2, -1)
        stays_N = np.abs(state_2N.reshape(2, -1)).max(axis=0) < 0.7 * CEILING  # real and imaginary part are watched apart
        going_N, state_2N = going_N[stays_N], state_2N[:, stays_N]
    return solved_T2N[:, 0] * size_N, solved_T2N[:, 1] * size_N


def invariants(a: np.ndarray, b: np.ndarray, activation: Activation = "quad") -> tuple[np.ndarray, np.ndarray]:
    """The two quantities that the equations conserve, of amplitudes of any one shape.

    Returns:
        quad: alpha^2 - 2 beta^2 and alpha^2 beta sin D; relu: alpha^2 - beta^2 and alpha^4 beta sin D.
    """
    alpha, beta, sine = np.abs(a), np.abs(b), np.sin(misalignment(a, b))
    if activation == "quad":
        return alpha**2 - 2 * beta**2, alpha**2 * beta * sine
    return alpha**2 - beta**2, alpha**4 * beta * sine


def growth_time(alpha: ArrayLike, beta: ArrayLike, D: ArrayLike, p: int) -> np.ndarray:
    """How long a frequency takes to outgrow every bound under the quadratic activation's equations.

    The elliptic integral of the module's header in Carlson's form: with e1, e2, e3 the roots of r^3 - c r^2 - 2 h^2 and e1 the
    largest real one, the way from r up to infinity takes G(r) = (p / sqrt 2) R_F(r - e1, r - e2, r - e3). With cos D < 0 the
    magnitude first falls to its turning point r = e1, and the time is 2 G(e1) - G(alpha^2).

    Args:
        alpha, beta: positive magnitudes, broadcast together with D.
        D: misalignment in radians.
        p: the modulus.

    Returns:
        times in the units of `flow_time`; without bound as D goes to pi while alpha^2 <= 2 beta^2.
    """
    alpha, beta, D = np.broadcast_arrays(*(np.asarray(x, dtype=np.float64) for x in (alpha, beta, D)))
    if not ((alpha > 0) & (beta > 0)).all():
        raise ValueError(f"alpha and beta must be positive, found minima {alpha.min()} and {beta.min()}")
    # In units of alpha: r = 1 at the start.
    ratio2 = (beta / alpha) ** 2
    c, h2 = 1 - 2 * ratio2, ratio2 * np.sin(D) ** 2
    companion = np.zeros((*alpha.shape, 3, 3))
    companion[..., 0, 0], companion[..., 0, 2] = c, 2 * h2
    companion[..., 1, 0] = companion[..., 2, 1] = 1
    roots: np.ndarray = np.linalg.eigvals(companion)
    real_part = np.where(np.abs(np.imag(roots)) < 1e-7, np.real(roots), -np.inf)
    order = np.argsort(-real_part, axis=-1, kind="stable")
    roots = np.take_along_axis(roots, order, axis=-1)
    top = np.clip(np.real(roots[..., 0]), 0, 1)  # the turning point lies between 0 and the start
    with np.errstate(divide="ignore", invalid="ignore"):
        direct = np.real(_from(np.ones_like(top), top, roots))
        turning = np.real(_from(top, top, roots))
        turning = np.where(np.isfinite(turning), turning, np.inf)
    scaled = np.where(np.cos(D) >= 0, direct, 2 * turning - direct)
    return p / np.sqrt(2) * scaled / alpha


def _from(r: np.ndarray, top: np.ndarray, roots: np.ndarray) -> np.ndarray:
    """Carlson's R_F of the distances from r to the three roots, of which `top` is the first."""
    return np.asarray(elliprf((r - top).astype(complex), _away(r - roots[..., 1]), _away(r - roots[..., 2])))


def _away(distance: np.ndarray) -> np.ndarray:
    """Off the negative real axis, where rounding may put a distance that is 0."""
    return np.where(np.abs(np.imag(distance)) < 1e-14, np.maximum(np.real(distance), 0) + 0j, distance)
