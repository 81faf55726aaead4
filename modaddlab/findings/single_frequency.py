"""One run of a two-layer network that starts with one frequency a neuron: its waves, the equations' solution, its leakage.

For runs such as mlp-quad-single-freq and mlp-relu-single-freq. Time is the sum of the learning rates, so the solution is laid
over the training with nothing fitted. The equations hold while every answer is about equally likely, that is while the loss is
close to log p: `Run.until` gives the last snapshot before the loss has fallen by some share of that.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from modaddlab.analysis import dynamics, leakage
from modaddlab.findings.networks import (
    ADDITION,
    DESCENT,
    KNOWN_HARMONICS,
    ODD_MODULUS,
    ONE_FREQUENCY_START,
    PATH,
    TWO_LAYER,
    for_networks,
)
from modaddlab.findings.value import Group, Value, number, share, steps, total
from modaddlab.models.two_layer import theta_of
from modaddlab.study import Study

ORDERS = tuple(range(2, 10))
"""The overtones r k that are measured."""

SOLVED = 0.8
"""The equations are solved until the loss has fallen to this share of log p, well beyond where they hold."""

HELD = 0.05
"""The equations count as holding until the loss has fallen by this share of log p."""

LATE = 0.2
"""A neuron with a larger |D| than this at the end has not finished turning, radians."""

WHOLE = "whole vectors"
"""The name of the drift of |theta|^2 - 2 |xi|^2 or |theta|^2 - |xi|^2."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What became of neurons that started with one frequency each.

    Attributes:
        p: the modulus.
        activation: "quad" or "relu".
        step_T: the snapshots' steps.
        time_T: the sum of the learning rates until then.
        loss_T: the training loss over log p; 1 is uniform guessing.
        frequency_H: what each neuron started with, and is measured at.
        a_TH, b_TH: complex amplitudes of input and output at that frequency.
        solved_a_TH, solved_b_TH: the equations' solution from the first snapshot's amplitudes; NaN where it has diverged, and
            after the last snapshot with a loss above `SOLVED`.
        input_share_TH, output_share_TH: the share of the energy that lies at that frequency.
        input_ratio_TRH, output_ratio_TRH: amplitudes at r k over those at k, for the r of `ORDERS`; NaN where r k is k or 0.
        input_elsewhere_TH, output_elsewhere_TH: the same at the frequencies that are neither k nor a low overtone: the
            null; NaN where p is so small that there are none.
        norm_gap_TH: |theta|^2 - 2 |xi|^2 (quad) or |theta|^2 - |xi|^2 (relu) of the whole vectors, with all their frequencies.
        norm_TH: |theta|^2.
    """

    p: int
    activation: dynamics.Activation
    step_T: np.ndarray
    time_T: np.ndarray
    loss_T: np.ndarray
    frequency_H: np.ndarray
    a_TH: np.ndarray
    b_TH: np.ndarray
    solved_a_TH: np.ndarray
    solved_b_TH: np.ndarray
    input_share_TH: np.ndarray
    output_share_TH: np.ndarray
    input_ratio_TRH: np.ndarray
    output_ratio_TRH: np.ndarray
    input_elsewhere_TH: np.ndarray
    output_elsewhere_TH: np.ndarray
    norm_gap_TH: np.ndarray
    norm_TH: np.ndarray

    @property
    def D_TH(self) -> np.ndarray:
        """Misalignments in (-pi, pi]."""
        return dynamics.misalignment(self.a_TH, self.b_TH)

    def until(self, fall: float = 0.05) -> int:
        """The index of the last snapshot before the loss has fallen by a share of log p.

        Args:
            fall: 0.05 is 5 %.
        """
        return _last_above(self.loss_T, 1 - fall)

    @property
    def error_T(self) -> np.ndarray:
        """How far the solution is from the run: the median over neurons of |a - solved a| / |a|, with NaN counted as infinite."""
        error_TH = np.abs(self.a_TH - self.solved_a_TH) / np.abs(self.a_TH)
        return np.median(np.nan_to_num(error_TH, nan=np.inf), axis=1)

    @property
    def motion_T(self) -> np.ndarray:
        """What `error_T` is to be compared with: the median of |a - initial a| / |a|, the error of a theory without motion."""
        return np.median(np.abs(self.a_TH - self.a_TH[0]) / np.abs(self.a_TH), axis=1)

    def drifts(self) -> dict[str, np.ndarray]:
        """How far each conserved quantity has moved, beside quantities that are not conserved: name -> (T,).

        The root mean square over neurons of the change since the start, over the mean size of the quantity's first term. The
        nulls have a wrong coefficient or a wrong power.
        """
        alpha_TH, beta_TH, sine_TH = np.abs(self.a_TH), np.abs(self.b_TH), np.sin(self.D_TH)
        size, phase = dynamics.invariants(self.a_TH, self.b_TH, self.activation)
        if self.activation == "quad":
            right, wrong, power = "α² − 2β²", "α² − β²", "αβ² sin D"  # noqa: RUF001
            wrong_size, wrong_phase = alpha_TH**2 - beta_TH**2, alpha_TH * beta_TH**2 * sine_TH
            names, scales = (right, "α²β sin D", wrong, power), (alpha_TH**2, alpha_TH**2 * beta_TH)
        else:
            right, wrong, power = "α² − β²", "α² − 2β²", "αβ⁴ sin D"  # noqa: RUF001
            wrong_size, wrong_phase = alpha_TH**2 - 2 * beta_TH**2, alpha_TH * beta_TH**4 * sine_TH
            names, scales = (right, "α⁴β sin D", wrong, power), (alpha_TH**2, alpha_TH**4 * beta_TH)
        quantities = {
            names[0]: (size, scales[0]),
            names[1]: (phase, scales[1]),
            "whole vectors": (self.norm_gap_TH, self.norm_TH),
            names[2]: (wrong_size, scales[0]),
            names[3]: (wrong_phase, scales[1]),
        }
        return {
            name: np.sqrt(np.mean((kept_TH - kept_TH[0]) ** 2, axis=1)) / scale_TH.mean(axis=1)
            for name, (kept_TH, scale_TH) in quantities.items()
        }


@dataclass(frozen=True, kw_only=True)
class SingleFrequency(Group):
    """What became of the neurons of one run, and how well the equations foretold it."""

    neurons: Value
    until: Value
    """The last snapshot at which the equations count as holding."""
    error: Value
    """How far off the solved amplitudes are there, median; the null is a theory in which nothing moves."""
    misaligned: Value
    """Mean |D| at the end; the null is that at the start."""
    misaligned_then: Value
    """While the equations hold."""
    late: Value
    """The share of neurons that have not finished turning."""
    late_weight: Value
    """Their alpha^2 beta over that of the others, means."""
    size: Value
    phase: Value
    """How far the two quantities that the equations conserve have moved while they hold; nulls with a wrong factor or power."""
    size_at_end: Value
    phase_at_end: Value
    whole_at_end: Value
    """The same at the end, and of whole vectors."""
    elsewhere: Value
    """The share of the energy outside a neuron's own frequency while the equations hold, of input or output, the larger mean."""
    elsewhere_of_input: Value
    elsewhere_at_end: Value
    third: Value
    fifth: Value
    """The input's amplitude at three and five times the frequency over that at the frequency, median, at the end."""
    loss_at_end: Value
    """Over that of guessing."""
    run: Run = field(repr=False)


