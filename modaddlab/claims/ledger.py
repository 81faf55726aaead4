"""Every claim that the book tests, in the order in which the scorecard lists them.

What others published has its one home here: a chapter that writes or draws a published number reads it from its claim.

    by_id("suite-decay-3").value        1400.0
    by_id("suite-decay-3").steps_text   "1,400"
    by_id("nanda-keys").details["frequencies"]
"""

from __future__ import annotations

import difflib

from modaddlab import tables
from modaddlab.claims import (
    gross,
    he_mechanism,
    he_training,
    mallinar,
    morwani,
    nanda_ablations,
    nanda_circuit,
    nanda_training,
    optimizers,
    panickssery,
    prieto,
    replications,
    suite,
    sweeps_of_task,
    sweeps_of_training,
    zhong,
)
from modaddlab.claims.claim import Claim
from modaddlab.errors import LabError

SUBJECTS: dict[str, tuple[Claim, ...]] = {
    "The circuit": (*nanda_circuit.SETUP, *nanda_circuit.CIRCUIT),
    "What can be proven": gross.CLAIMS,
    "What removing parts costs": (*nanda_ablations.CLAIMS, *replications.ABLATIONS),
    "How the transformer trains": (
        *nanda_training.PHASES, *replications.TRAINING, *sweeps_of_task.CRITERIA, *nanda_training.CONTROLS,
        *replications.REPLICATION_SETUP,
    ),
    "How much decay": (*nanda_training.DECAY, *sweeps_of_training.DECAY),
    "How much data": sweeps_of_training.DATA,
    "How fast": (*sweeps_of_training.RATE, *sweeps_of_training.PRODUCT),
    "Which optimizer": optimizers.CLAIMS,
    "Without a network": mallinar.CLAIMS,
    "How complex": panickssery.CLAIMS,
    "Operation and depth": (*sweeps_of_task.OPERATIONS, *sweeps_of_task.DEPTH),
    "Clock or pizza": zhong.CLAIMS,
    "How large": (*nanda_training.MODULI, *replications.MODULI, *sweeps_of_task.MODULI),
    "The two-layer network's waves": (*he_mechanism.FEATURES, *he_mechanism.SWAPS, *he_mechanism.MECHANISM),
    "The two-layer network's closed form": (*he_mechanism.CLOSED_FORM, *morwani.CLAIMS),
    "How the two-layer network trains": (
        *he_training.DYNAMICS, *he_training.GROKKING, *he_training.LOSSES, *replications.TWO_LAYERS, *prieto.CLAIMS,
    ),
}  # fmt: skip
"""The claims by what they are about."""

CLAIMS: tuple[Claim, ...] = tuple(claim for claims in SUBJECTS.values() for claim in claims)

_BY_ID = {claim.id: claim for claim in CLAIMS}


def published_texts() -> dict[str, str]:
    """Every published value as it is written, by the name under which chapters take it: published.suite-rate-0-003 of the claim
    suite-rate-0.003; with "-trained-for" behind it the steps of a run that something did not happen in, with "-null" what the
    source has for its null, and with the name of one of its details that detail."""
    texts = {"published.suite-betas": tables.listing([f"{beta:g}" for beta in suite.BETAS])}
    for claim in CLAIMS:
        name = f"published.{claim.id.replace('.', '-')}"
        texts[name] = claim.published_text
        if claim.trained_for is not None:
            texts[f"{name}-trained-for"] = tables.whole(claim.trained_for)
        if claim.null_published is not None:
            texts[f"{name}-null"] = claim.form(claim.null_published)
        details = {what.replace(" ", "-"): values for what, values in claim.details.items() if values}
        texts |= {
            f"{name}-{what}": tables.listing([_detail(claim, what, one) for one in values]) for what, values in details.items()
        }
    return texts


def _detail(claim: Claim, what: str, value: float) -> str:
    """A single published value: whole numbers are counts and names, accuracies shares, others as the claim's value."""
    if value == int(value):
        return tables.whole(value)
    return tables.percent(value) if what.endswith("accuracy") else claim.form(value)


def by_id(name: str) -> Claim:
    """The claim with this id.

    Raises:
        LabError: if there is none; it names the ids that look like it.
    """
    if name not in _BY_ID:
        near = difflib.get_close_matches(name, _BY_ID, n=3, cutoff=0.5)
        raise LabError(f"no claim has the id {name!r}" + (f"; did you mean {' or '.join(near)}?" if near else ""))
    return _BY_ID[name]
