"""Every claim that the book tests, in the order in which the scorecard lists them."""

from __future__ import annotations

from modaddlab.claims import (
    he_mechanism,
    he_training,
    nanda_ablations,
    nanda_circuit,
    nanda_training,
    replications,
    sweeps_of_task,
    sweeps_of_training,
)
from modaddlab.claims.claim import Claim

CLAIMS: tuple[Claim, ...] = (
    *nanda_circuit.CLAIMS,
    *nanda_ablations.CLAIMS,
    *nanda_training.CLAIMS,
    *he_mechanism.CLAIMS,
    *he_training.CLAIMS,
    *replications.CLAIMS,
    *sweeps_of_training.CLAIMS,
    *sweeps_of_task.CLAIMS,
)
