"""Quantities of claims about sweeps: from a record's curves and its final embedding; where two runs are compared, from both."""

from __future__ import annotations

import functools
import math

import numpy as np

from modaddlab.analysis import spectra, stability
from modaddlab.analysis.fourier import energy_per_frequency
from modaddlab.analysis.scaling import power_law
from modaddlab.claims import quantities as q
from modaddlab.claims.claim import Measure
from modaddlab.measurements import outcomes
from modaddlab.study import Study

STEADY = 0.9
"""A network that has had 95 % of the test right and falls below this share again counts as unstable."""


def step_of_both(study: Study) -> tuple[float, float]:
    """The steps at which 99 % of the training and 95 % of the test pairs are right; NaN if never."""
    return q.finding("curves.memorized")(study), q.finding("curves.grokked")(study)


def delay_ratio(study: Study) -> float:
    """How many times as long it takes to have 95 % of the test pairs right as 99 % of the training pairs; NaN from step 0."""
    memorized, generalized = step_of_both(study)
    return generalized / memorized if memorized else math.nan


def unsteady(study: Study) -> float:
    """1 if it does not grok, or falls below 90 % of the test pairs again after it had 95 %; otherwise 0."""
    lowest = stability.lowest_after(study.metrics["step"], study.metrics["test_accuracy"], study.phases.generalization)
    return float(not lowest >= STEADY)


def times_as_fast_as(name: str) -> Measure:
    """How many times as fast as another run it groks.

    NaN if it does not; where only the other does not, at least as many times as the other's steps allow.
    """

    def measure(study: Study) -> float:
        other = q.reference(name)
        slower = q.finding("curves.grokked")(other)
        faster = q.finding("curves.grokked")(study)
        return (other.spec.steps if math.isnan(slower) else slower) / faster if faster else math.inf

    return measure


def n_frequencies(study: Study) -> float:
    """Frequencies of the final embedding above the largest gap."""
    return float(spectra.largest_gap(np.sqrt(energy_per_frequency(study.embedding_PD))).n_significant)


def n_frequencies_renamed(study: Study) -> float:
    """The same with the residues renamed at random."""
    renamed_PD = study.embedding_PD[np.random.default_rng(0).permutation(study.p)]
    return float(spectra.largest_gap(np.sqrt(energy_per_frequency(renamed_PD))).n_significant)


def top_share(study: Study) -> float:
    """The share of the final embedding's energy in its five strongest frequencies."""
    return share_of_strongest(study.embedding_PD)


def top_share_renamed(study: Study) -> float:
    """The same with the residues renamed at random."""
    return share_of_strongest(study.embedding_PD[np.random.default_rng(0).permutation(study.p)])


def share_of_strongest(x_PD: np.ndarray) -> float:
    """The share of the energy of (P, D), without the constant, in its five strongest frequencies."""
    energy_K = np.sort(energy_per_frequency(x_PD))[::-1]
    return float(energy_K[: outcomes.N_TOP].sum() / energy_K.sum())


def exponent_of_seed(study: Study) -> float:
    """The exponent of time to grok over the modulus, from 59 on, among the runs of the sweep "prime" with this seed that grok.

    NaN for fewer than three moduli.
    """
    return exponents().get(study.spec.seed, math.nan)


@functools.cache
def exponents() -> dict[int, float]:
    """The exponent for each seed that has three moduli."""
    points: dict[int, list[tuple[int, float]]] = {}
    for row in outcomes.sweep("prime").rows:
        if row.spec.task.p >= 59 and math.isfinite(row.grokked):
            points.setdefault(row.spec.seed, []).append((row.spec.task.p, row.grokked))
    laws = {seed: power_law(*zip(*found, strict=True)) for seed, found in points.items()}
    return {seed: law.exponent for seed, law in laws.items() if law is not None}