@for_networks(TWO_LAYER, KNOWN_HARMONICS, ONE_FREQUENCY_START, DESCENT, ADDITION, ODD_MODULUS, PATH)
def run_of(study: Study) -> Run:
    """The waves of a run that starts with one frequency a neuron."""
    arrays = dict(study.remember(measure_single_frequency))
    for name in ("a_TH", "b_TH", "solved_a_TH", "solved_b_TH"):
        arrays[name] = arrays.pop(f"{name}.real") + 1j * arrays.pop(f"{name}.imag")
    return Run(p=study.p, activation=_activation(study), step_T=study.record.snapshot_steps, **arrays)


@for_networks(TWO_LAYER, KNOWN_HARMONICS, ONE_FREQUENCY_START, DESCENT, ADDITION, ODD_MODULUS, PATH)
def of(study: Study) -> SingleFrequency:
    """What became of the neurons of a run that starts with one frequency each."""
    run = run_of(study)
    until, D_TH = run.until(HELD), np.abs(run.D_TH)
    size, phase, whole, wrong_size, wrong_phase = run.drifts().values()
    late_H, weight_H = D_TH[-1] > LATE, np.abs(run.a_TH[-1]) ** 2 * np.abs(run.b_TH[-1])
    elsewhere = [1 - share_TH.mean(axis=1) for share_TH in (run.input_share_TH, run.output_share_TH)]
    third, fifth = (np.nanmedian(run.input_ratio_TRH[-1, ORDERS.index(r)]) for r in (3, 5))
    return SingleFrequency(
        neurons=total(len(run.frequency_H)),
        until=steps(int(run.step_T[until])),
        error=share(run.error_T[until], null=run.motion_T[until]),
        misaligned=number(D_TH[-1].mean(), null=D_TH[0].mean()),
        misaligned_then=number(D_TH[until].mean()),
        late=share(late_H.mean()),
        late_weight=share(weight_H[late_H].mean() / weight_H[~late_H].mean() if 0 < late_H.mean() < 1 else np.nan),
        size=number(size[: until + 1].max(), null=wrong_size[: until + 1].max()),
        phase=number(phase[: until + 1].max(), null=wrong_phase[: until + 1].max()),
        size_at_end=share(size[-1]),
        phase_at_end=share(phase[-1]),
        whole_at_end=share(whole[-1]),
        elsewhere=number(max(share_T[until] for share_T in elsewhere)),
        elsewhere_of_input=number(elsewhere[0][until]),
        elsewhere_at_end=share(max(share_T[-1] for share_T in elsewhere)),
        third=number(third),
        fifth=number(fifth),
        loss_at_end=share(run.loss_T[-1]),
        run=run,
    )


