"""The book's two-layer networks by their way of training: their waves, what they look like, and other moduli beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from modaddlab import tables
from modaddlab.analysis import two_layer
from modaddlab.findings import waves
from modaddlab.findings.networks import UNTRAINED
from modaddlab.findings.sweep import Columns
from modaddlab.findings.value import Group, Value, loss, number, over, pooled, setting, share, steps, total, words
from modaddlab.findings.waves import HARMONICS, Neurons, Waves, neurons
from modaddlab.study import Study

RUNS = {
    "standard": ("mlp-standard", "standard"),
    "grokking": ("mlp-grokking", "grokking"),
    "quadratic": ("mlp-quad-random", "quadratic"),
    "descent": ("mlp-quad-descent", "quadratic, descent"),
    "one_wave": ("mlp-quad-single-freq", "quadratic, from one wave"),
    "one_wave_relu": ("mlp-relu-single-freq", "ReLU, from one wave"),
}
"""The ways of training: the run of each, and what tables and figures call it."""


@dataclass(frozen=True, kw_only=True)
class Typical:
    """Three neurons of three frequencies, each the one whose wave fits its input middling well."""

    theta_NP: np.ndarray
    xi_NP: np.ndarray
    waves: two_layer.CosineNeurons
    ids: list[int]

    @property
    def columns(self) -> Columns:
        """Their vectors as a figure's data."""
        sides = {"theta": self.theta_NP, "xi": self.xi_NP}
        vectors = {f"{name} {h}": NP[i] for i, h in enumerate(self.ids) for name, NP in sides.items()}
        return {"residue": np.arange(self.waves.p)} | vectors


@dataclass(frozen=True, kw_only=True)
class Circle:
    """The phases of the frequency with the most neurons, on the rings 1 to 4."""

    neurons: Value
    chance: Value
    chance_low: Value
    chance_high: Value
    """The length of the mean of as many random phases, with the ends of the central 95 %."""
    lengths: Value
    phi_N: np.ndarray = field(repr=False)

    @property
    def columns(self) -> Columns:
        """The phases as a figure's data."""
        return {"phi": self.phi_N} | {f"{i} phi": two_layer.wrap(i * self.phi_N) for i in (2, 3, 4)}


@dataclass(frozen=True, kw_only=True)
class Modulus(Group):
    """The standard network at one modulus, one seed."""

    loss: Value
    """The last training loss."""
    waves: Waves
    chance: Value
    """How often the best frequencies of input and output would agree by chance."""


