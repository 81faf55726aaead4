"""He et al. 2026 on how the two-layer network is trained: its dynamics, the lottery, the stages of grokking, its final losses."""

from __future__ import annotations

import math

from modaddlab import tables
from modaddlab.claims import quantities as q
from modaddlab.claims import quantities_two_layer as two
from modaddlab.claims.claim import ACCURACY, AMPLITUDE, LARGE_LOSS, LOSS, SHARE, STEPS, Band, Claim, exactly

SOURCE = "he2026mechanism"
SQUARE, KINK = "mlp-quad-single-freq", "mlp-relu-single-freq"

DYNAMICS = (
    Claim(
        id="he-equations",
        source=SOURCE,
        place="dynamics",
        statement="While answers are equally likely four equations give a neuron's course: median error of its amplitude.",
        says="they do",
        measure=q.finding("single_frequency.error"),
        runs=SQUARE,
        null=q.finding("single_frequency.error", null=True),
        null_is="a theory without motion",
        holds=Band(0, 0.05),
        form=tables.percent,
        evidence="@fig-dyn-overlay",
    ),
    Claim(
        id="he-attracts",
        source=SOURCE,
        place="dynamics",
        statement="The misalignment D = 0 attracts: mean |D| at the end, in radians.",
        says="0 attracts",
        measure=q.finding("single_frequency.misaligned"),
        runs=SQUARE,
        null=q.finding("single_frequency.misaligned", null=True),
        null_is="at the start",
        holds=Band(0, 0.5),
        evidence="@fig-dyn-overlay",
    ),
    Claim(
        id="he-invariant-size",
        source=SOURCE,
        place="dynamics",
        statement="α² - 2β² does not change: its relative drift while the equations hold.",
        says="conserved",
        measure=q.finding("single_frequency.size"),
        runs=SQUARE,
        null=q.finding("single_frequency.size", null=True),
        null_is="with a wrong factor",
        holds=Band(0, 0.02),
        evidence="@tbl-dyn-drift",
    ),
    Claim(
        id="he-invariant-phase",
        source=SOURCE,
        place="dynamics",
        statement="α²β sin D does not change: its relative drift while the equations hold.",
        says="conserved",
        measure=q.finding("single_frequency.phase"),
        runs=SQUARE,
        null=q.finding("single_frequency.phase", null=True),
        null_is="with a wrong power",
        holds=Band(0, 0.02),
        evidence="@tbl-dyn-drift",
    ),
    Claim(
        id="he-preservation",
        source=SOURCE,
        place="dynamics",
        statement="A squaring neuron keeps its single frequency while answers are equally likely: energy of its input elsewhere.",
        says="exactly",
        measure=q.finding("single_frequency.elsewhere_of_input"),
        runs=SQUARE,
        null=lambda _: q.finding("single_frequency.elsewhere_of_input")(q.reference(KINK)),
        null_is="ReLU",
        holds=Band(0, 1e-3),
        form=lambda value: tables.power(value, 1),
        evidence="@fig-dyn-elsewhere",
    ),
    *(
        Claim(
            id=f"he-leakage-{order}",
            source=SOURCE,
            place="dynamics",
            statement=f"ReLU leaks to {order} times the frequency in the input: amplitude over the wave's, median.",
            published=exactly(1 / order**2),
            measure=q.finding(f"single_frequency.{name}"),
            runs=KINK,
            null=lambda _, name=name: q.finding(f"single_frequency.{name}")(q.reference(SQUARE)),
            null_is="the squaring network",
            tolerance=AMPLITUDE,
            holds=Band(0.5 / order**2, 1),
            evidence="@fig-dyn-overtones",
        )
        for name, order in (("third", 3), ("fifth", 5))
    ),
    Claim(
        id="he-lottery",
        source=SOURCE,
        place="README, lottery",
        statement="The frequency with the smallest initial misalignment wins: share of neurons, magnitudes as drawn.",
        says="it wins (at equal magnitudes)",
        measure=q.finding("lottery.hits.misalignment"),
        runs="mlp-quad-descent",
        null=q.finding("lottery.hits.misalignment", null=True),
        null_is="chance",
        holds=Band(0.5, 1),
        form=tables.percent,
        averaged="share",
        evidence="@tbl-lot-rules",
        undecided="the source's rule is for equal magnitudes; ours are as they were drawn",
    ),
    Claim(
        id="he-lottery-race",
        source=SOURCE,
        place="abstract",
        statement="Magnitude and alignment at the start decide which frequency wins: share of neurons, by the race on paper.",
        says="they decide it",
        measure=q.finding("lottery.hits.race"),
        runs="mlp-quad-descent",
        null=q.finding("lottery.hits.race", null=True),
        null_is="chance",
        holds=Band(0.5, 1),
        form=tables.percent,
        averaged="share",
        evidence="@tbl-lot-rules",
    ),
)

