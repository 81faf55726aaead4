"""How a neuron finds its phase: a squaring network and one with ReLU from one frequency a neuron, and overtones elsewhere.

What is known of each run is in `modaddlab.findings.single_frequency`; here is what the chapter draws and compares.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from modaddlab.analysis import dynamics, leakage, two_layer
from modaddlab.findings.single_frequency import HELD, ORDERS, WHOLE, Run, SingleFrequency, of
from modaddlab.findings.sweep import Columns
from modaddlab.findings.value import Value, number
from modaddlab.models.two_layer import theta_of
from modaddlab.study import Study

Signed = dict[tuple[leakage.Side, int], float]
"""Overtones with their signs, by side and multiple."""

NETWORKS = {
    "ReLU, plain gradient": "mlp-relu-single-freq",
    "u², plain gradient": "mlp-quad-single-freq",
    "u², Adam": "mlp-quad-random",
    "ReLU, Adam": "mlp-standard",
    "untrained": "mlp-untrained",
}
"""The networks whose overtones are compared, by their titles."""

SHOWN: tuple[tuple[leakage.Side, int], ...] = (("input", 3), ("input", 5), ("output", 2), ("output", 3))
"""The overtones that are compared with their signs."""


@dataclass(frozen=True, kw_only=True)
class Solved:
    """The equations' solution from two starts."""

    time_T: np.ndarray
    cases: dict[str, tuple[np.ndarray, np.ndarray]]
    """Title -> amplitudes of input and output."""

    @property
    def columns(self) -> Columns:
        """The solutions as a figure's data."""
        columns = {"time": self.time_T}
        for title, (a_T, b_T) in self.cases.items():
            columns |= {f"alpha, {title}": np.abs(a_T), f"beta, {title}": np.abs(b_T)}
            columns |= {f"D, {title}": dynamics.misalignment(a_T, b_T)}
        return columns


@dataclass(frozen=True, kw_only=True)
class Overlay:
    """A few neurons of a run on the curves that the equations draw from their initial weights."""

    neurons: list[int]
    step_T: np.ndarray
    measured: tuple[np.ndarray, np.ndarray]
    """|D| and alpha, (T, N)."""
    solved_step_S: np.ndarray
    solved: tuple[np.ndarray, np.ndarray]

    @property
    def drawn(self) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray], np.ndarray, tuple[np.ndarray, np.ndarray]]:
        """What its figure is drawn from."""
        return self.step_T, self.measured, self.solved_step_S, self.solved

    @property
    def columns(self) -> Columns:
        """What was measured as a figure's data."""
        sides = dict(zip(("D", "alpha"), self.measured, strict=True))
        curves = {f"{name} {h}": TN[:, i] for name, TN in sides.items() for i, h in enumerate(self.neurons)}
        return {"step": self.step_T} | curves