@dataclass(frozen=True, kw_only=True)
class Below:
    """The rings whose imbalance, averaged over seeds, lies below what random phases give."""

    standard: Value
    grokking: Value
    quadratic: Value
    none: tuple[str, ...]
    """The ways of training of which there is no such ring."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """The book's two-layer networks, by their way of training."""

    standard: Waves
    grokking: Waves
    quadratic: Waves
    descent: Waves
    one_wave: Waves
    one_wave_relu: Waves
    untrained: Waves
    p: Value
    neurons: Value
    seeds: Value
    """Of the standard network."""
    seconds: Value
    """What one of them took to train."""
    last_loss: Value
    """Its last training loss."""
    trained_for: Value
    rate: Value
    limit: Value
    """How far a weight of the standard network can get (`waves.speed_limit`)."""
    circle: Circle
    below: Below
    p15: Modulus
    p23: Modulus
    p29: Modulus
    p31: Modulus
    p97: Modulus
    each: dict[str, list[Waves]] = field(repr=False)
    """The seeds of every way of training, by title."""
    main: Neurons = field(repr=False)
    before: Neurons = field(repr=False)
    """The standard network, and the untrained one."""
    typical: Typical = field(repr=False)
    sizes: dict[str, two_layer.CosineFits] = field(repr=False)
    """The waves of one network with its neurons free to differ, and of two with a limit."""
    runs: list[dict[str, Any]] = field(repr=False)
    """A row for every way of training."""

    @property
    def together(self) -> dict[str, Waves]:
        """The ways of training by title, the seeds of each together."""
        return {title: getattr(self, name) for name, (_, title) in RUNS.items()}

    def table(self, names: dict[str, str], *others: str) -> list[dict[str, str]]:
        """A row for every way of training and for the untrained network.

        Args:
            names: heading -> the name of a value.
            others: titles that are left out.
        """
        rows = {title: one for title, one in (self.together | {"untrained": self.untrained}).items() if title not in others}
        return [{"run": title} | {what: str(getattr(one, name)) for what, name in names.items()} for title, one in rows.items()]

    @property
    def features(self) -> list[dict[str, str]]:
        """The table of one frequency a neuron, with what chance gives."""
        names = {"same frequency": "same_frequency", "of the input": "input_fve", "of the output": "output_fve",
                 "IPR, frequencies": "ipr_frequencies", "IPR, coefficients": "ipr_coefficients"}  # fmt: skip
        found = {what: getattr(self.untrained, name) for what, name in names.items()}
        chance = {what: value.kind.form(value.null) for what, value in found.items()}
        return [*self.table(names), {"run": "by chance"} | chance]

    @property
    def alignment(self) -> list[dict[str, str]]:
        """The table of alignment and sizes."""
        names = {"mean misalignment": "misalignment", "variation of α": "variation_alpha", "of β": "variation_beta",  # noqa: RUF001
                 "of α β²": "variation_alpha_beta2", "of α² β": "variation_alpha2_beta"}  # fmt: skip  # noqa: RUF001
        return self.table(names)

    @property
    def participation(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, float]]:
        """The inverse participation ratios by both definitions: trained, untrained, and what random vectors have."""
        both: tuple[two_layer.Participation, ...] = ("frequencies", "coefficients")
        trained, untrained = ({name: neurons.participation(name) for name in both} for neurons in (self.main, self.before))
        return trained, untrained, {name: two_layer.ipr_by_chance(self.p.value, name) for name in both}

    @property
    def participation_columns(self) -> Columns:
        """The same as a figure's data."""
        trained, untrained, _ = self.participation
        sides = {"trained": trained, "untrained": untrained}
        return {f"{over}, {when}": values for when, found in sides.items() for over, values in found.items()}

    @property
    def phase_columns(self) -> Columns:
        """The neurons' phases as a figure's data."""
        fits = self.main.fits
        columns = {"neuron": np.arange(len(fits.phi_H)), "frequency": fits.frequency_H, "phi": fits.phi_H, "psi": fits.psi_H}
        return columns | {"D": fits.misalignment_H, "D untrained": self.before.fits.misalignment_H}

    @property
    def balance(self) -> tuple[dict[str, np.ndarray], dict[str, two_layer.Null], tuple[int, ...]]:
        """The imbalance of every seed on every ring, what random phases give to one network, and the rings."""
        found = {title: np.array([one.imbalance_R for one in seeds]) for title, seeds in self.each.items()}
        return found, {title: seeds[0].imbalance_null for title, seeds in self.each.items()}, HARMONICS

    @property
    def balance_columns(self) -> Columns:
        """Its means over seeds as a figure's data."""
        return {"ring": HARMONICS} | {title: found_SR.mean(axis=0) for title, found_SR in self.balance[0].items()}

    @property
    def size_columns(self) -> Columns:
        """The amplitudes as a figure's data."""
        pairs = [(title, *pair) for title, fits in self.sizes.items() for pair in zip(fits.alpha_H, fits.beta_H, strict=True)]
        return {name: [pair[i] for pair in pairs] for i, name in enumerate(("network", "alpha", "beta"))}


