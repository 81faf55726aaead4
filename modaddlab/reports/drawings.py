"""The figures of a report that need more than a line."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from modaddlab import figures
from modaddlab.findings import ablation, concentration, waves
from modaddlab.findings.networks import with_random_weights
from modaddlab.reports.section import Call, Drawing
from modaddlab.study import Study


def ablation_figure(table: str, what: str) -> Drawing:
    """The ablations of one table of `findings.ablation`."""

    def call(found: Any, null: Any, study: Study) -> Call | None:
        rows = ablation.tables(study, n_draws=1)
        full = rows["full"][0].scores.test_loss
        if not rows[table] or not math.isfinite(full):
            return None
        return figures.ablation_losses, (rows[table], full, math.log(study.p)), {}

    alt = "A row for each ablation, the test loss on a logarithmic axis: a dot for the network, a diamond for random parts."
    return Drawing(f"ablation-of-{table}", f"The test loss {what}, beside random parts of the same size.", alt, call)


def goes_round(p: int, frequencies: Sequence[int]) -> bool:
    """Whether the residues can be put in the order in which they lie on the circles of these frequencies."""
    return all(math.gcd(frequency, p) == 1 for frequency in frequencies)


def unwrapped(p: int, keys: Sequence[int]) -> dict[str, bool]:
    """An option of figures over a and b."""
    return {"unwrapped": goes_round(p, keys)}


def training_curves(found: Any, null: Any, study: Study) -> Call | None:
    """The recorded curves, of a network that was trained here."""
    return (figures.training_curves, (found.metrics, found.phases), {}) if len(found.metrics["step"]) > 1 else None


def neurons(found: Any, null: Any, study: Study) -> Call | None:
    """Some neurons of each key over all pairs, of `findings.circuit.of_neurons`."""
    if not found.shown:
        return None
    return figures.activation_grids, (*found.drawn, study.keys), {"unwrapped": goes_round(study.p, found.drawn[3])}


def neuron_shares(found: Any, null: Any, study: Study) -> Call:
    """How much of each neuron one frequency explains, of `findings.circuit.of_neurons`."""
    control_H = None if null is None else null.fits.fve_H
    return figures.fve_histogram, (found.fits.fve_H, found.fits.frequency_H, study.keys), {"control_H": control_H}


def phase_alignment(found: Any, null: Any, study: Study) -> Call:
    """The phases of the neurons of a two-layer network, and of random ones."""
    return figures.phase_alignment, (waves.neurons(study).fits, waves.neurons(with_random_weights(study)).fits), {}


def answer_as_waves(found: Any, null: Any, study: Study) -> Call | None:
    """One question, of `findings.circuit`."""
    one = found.answer
    return (
        (figures.logits_as_waves, (one.wave_KC, one.logits_C, found.keys, one.a.value, one.b.value), {}) if found.keys else None
    )


def attention(found: Any, null: Any, study: Study) -> Call | None:
    """The heads of `findings.circuit`."""
    if not goes_round(study.p, [fit.frequency for fit in found.heads.fits]):
        return None
    return figures.attention_by_token, (*found.heads.drawn, found.keys), {"fit_Pn": found.heads.fit_Pn}


def circles(found: Any, null: Any, study: Study) -> Call | None:
    """What `findings.pizza` has of the circles alone."""
    return (figures.clock_against_pizza, ({"": found.explained_X3},), {}) if found.alone else None


def two_bases(found: Any, null: Any, study: Study) -> Call:
    """The energy in the waves of the residue, and in those of its logarithm."""
    return figures.two_bases, ({"embedding": (concentration.of(study).energy_K, found.energy_K)},), {}


def components(name: str, quantity: str) -> Callable[[Any, Any, Study], Call]:
    """The spectrum of a field of `findings.spectrum`, beside that before training."""

    def call(found: Any, null: Any, study: Study) -> Call:
        control = None if null is None else getattr(null, name).norms_P
        named = {"control_P": control, "quantity": f"norm of the Fourier components of {quantity}"}
        return figures.component_spectrum, (getattr(found, name).norms_P, found.keys), named

    return call
