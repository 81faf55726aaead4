"""The claim of Prieto et al. 2025 that a softmax which keeps its digits lets networks grok without decay."""

from __future__ import annotations

from modaddlab import tables
from modaddlab.claims import quantities as q
from modaddlab.claims.claim import Band, Claim

CLAIMS = (
    Claim(
        id="prieto-stablemax",
        source="prieto2025edge",
        place="abstract",
        statement="With StableMax networks grok without regularization: test accuracy at the end.",
        says="groks",
        measure=q.finding("digits.test_accuracy"),
        runs="mlp-digits-stablemax",
        null=lambda study: q.finding("digits.test_accuracy")(q.reference("mlp-digits-float64", study.spec.seed)),
        null_is="the cross-entropy in float64",
        form=tables.percent,
        holds=Band(0.95, 1),
        averaged="share",
        evidence="@fig-digits",
        undecided="their networks, moduli and numbers of steps are others",
    ),
)