def measure() -> Trained:
    """The finding, of the networks that are trained.

    Raises:
        LabError: a run is not trained, or a record is damaged.
    """
    studies = {name: Study.seeds(run) for name, (run, _) in RUNS.items()}
    each = {name: [waves.of(study) for study in found] for name, found in studies.items()}
    study, before = Study.open("mlp-standard"), neurons(Study.open(UNTRAINED))
    main = neurons(study)
    sizes = {name: main if name == "standard" else neurons(studies[name][0]) for name in ("standard", "quadratic", "descent")}
    together = {name: pooled(found) for name, found in each.items()}
    moduli: dict[str, Any] = {f"p{p}": _modulus(p) for p in (15, 23, 29, 31, 97)}
    return Trained(
        **together,
        **moduli,
        untrained=waves.of(Study.open(UNTRAINED)),
        p=total(study.p),
        neurons=total(study.spec.model.d_mlp),
        seeds=total(len(each["standard"])),
        seconds=words(study.record.told("wall_seconds")),
        last_loss=over([loss(one.metrics["train_loss"][-1]) for one in studies["standard"]]),
        trained_for=steps(study.spec.steps),
        rate=setting(study.spec.optim.lr),
        limit=setting(round(waves.speed_limit(study.spec.optim, study.spec.steps), 9)),
        circle=_circle(main.fits),
        below=_below(each),
        each={title: each[name] for name, (_, title) in RUNS.items()},
        main=main,
        before=before,
        typical=_typical(main),
        sizes={RUNS[name][1]: found.fits for name, found in sizes.items()},
        runs=[_run_row(RUNS[name][1], found, together[name]) for name, found in studies.items()],
    )


def _modulus(p: int) -> Modulus:
    study = Study.open("mlp-p97") if p == 97 else Study.open("mlp-standard", p=p)
    last, chance = study.metrics["train_loss"][-1], 1 / two_layer.n_frequencies(p)
    return Modulus(loss=loss(last), waves=waves.of(study), chance=share(chance))


def _run_row(title: str, studies: Sequence[Study], found: Waves) -> dict[str, Any]:
    spec = studies[0].spec
    optimizer = "AdamW" if spec.optim.optimizer == "adamw" else "descent"
    decay = f", decay {spec.optim.weight_decay:g}" if spec.optim.weight_decay else ""
    return {
        "run": title,
        "σ": {"relu": "ReLU", "quad": "x²"}[spec.model.activation],  # noqa: RUF001
        "training": f"{optimizer}, {tables.number(spec.optim.lr, 1)}{decay}",
        "pairs": tables.percent(spec.task.train_frac, 0),
        "steps": spec.steps,
        "seeds": len(studies),
        "accuracy": str(found.accuracy),
        "loss": str(found.loss),
    }


def _typical(found: Neurons, frequencies: Sequence[int] = (2, 5, 9)) -> Typical:
    fits = found.fits
    rows = [fits.of_frequency(k) for k in frequencies]
    ids = [int(of_k[np.argsort(fits.input_fve_H[of_k])[len(of_k) // 2]]) for of_k in rows]
    parts = {name: getattr(fits, name)[ids] for name in ("frequency_H", "alpha_H", "phi_H", "beta_H", "psi_H")}
    few = two_layer.CosineNeurons(p=fits.p, **parts)
    return Typical(theta_NP=found.theta_HP[ids], xi_NP=found.xi_HP[ids], waves=few, ids=ids)


def _circle(fits: two_layer.CosineFits) -> Circle:
    most = max(fits.frequency_H, key=lambda k: len(fits.of_frequency(k)))
    phi_N = fits.phi_H[fits.of_frequency(most)]
    chance = two_layer.resultant_null(len(phi_N))
    lengths = [abs(np.exp(1j * i * phi_N).mean()) for i in (1, 2, 3, 4)]
    return Circle(
        neurons=total(len(phi_N)),
        chance=number(chance.mean),
        chance_low=number(chance.low),
        chance_high=number(chance.high),
        lengths=words(tables.listing([f"{length:.3f}" for length in lengths])),
        phi_N=phi_N,
    )


def _below(each: dict[str, list[Waves]]) -> Below:
    rings = {}
    for name, found in each.items():
        mean_R = np.mean([one.imbalance_R for one in found], axis=0)
        rings[name] = [str(i) for i, value in zip(HARMONICS, mean_R, strict=True) if value < found[0].imbalance_null.low]
    listed = {name: words(tables.listing(rings[name])) for name in ("standard", "grokking", "quadratic")}
    return Below(**listed, none=tuple(name for name, found in rings.items() if not found))