@for_networks(TWO_LAYER, KNOWN_HARMONICS, ONE_FREQUENCY_START, DESCENT, ADDITION, ODD_MODULUS, PATH)
def measure_single_frequency(study: Study) -> dict[str, np.ndarray]:
    """The arrays of `Run`, complex ones in two parts."""
    p, step_T = study.p, np.asarray(study.record.snapshot_steps)
    weights = [study.record.snapshot(int(step)) for step in step_T]
    theta_THP = np.array([np.asarray(theta_of(params), dtype=np.float64).T for params in weights])
    xi_THP = np.array([np.asarray(params["mlp.W_out"], dtype=np.float64) for params in weights])
    waves_in_THK = np.array([dynamics.waves(theta_HP) for theta_HP in theta_THP])
    waves_out_THK = np.array([dynamics.waves(xi_HP) for xi_HP in xi_THP])
    own_H = np.abs(waves_in_THK[0]).argmax(axis=1)
    rows_H = np.arange(len(own_H))
    a_TH, b_TH = waves_in_THK[:, rows_H, own_H], waves_out_THK[:, rows_H, own_H]

    optim = study.spec.optim
    time_T = dynamics.flow_time(step_T, optim.lr, optim.warmup_steps)
    arrays = {"time_T": time_T, "frequency_H": own_H + 1}
    arrays["loss_T"] = np.interp(step_T, study.metrics["step"], study.metrics["train_loss"]) / np.log(p)
    last = _last_above(arrays["loss_T"], SOLVED)
    solved = [np.full(a_TH.shape, np.nan, dtype=complex) for _ in range(2)]
    solved[0][: last + 1], solved[1][: last + 1] = dynamics.integrate(a_TH[0], b_TH[0], p, time_T[: last + 1], _activation(study))
    for side, waves_THK in (("input", waves_in_THK), ("output", waves_out_THK)):
        arrays[f"{side}_share_TH"] = np.array([leakage.own_share(waves_HK, own_H + 1) for waves_HK in waves_THK])
        arrays[f"{side}_ratio_TRH"] = np.array(
            [[leakage.overtone_ratio(waves_HK, own_H + 1, r, p) for r in ORDERS] for waves_HK in waves_THK]
        )
        low = (3, 5, 7) if side == "input" else (2, 3, 4)
        arrays[f"{side}_elsewhere_TH"] = np.array(
            [leakage.elsewhere_ratio(waves_HK, own_H + 1, low, p) for waves_HK in waves_THK]
        )
    norm_TH = (theta_THP**2).sum(axis=2)
    arrays["norm_TH"] = norm_TH
    arrays["norm_gap_TH"] = norm_TH - (2 if _activation(study) == "quad" else 1) * (xi_THP**2).sum(axis=2)
    for name, values in (("a_TH", a_TH), ("b_TH", b_TH), ("solved_a_TH", solved[0]), ("solved_b_TH", solved[1])):
        arrays[f"{name}.real"], arrays[f"{name}.imag"] = np.real(values), np.imag(values)
    return arrays


def _activation(study: Study) -> dynamics.Activation:
    return "quad" if study.spec.model.activation == "quad" else "relu"


def _last_above(loss_T: np.ndarray, level: float) -> int:
    """The index of the last snapshot before the loss falls below a level."""
    below_T = np.flatnonzero(loss_T < level)
    return int(below_T[0] - 1) if len(below_T) else len(loss_T) - 1
