"""Key frequencies by the three published rules, and where the rules disagree.

Nanda et al. 2023 find the key frequencies in three places that agree on their mainline run but not always:

    (a) "embedding"     the norms of W_E's Fourier components (section 4.1, figure 3)
    (b) "neuron-logit"  the Fourier components of W_L = W_out W_U along the logit axis (section 4.2)
    (c) "neurons"       the released code: per neuron the frequency whose 3x3 block {1, cos, sin} x {1, cos, sin} holds most
                        of the centred activation's energy; the keys are the distinct winners, however small their FVE

For (a) and (b) no threshold was published; we cut the norms per frequency at their largest gap (`spectra.largest_gap`), at
most half of the frequencies, and call nothing a key when no gap is worth the name. Dead neurons follow no frequency and do not
vote. Frequencies lie in 1..p//2: k and p - k are one frequency and are never both returned, and the sign k = p/2 of an even p is
a frequency like the others.

Every rule here tests all of 1..p//2. Rule (c) as released loops over `range(1, p // 2)` and never tests k = p // 2 (56 for
p = 113): the neurons that follow it then vote for their second best, which for odd p is k = 1, its overtone, and make a key of
a frequency that no neuron follows. `RuleComparison.released` shows what that loop finds; it decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from modaddlab.analysis.neurons import NeuronEnergies, neuron_energies
from modaddlab.analysis.spectra import Gap, largest_gap, neuron_logit_spectrum, spectrum
from modaddlab.shapes import require_shape

Rule = Literal["embedding", "neuron-logit", "neurons"]


@dataclass(frozen=True)
class KeyFrequencies:
    """The key frequencies that one rule finds, and the evidence."""

    rule: Rule
    frequencies: tuple[int, ...]
    """Ascending, from 1..p//2."""
    score_K: np.ndarray
    """What the rule looks at, per frequency: a norm for (a) and (b), a number of neurons for (c)."""
    gap: Gap | None
    """The cut of rules (a) and (b); none for (c)."""


@dataclass(frozen=True)
class RuleComparison:
    """The three rules on the same network."""

    rules: tuple[KeyFrequencies, KeyFrequencies, KeyFrequencies]
    released: KeyFrequencies
    """Rule (c) in the released code's range, which leaves out k = p // 2; it takes no part in what follows."""
    agreed: tuple[int, ...]
    """Found by all three."""
    majority: tuple[int, ...]
    """Found by at least two."""
    disputed: tuple[int, ...]
    """Found by some but not all."""

    def found_by(self, frequency: int) -> tuple[Rule, ...]:
        """The names of the rules that find a frequency."""
        return tuple(rule.rule for rule in self.rules if frequency in rule.frequencies)


def embedding_keys(W_E_PD: np.ndarray) -> KeyFrequencies:
    """Rule (a): frequencies above the largest gap in the norms of W_E (P, D), the '=' row left out by the caller."""
    return _by_gap("embedding", spectrum(W_E_PD).frequency_norms_K)


def neuron_logit_keys(W_L_HC: np.ndarray) -> KeyFrequencies:
    """Rule (b): frequencies above the largest gap in the norms of W_L (H, C=P) along its outputs."""
    return _by_gap("neuron-logit", neuron_logit_spectrum(W_L_HC).frequency_norms_K)


def compare_rules(W_E_PD: np.ndarray, W_L_HC: np.ndarray, neurons_PPH: np.ndarray) -> RuleComparison:
    """All three rules on one network and what they agree on.

    Args:
        W_E_PD: (P, D) embedding without the '=' row.
        W_L_HC: (H, C=P) neuron-logit map of the last layer.
        neurons_PPH: (P, P, H) activations after the nonlinearity.
    """
    p = require_shape("W_E_PD", W_E_PD, "P D")["P"]
    require_shape("W_L_HC", W_L_HC, "H C", C=p)
    require_shape("neurons_PPH", neurons_PPH, "P P H", P=p)
    energies = neuron_energies(neurons_PPH)
    rules = (embedding_keys(W_E_PD), neuron_logit_keys(W_L_HC), _by_vote(energies, released_range=False))
    sets = [set(rule.frequencies) for rule in rules]
    union = set.union(*sets)
    agreed = set.intersection(*sets)
    majority = {k for k in union if sum(k in found for found in sets) >= 2}
    return RuleComparison(
        rules=rules,
        released=_by_vote(energies, released_range=True),
        agreed=tuple(sorted(agreed)),
        majority=tuple(sorted(majority)),
        disputed=tuple(sorted(union - agreed)),
    )


def _by_vote(energies: NeuronEnergies, released_range: bool) -> KeyFrequencies:
    n_frequencies = len(energies.polynomial_KH)
    n_tested = n_frequencies - 1 if released_range else n_frequencies
    votes_K = np.zeros(n_frequencies, dtype=np.int64)
    alive_H = energies.centred_H > 0
    if n_tested > 0 and alive_H.any():
        # a neuron that answers one pair alone follows all frequencies alike: rounded, so that the last digits do not decide
        shares_KH = np.round(energies.polynomial_KH[:n_tested, alive_H] / energies.centred_H[alive_H], 12)
        winners = np.argmax(shares_KH, axis=0)
        votes_K = np.bincount(winners, minlength=n_frequencies)
    return KeyFrequencies("neurons", tuple(int(k) + 1 for k in np.flatnonzero(votes_K)), votes_K, None)


def _by_gap(rule: Rule, norms_K: np.ndarray) -> KeyFrequencies:
    gap = largest_gap(norms_K)
    found = np.flatnonzero(norms_K > gap.threshold)
    return KeyFrequencies(rule, tuple(int(k) + 1 for k in found), norms_K, gap)
