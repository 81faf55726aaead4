"""The claims of Gross et al. 2024 on proofs of a network's accuracy that are shorter than trying all inputs."""

from __future__ import annotations

from modaddlab import findings, tables
from modaddlab.claims import quantities as q
from modaddlab.claims.claim import Band, Claim

SOURCE = "gross2024compact"

CLAIMS = (
    Claim(
        id="gross-vacuous",
        source=SOURCE,
        place="figure 1",
        statement="A much shorter proof shows nothing by default: the share that is proven without waves in or out.",
        says="vacuous, on another task",
        measure=lambda study: findings.proof.ladder(study).neither.value,
        form=tables.percent,
        holds=Band(0, 0.01),
        averaged="share",
        evidence="@fig-proven",
    ),
    Claim(
        id="gross-recovered",
        source=SOURCE,
        place="figure 1",
        statement="Knowing the mechanism recovers the bound in part: the share that a proof of that length shows with it.",
        says="some, but not all, on another task",
        measure=q.finding("proof.bound"),
        null=q.finding("proof.bound", null=True),
        null_is="a random wave kept of each neuron",
        form=tables.percent,
        holds=Band(0.5, 1),
        averaged="share",
        evidence="@fig-proven",
    ),
    Claim(
        id="gross-structureless",
        source=SOURCE,
        place="abstract",
        statement="What stands in the way is noise without structure, allowed for as if it agreed: the allowance over the noise.",
        says="a key challenge, on another task",
        measure=q.finding("proof.looseness"),
        holds=Band(2),
        averaged="log",
        evidence="@fig-proven",
    ),
)