@dataclass(frozen=True, kw_only=True)
class Overtones:
    """The overtones of the ReLU network's weights beside the calculated push."""

    quartiles: dict[str, np.ndarray]
    """Side -> (3, R) over neurons at `ORDERS`."""
    predicted: dict[str, np.ndarray]
    control: dict[str, np.ndarray]
    """Of the squaring network."""

    @property
    def drawn(self) -> tuple[tuple[int, ...], dict[str, np.ndarray], dict[str, np.ndarray], dict[str, np.ndarray]]:
        """What its figure is drawn from."""
        return ORDERS, self.quartiles, self.predicted, self.control

    @property
    def columns(self) -> Columns:
        """The overtones as a figure's data."""
        columns: dict[str, object] = {"overtone": ORDERS}
        for side, rows_3R in self.quartiles.items():
            names = ("lower quartile", "median", "upper quartile")
            columns |= {f"{side}: {name}": row_R for name, row_R in zip(names, rows_3R, strict=True)}
            columns |= {f"{side}: push": self.predicted[side], f"{side}: squaring network": self.control[side]}
        return columns  # pyright: ignore[reportReturnType]


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A squaring network and one with ReLU, from one frequency a neuron."""

    quad: SingleFrequency
    relu: SingleFrequency
    adam_third: Value
    adam_fifth: Value
    """The input's overtones of the squaring network under Adam, with their signs at the crests."""
    solved: Solved = field(repr=False)
    overlay: Overlay = field(repr=False)
    relu_overlay: Overlay = field(repr=False)
    overtones: Overtones = field(repr=False)
    signed: dict[str, Signed] = field(repr=False)
    """The overtones of `SHOWN` with their signs: of the two calculated pushes, and of the networks."""
    moments: dict[str, tuple[np.ndarray, np.ndarray]] = field(repr=False)
    """The Fourier components of some neurons of both networks at two moments."""

    @property
    def spans(self) -> list[tuple[str, float, float]]:
        """The parts of the squaring network's training, as figures shade them."""
        first, until, last = 0, self.quad.until.value, self.quad.run.step_T[-1]
        return [("all answers about equally likely", first, until), ("not", until, last)]

    @property
    def short_spans(self) -> dict[str, list[tuple[str, float, float]]]:
        """The same with a short name, for a small panel."""
        return {"u²": [("equally likely", *self.spans[0][1:]), self.spans[1]]}

    @property
    def drifts(self) -> list[dict[str, object]]:
        """The squaring network's quantities as a table."""
        found, until = self.quad.run.drifts(), self.quad.run.until(HELD)
        return [
            {
                "quantity": "|θ|² − 2|ξ|² of whole vectors" if name == WHOLE else name,  # noqa: RUF001
                "conserved by the theory": i < 3,
                "while it should hold": drift_T[: until + 1].max(),
                "at the end of the run": drift_T[-1],
            }
            for i, (name, drift_T) in enumerate(found.items())
        ]

    @property
    def drift_columns(self) -> Columns:
        """The same over training as a figure's data."""
        return {"step": self.quad.run.step_T} | self.quad.run.drifts()

    @property
    def elsewhere(self) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Steps and the shares of energy that have left a neuron's own frequency, of input and output."""
        runs = {"u²": self.quad.run, "max(u, 0)": self.relu.run}
        return {
            title: (run.step_T, 1 - run.input_share_TH.mean(axis=1), 1 - run.output_share_TH.mean(axis=1))
            for title, run in runs.items()
        }

    @property
    def elsewhere_columns(self) -> Columns:
        """The same as a figure's data."""
        sides = {title: dict(zip(("input", "output"), shares, strict=True)) for title, (_, *shares) in self.elsewhere.items()}
        shares = {f"{side}, {title}": share_T for title, by_side in sides.items() for side, share_T in by_side.items()}
        return {"step": self.quad.run.step_T} | shares

    @property
    def moments_NNNP(self) -> np.ndarray:
        """All components in one array: moment, input or output, row, component."""
        return np.stack([np.stack(pair) for pair in self.moments.values()]).round(7)

    @property
    def signs(self) -> list[dict[str, str]]:
        """The overtones with their signs as a table."""
        return [
            {"": title} | {f"{side} {r}k": _signed(values[side, r]) for side, r in SHOWN} for title, values in self.signed.items()
        ]


