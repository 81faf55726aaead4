"""The claims that another update rule groks sooner, or without a delay, on the small two-layer network of the book's comparison.

The published outcomes are of other networks and tasks, and most baselines were not tuned, so that no verdict follows: what comes
out on ours with both sides tuned stands beside them.
"At once" is meant as in `modaddlab.claims.sweeps_of_training`.
"""

from __future__ import annotations

import math

from modaddlab.claims import quantities as q
from modaddlab.claims.claim import Band, Claim
from modaddlab.claims.sweeps_of_training import AT_ONCE
from modaddlab.study import Study

GROKFAST, MUON, OTHER_MUON = "lee2024grokfast", "tveit2025muon", "essential2025grokking"
ORTHOGONAL, NORM = "prieto2025edge", "liu2022omnigrok"
OTHERS = "their networks and tasks are others"


def _times_as_fast(study: Study) -> float:
    """How many times as fast it groks as AdamW does on the same split from the same weights, both tuned; NaN if it does not."""
    adamw, own = map(q.finding("curves.grokked"), (q.reference("rule-adamw-tuned", study.spec.seed), study))
    return adamw / own


def _sooner(name: str, rule: str, source: str, place: str, statement: str, **more: object) -> Claim:
    return Claim(
        id=f"rule-{name}",
        source=source,
        place=place,
        statement=f"{statement}: how many times as fast as AdamW, both in their fastest setting.",
        measure=_times_as_fast,
        runs=f"rule-{rule}-tuned",
        of_times=True,
        averaged="log",
        undecided=OTHERS,
        evidence="@fig-update-rules",
        **more,  # type: ignore[arg-type]
    )


def _at_once(rule: str, source: str, place: str, statement: str) -> Claim:
    return Claim(
        id=f"rule-{rule}-at-once",
        source=source,
        place=place,
        statement=f"{statement}: how many times as long it takes to know the test pairs as to know the training pairs.",
        says="at once",
        measure=q.finding("curves.times_later"),
        null=lambda study: q.finding("curves.times_later")(q.reference("rule-adamw-tuned", study.spec.seed)),
        null_is="AdamW",
        runs=f"rule-{rule}-tuned",
        of_times=True,
        averaged="log",
        holds=Band(0, AT_ONCE),
        undecided=OTHERS,
        evidence="@tbl-update-rules",
    )


CLAIMS = (
    _sooner(
        "grokfast-average", "grokfast-average", GROKFAST, "algorithm 2",
        "Enlarging the slow part of the gradient makes grokking sooner",
        says="sooner", holds=Band(1, math.inf), details={"times as fast": (43.84,)},
    ),
    _sooner(
        "grokfast-window", "grokfast-window", GROKFAST, "algorithm 1", "So does a window of the last gradients",
        says="sooner", holds=Band(1, math.inf), details={"times as fast": (50.49,)},
    ),
    _sooner(
        "muon", "muon", MUON, "abstract", "Muon groks sooner than AdamW",
        says="sooner", holds=Band(1, math.inf), details={"mean epochs": (153.09, 102.89)},
    ),
    _sooner(
        "muon-wider", "muon", OTHER_MUON, "summary", "Over a wider range of settings Muon is not clearly sooner",
        says="not clearly sooner", holds=Band(0, 1.5),
    ),
    _at_once("orthogonal", ORTHOGONAL, "section 5", "Without the part of the gradient along the weights there is no delay"),
    _at_once("constant-norm", NORM, "section 3", "With the norm of the weights held constant there is no delay"),
)  # fmt: skip
