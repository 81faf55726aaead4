"""Claims of public sweeps over the task and the network's shape: operation, depth, modulus; and a public reproduction's criteria.

Most are of the public suite (`modaddlab.claims.suite`).
"""

from __future__ import annotations

import math

from modaddlab import tables
from modaddlab.claims import quantities as q
from modaddlab.claims import quantities_sweeps as qs
from modaddlab.claims import suite
from modaddlab.claims.claim import COUNT, EXPONENT, RATIO, YES_NO, Band, Claim, exactly

SUITE = suite.SOURCE
REPRODUCTION = "grokkingreproduction2025"


def _groks_at(run: str, what: str, step: int) -> Claim:
    statement = f"It groks {what}, at this step."
    return suite.groks_at(run, run, "operation sweep", statement, step, Band(0, suite.EPOCHS), "@fig-operations")


OPERATIONS = (
    _groks_at("subtract", "subtraction", 11_800),
    _groks_at("multiply", "multiplication", 14_900),
    _groks_at("squares", "the sum of squares", 1800),
    suite.groks(
        "cubic",
        "cubic",
        "README, operation sweep",
        "It does not grok a³ + ab.",
        0,
        "@fig-operations",
    ),
)


def _unstable(run: str, reference: str, what: str) -> Claim:
    return Claim(
        id=f"suite-{run}",
        source=SUITE,
        place="README, depth sweep",
        statement=f"With three layers {what} is not learned or becomes unstable.",
        published=exactly(1),
        measure=qs.unsteady,
        null=lambda _: qs.unsteady(q.reference(reference)),
        null_is="one layer",
        runs=run,
        tolerance=YES_NO,
        holds=Band(0.5, 1),
        evidence="@fig-depth",
    )


DEPTH = (
    Claim(
        id="suite-multiply-3-layers",
        source=SUITE,
        place="README, depth sweep",
        statement="Multiplication groks three times as fast with three layers as with one.",
        published=exactly(3),
        measure=qs.times_as_fast_as("multiply"),
        runs="multiply-3-layers",
        tolerance=RATIO,
        holds=Band(1, math.inf),
        evidence="@fig-depth",
        undecided="one network of each depth; two seeds of one setting differ by more",
    ),
    _unstable("add-3-layers", "mainline", "addition"),
    _unstable("squares-3-layers", "squares", "the sum of squares"),
    *(
        suite.groks(
            f"cubic-{n}-layers",
            f"cubic-{n}-layers",
            "README, depth sweep",
            f"It does not grok a³ + ab with {words} layers.",
            0,
            "@fig-depth",
        )
        for n, words in ((2, "two"), (3, "three"))
    ),
)

MODULI = (
    *(
        suite.groks(
            f"p{p}",
            f"p{p}",
            "README, prime sweep",
            f"p = {p} does not grok.",
            0,
            "@fig-size",
        )
        for p in (7, 11, 13, 17, 23, 31, 43)
    ),
    *(suite.groks(f"p{p}", f"p{p}", "README, prime sweep", f"p = {p} groks.", 1, "@fig-size") for p in (59, 67, 89, 97)),
    Claim(
        id="suite-exponent",
        source=SUITE,
        place="README, prime sweep",
        statement="From 59 on, larger moduli grok faster: exponent of the time over the modulus.",
        published=exactly(-1.74),
        pooled=qs.exponent_over_moduli,
        tolerance=EXPONENT,
        holds=Band(-math.inf, 0),
        evidence="@fig-size",
    ),
    Claim(
        id="suite-keys-mainline",
        source=SUITE,
        place="README, prime sweep",
        statement="The number of key frequencies is five for every modulus: those above the largest gap, for p = 113.",
        published=exactly(5),
        measure=q.finding("concentration.n_significant"),
        null=q.finding("concentration.n_significant", null=True),
        null_is="renamed residues",
        tolerance=COUNT,
        holds=Band(3.5, 6.5),
        evidence="@fig-size-keys",
        undecided="five is how many its script lists, and it counts k and p - k as two",
    ),
)

CRITERIA = (
    Claim(
        id="criterion-delay",
        source=REPRODUCTION,
        place="README, success criteria",
        statement="The network knows its training pairs early and the test pairs late: the ratio of the two steps.",
        says="early, and later",
        measure=q.finding("curves.times_later"),
        null=lambda _: q.finding("curves.times_later")(q.reference("fraction-0.7")),
        null_is="trained on 70 % of the pairs",
        averaged="log",
        of_times=True,
        holds=Band(10, math.inf),
        evidence="@fig-curves",
    ),
    Claim(
        id="criterion-concentration",
        source=REPRODUCTION,
        place="README, success criteria",
        statement="The embedding's energy concentrates in a few frequencies: share in the five strongest.",
        says="concentrates",
        measure=q.finding("concentration.top_share"),
        null=q.finding("concentration.top_share", null=True),
        null_is="renamed residues",
        holds=Band(0.5, 1),
        averaged="share",
        form=tables.percent,
        evidence="@tbl-bases",
    ),
    Claim(
        id="criterion-canonical",
        source=REPRODUCTION,
        place="README, canonical configuration",
        statement="A reproduction's canonical setup (two layers, weight decay 0.001, 200,000 steps) groks.",
        published=exactly(1),
        measure=q.finding("curves.grokked"),
        runs="canonical-2-layers",
        tolerance=YES_NO,
        evidence="@sec-depth-open",
    ),
)