def measure() -> Compared:
    """The finding.

    Raises:
        LabError: a run is not trained, or a record is damaged.
    """
    studies = {title: Study.open(name) for title, name in NETWORKS.items()}
    relu_study, quad_study = studies["ReLU, plain gradient"], studies["u², plain gradient"]
    quad, relu = of(quad_study), of(relu_study)
    push: Signed = {(side, r): leakage.predicted_sign(side, r) * float(leakage.predicted_ratio(side, r)) for side, r in SHOWN}
    even_step: Signed = {(side, r): leakage.sign_ratio(r) for side, r in SHOWN}
    signed = {"ReLU's push": push, "a step of one size for all": even_step}
    signed |= {title: _signed_overtones(study) for title, study in studies.items()}
    adam = signed["u², Adam"]
    held, last = int(quad.until.value), int(relu.run.step_T[-1])
    moments = {f"u², step {step:,}": _components(quad_study, quad.run, step) for step in (0, held)}
    moments |= {f"ReLU, step {step:,}": _components(relu_study, relu.run, step) for step in (0, last)}
    return Compared(
        quad=quad,
        relu=relu,
        adam_third=number(adam["input", 3]),
        adam_fifth=number(adam["input", 5]),
        solved=_solved(quad_study.p),
        overlay=_overlay(quad_study, quad.run),
        relu_overlay=_overlay(relu_study, relu.run),
        overtones=_overtones(quad.run, relu.run),
        signed=signed,
        moments=moments,
    )


def _solved(p: int) -> Solved:
    time_T = np.linspace(0, 1400, 500)
    starts = {"starts at a right angle": (-0.72, -2.91), "starts nearly opposite": (0.3, -2.2)}
    cases = {}
    for title, (phi, psi) in starts.items():
        a_TN, b_TN = dynamics.integrate(np.array([0.02 * np.exp(1j * phi)]), np.array([0.02 * np.exp(1j * psi)]), p, time_T)
        cases[title] = (a_TN[:, 0], b_TN[:, 0])
    return Solved(time_T=time_T, cases=cases)


def _overlay(study: Study, run: Run, n: int = 6) -> Overlay:
    """Neurons whose initial misalignments are spread evenly."""
    D_H, optim = np.abs(run.D_TH[0]), study.spec.optim
    chosen = [int(np.argmin(np.abs(D_H - D))) for D in (np.arange(n) + 0.5) * np.pi / n]
    step_S = np.linspace(0, study.spec.steps, 400).astype(int)
    time_S = dynamics.flow_time(step_S, optim.lr, optim.warmup_steps)
    a_SN, b_SN = dynamics.integrate(run.a_TH[0, chosen], run.b_TH[0, chosen], run.p, time_S, run.activation)
    return Overlay(
        neurons=chosen,
        step_T=run.step_T,
        measured=(np.abs(run.D_TH[:, chosen]), np.abs(run.a_TH[:, chosen])),
        solved_step_S=step_S,
        solved=(np.abs(dynamics.misalignment(a_SN, b_SN)), np.abs(a_SN)),
    )


def _overtones(quad: Run, relu: Run) -> Overtones:
    until, sides = quad.until(HELD), {"input": "input_ratio_TRH", "output": "output_ratio_TRH"}
    predicted = {side: np.array([float(leakage.predicted_ratio(side, r)) for r in ORDERS]) for side in ("input", "output")}
    return Overtones(
        quartiles={side: np.nanquantile(getattr(relu, name)[-1], [0.25, 0.5, 0.75], axis=1) for side, name in sides.items()},
        predicted=predicted,
        control={side: np.nanmedian(getattr(quad, name)[until], axis=1) for side, name in sides.items()},
    )


def _signed_overtones(study: Study) -> Signed:
    """The overtones of `SHOWN` in the final weights, with their signs at the crests, means over neurons."""
    waves = {"input": dynamics.waves(study.grid.theta_HP), "output": dynamics.waves(study.grid.xi_HP)}
    own_H = np.abs(waves["input"]).argmax(axis=1) + 1
    return {(side, r): float(np.nanmean(leakage.signed_ratio(waves[side], own_H, r, study.p))) for side, r in SHOWN}


def _components(study: Study, run: Run, step: int) -> tuple[np.ndarray, np.ndarray]:
    """The Fourier components of some neurons' input and output vectors at a snapshot."""
    params, rows = study.record.snapshot(step), two_layer.sample_of_rows(run.frequency_H)
    return two_layer.components(theta_of(params).T[rows]), two_layer.components(params["mlp.W_out"][rows])


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−") if abs(value) >= 0.005 else "0.00"  # noqa: RUF001
