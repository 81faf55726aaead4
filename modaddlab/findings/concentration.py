"""How few frequencies an embedding uses, in the waves of addition or in the characters of multiplication.

It is told in three ways: the share of the energy in the five strongest frequencies; the effective number of frequencies,
(sum E)^2 / sum E^2; the number above the largest gap. Each has its null: the same embedding with its residues renamed at random.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from modaddlab import tables
from modaddlab.analysis import characters, fourier, spectra
from modaddlab.errors import LabError
from modaddlab.findings.networks import EMBEDDING, OF_LOGARITHMS, for_networks
from modaddlab.findings.value import COUNT, Group, Value, number, share, words
from modaddlab.study import Study

Basis = Literal["additive", "multiplicative"]

N_TOP = 5
"""How many of the strongest frequencies the share of energy counts: the number of the mainline's published keys."""

N_RENAMINGS = 20
"""Random renamings of the residues behind each null."""


@dataclass(frozen=True, kw_only=True)
class Concentration(Group):
    """How few frequencies an embedding uses, in one basis; a null is the mean over random renamings of the residues."""

    top_share: Value
    """Share of the energy (without the constant) in the five strongest frequencies."""
    effective: Value
    """Effective number of frequencies."""
    n_significant: Value
    """Frequencies above the largest gap; 0 when nothing stands out."""
    frequencies: Value
    """Which they are, strongest first."""
    energy_K: np.ndarray = field(repr=False)
    """Squared norm per frequency."""
    strongest: tuple[int, ...] = field(repr=False)
    """The frequencies above the largest gap, strongest first."""

    @property
    def part(self) -> float:
        """The effective number as a part of its null."""
        return self.effective.value / self.effective.null  # pyright: ignore[reportOperatorIssue] - it has one

    @property
    def text(self) -> str:
        """The effective number as a table writes it: its null is in brackets."""
        return f"{self.effective.value:.1f} ({self.effective.null:.0f})"


@for_networks(EMBEDDING)
def of(study: Study, basis: Basis = "additive") -> Concentration:
    """How concentrated the final embedding of a network is in a basis, from the cache or computed and kept there.

    Raises:
        LabError: the multiplicative basis of a modulus that is no prime is asked for.
    """
    return read(study.remember(measure_concentration, basis=basis))


@for_networks(OF_LOGARITHMS, EMBEDDING)
def of_characters(study: Study) -> Concentration:
    """The same in the characters, of a network whose operation adds logarithms."""
    return of(study, "multiplicative")


@for_networks(EMBEDDING)
def measure_concentration(study: Study, *, basis: Basis) -> dict[str, np.ndarray]:
    """The arrays of `Concentration`."""
    if basis == "multiplicative" and not characters.is_prime(study.p):
        raise LabError(f"{study.record.run_id} has no multiplicative basis: its modulus {study.p} is no prime")
    energies = fourier.energy_per_frequency if basis == "additive" else characters.energy_per_character
    table_PD, generator = study.embedding_PD, np.random.default_rng(0)
    renamed = [energies(table_PD[generator.permutation(study.p)]) for _ in range(N_RENAMINGS)]
    energy_K = energies(table_PD)
    return {
        "energy_K": energy_K,
        "scores": np.array(_scores(energy_K)),
        "nulls": np.mean([_scores(energy_K) for energy_K in renamed], axis=0),
    }


def read(arrays: dict[str, np.ndarray]) -> Concentration:
    """The arrays of `measure_concentration` as a `Concentration`."""
    values, nulls = arrays["scores"], arrays["nulls"].tolist()
    strongest = tuple(int(k) + 1 for k in np.argsort(-arrays["energy_K"])[: int(values[2])])
    return Concentration(
        top_share=share(values[0], null=nulls[0]),
        effective=number(values[1], null=nulls[1]),
        n_significant=Value(int(values[2]), COUNT, null=nulls[2]),
        frequencies=words(tables.listing(strongest)),
        strongest=strongest,
        energy_K=arrays["energy_K"],
    )


def _scores(energy_K: np.ndarray) -> tuple[float, float, float]:
    strongest = np.sort(energy_K)[::-1][:N_TOP]
    n_significant = spectra.largest_gap(np.sqrt(energy_K)).n_significant
    return float(strongest.sum() / energy_K.sum()), characters.effective_number(energy_K), float(n_significant)