_STAGES = {23: (1744, 9431, 6.8e-6, 0.170, 0.962), 29: (1387, 6426, 5.2e-6, 0.0855, 0.995), 31: (1302, 5119, 5.2e-6, 0.0256, 1.0)}
_BY_EYE = {23: (2200, 10_400)}
"""The ends of the two stages as a released notebook reads them off the curves."""

_LOSSES = {15: 0.0209, 23: 0.0477, 29: 0.00317, 31: 0.00130}


def _stages(p: int) -> tuple[Claim, ...]:
    first, second, train_loss, test_loss, accuracy = _STAGES[p]
    by_eye = _BY_EYE.get(p, ())
    common = {
        "source": SOURCE,
        "place": "released run",
        "runs": "mlp-grokking",
        "p": None if p == 23 else p,
        "evidence": "@tbl-stage-seeds" if p == 23 else "@tbl-stage-moduli",
    }
    return (
        Claim(
            id=f"he-stage-1-{p}",
            statement=f"p = {p}: stage I, memorization, ends.",
            published=exactly(first),
            details={"by eye": by_eye[:1]},
            measure=q.finding("stages.memorized"),
            tolerance=STEPS,
            holds=Band(0, 10_000),
            **common,
        ),
        Claim(
            id=f"he-stage-2-{p}",
            statement=f"p = {p}: stage II ends, the test accuracy passes 95 %.",
            published=exactly(second),
            details={"by eye": by_eye[1:]},
            measure=q.finding("stages.generalized"),
            tolerance=STEPS,
            holds=Band(0, 50_000),
            **common,
        ),
        Claim(
            id=f"he-grokking-train-{p}",
            statement=f"p = {p}: final train loss.",
            published=exactly(train_loss),
            measure=q.finding("curves.train_loss"),
            tolerance=LOSS,
            holds=Band(0, 1e-3),
            **common,
        ),
        Claim(
            id=f"he-grokking-test-{p}",
            statement=f"p = {p}: final test loss, far above the train loss.",
            published=exactly(test_loss),
            measure=q.finding("curves.test_loss"),
            tolerance=LOSS,
            holds=Band(1e-4, math.log(p)),
            **common,
        ),
        Claim(
            id=f"he-grokking-accuracy-{p}",
            statement=f"p = {p}: final test accuracy.",
            published=exactly(accuracy),
            measure=q.finding("curves.test_accuracy"),
            tolerance=ACCURACY,
            holds=Band(0.9, 1),
            form=tables.percent,
            **common,
        ),
    )


GROKKING = (
    Claim(
        id="he-plateau",
        source=SOURCE,
        place="stages",
        statement="Memory alone gives the test accuracy of the trained mirror images, share (p - 1) / p: the level of the pause.",
        published=exactly(0.75 * 22 / 23),
        measure=two.plateau,
        runs="mlp-grokking",
        tolerance=SHARE,
        holds=Band(0.5, 0.95),
        form=tables.percent,
        evidence="@tbl-stage-plateau",
    ),
    *(claim for p in _STAGES for claim in _stages(p)),
)

LOSSES = tuple(
    Claim(
        id=f"he-standard-{p}",
        source=SOURCE,
        place="released run",
        statement=f"p = {p}: final loss of the standard run.",
        published=exactly(loss),
        measure=q.finding("curves.train_loss"),
        runs="mlp-standard",
        p=None if p == 23 else p,
        tolerance=LARGE_LOSS,
        holds=Band(0, 0.5),
        evidence="@tbl-stage-moduli",
    )
    for p, loss in _LOSSES.items()
)
