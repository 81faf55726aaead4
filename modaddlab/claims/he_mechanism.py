"""He et al. 2026 on the trained two-layer network: its features, and how they add up to an answer."""

from __future__ import annotations

import math

from modaddlab import tables
from modaddlab.claims import quantities as q
from modaddlab.claims import quantities_two_layer as two
from modaddlab.claims.claim import ACCURACY, ANGLE, BALANCE, FORMULA, ROUNDING, SHARE, Band, Claim, exactly

SOURCE = "he2026mechanism"
NULL = "untrained network"
STANDARD = "mlp-standard"

FEATURES = (
    Claim(
        id="he-one-frequency-in",
        source=SOURCE,
        place="features",
        statement="A neuron's input vector is one cosine: share of its variance, mean over neurons.",
        published=exactly(1),
        measure=q.finding("waves.input_fve"),
        runs=STANDARD,
        null=q.finding("waves.input_fve", null=True),
        null_is=NULL,
        tolerance=SHARE,
        holds=Band(0.5, 1),
        form=tables.percent,
        evidence="@tbl-mlp-frequency",
    ),
    Claim(
        id="he-one-frequency-out",
        source=SOURCE,
        place="features",
        statement="A neuron's output vector is a cosine of its input's frequency: share of its variance, mean over neurons.",
        published=exactly(1),
        measure=q.finding("waves.output_fve"),
        runs=STANDARD,
        null=q.finding("waves.output_fve", null=True),
        null_is=NULL,
        tolerance=SHARE,
        holds=Band(0.5, 1),
        form=tables.percent,
        evidence="@tbl-mlp-frequency",
    ),
    Claim(
        id="he-alignment",
        source=SOURCE,
        place="features",
        statement="The output's phase is twice the input's: mean distance from that, in radians.",
        published=exactly(0),
        measure=q.finding("waves.misalignment"),
        runs=STANDARD,
        null=q.finding("waves.misalignment", null=True),
        null_is=NULL,
        tolerance=ANGLE,
        holds=Band(0, 0.5),
        evidence="@tbl-mlp-alignment",
    ),
    *(
        Claim(
            id=f"he-rings-{harmonic}",
            source=SOURCE,
            place="features",
            statement=f"Within a frequency {harmonic} times the phases balance: n times the squared mean of the unit arrows.",
            published=exactly(0),
            measure=q.finding(f"waves.imbalance_{harmonic}"),
            runs=STANDARD,
            null=q.finding(f"waves.imbalance_{harmonic}", null=True),
            null_is=f"{NULL}; random phases give 1",
            tolerance=BALANCE,
            holds=Band(0, 0.5),
            evidence="@fig-mlp-balance",
        )
        for harmonic in (2, 4)
    ),
    Claim(
        id="he-homogeneous",
        source=SOURCE,
        place="features",
        statement="All neurons have the same size (input times squared output amplitude): coefficient of variation.",
        published=exactly(0),
        measure=q.finding("waves.variation_alpha_beta2"),
        runs=STANDARD,
        null=q.finding("waves.variation_alpha_beta2", null=True),
        null_is=NULL,
        tolerance=BALANCE,
        holds=Band(0, 0.3),
        evidence="@fig-mlp-sizes",
    ),
)

_KEPT = ("|x|", "x²", "x⁴", "x⁸", "log(1+e²ˣ)", "eˣ")
_LOST = {"x": 0.0416, "x³": 0.0359}

SWAPS = tuple(
    Claim(
        id=f"he-swap-{name}",
        source=SOURCE,
        place="released table of activation swaps",
        statement=f"With {name} in place of ReLU the trained network "
        + ("keeps" if name in _KEPT else "loses")
        + " its answers: accuracy.",
        published=exactly(_LOST.get(name, 1.0)),
        measure=two.swapped(name),
        runs="mlp-longer",
        tolerance=ACCURACY,
        holds=Band(0, 0.1) if name in _LOST else Band(0.9, 1),
        form=tables.percent,
        evidence="@tbl-mlp-swap",
    )
    for name in (*_KEPT, *_LOST)
)

MECHANISM = (
    Claim(
        id="he-example",
        source=SOURCE,
        place="released example, p = 7",
        statement="The idealised network answers 4 + 6 with the logits -4, 3, -4, 10, -4, 3, -4: largest error.",
        says="these seven",
        measure=two.example_error,
        defined=True,
        runs="untrained",
        holds=Band(0, 1e-9),
        evidence="@sec-ghosts",
    ),
    Claim(
        id="he-ghosts",
        source=SOURCE,
        place="mechanism",
        statement="The logits have ghosts at 2x and 2y, half as high as the answer: in a trained quadratic network.",
        published=exactly(0.5),
        measure=q.finding("waves.ghosts"),
        runs="mlp-quad-descent",
        tolerance=SHARE,
        holds=Band(0.05, 1),
        evidence="@tbl-mlp-ghosts",
    ),
    Claim(
        id="he-ghosts-waves",
        source=SOURCE,
        place="mechanism",
        statement="The logits have ghosts half as high as the answer, every neuron being cut down to its wave.",
        published=exactly(0.5),
        measure=q.finding("waves.ghosts_in_waves"),
        runs="mlp-quad-descent",
        tolerance=SHARE,
        repeats="he-ghosts",
        holds=Band(0.05, 1),
        evidence="@tbl-mlp-ghosts",
    ),
    Claim(
        id="he-bound",
        source=SOURCE,
        place="mechanism",
        statement="In the idealised network the right answer has at least the probability 1 - (p - 1) exp(-aNp/8): the excess.",
        says="at least 0",
        measure=two.bound_margin,
        defined=True,
        runs="untrained",
        holds=Band(0, 1),
        evidence="@tbl-mlp-bound",
    ),
)

_SUBSETS = {1: 1.642745, 2: 0.6023623, 4: 0.02878050, 8: 2.991743e-8, 11: 7.414359e-15}
_RANGES = {0.4: 4.815338, 0.8: 2.000744e-3, 1.2: 1.185669e-9, 1.6: 3.544408e-7, 2.0: 7.414359e-15}

CLOSED_FORM = (
    *(
        Claim(
            id=f"he-frequencies-{n}",
            source=SOURCE,
            place="released table, 128 neurons",
            statement=f"Mean loss of the closed form with {n} of 11 frequencies.",
            published=exactly(loss),
            measure=two.loss_with_frequencies(n),
            runs="untrained",
            tolerance=ROUNDING if loss < 1e-12 else FORMULA,
            defined=True,
            holds=Band(0, math.log(23)),
            evidence="@tbl-mlp-subsets",
        )
        for n, loss in _SUBSETS.items()
    ),
    *(
        Claim(
            id=f"he-phases-{multiple:g}",
            source=SOURCE,
            place="released table, 128 neurons",
            statement=f"Mean loss of the closed form with its phases on [0, {multiple:g} π).",
            published=exactly(loss),
            measure=two.loss_with_phases(index),
            runs="untrained",
            tolerance=ROUNDING if loss < 1e-12 else FORMULA,
            defined=True,
            repeats="he-frequencies-11" if multiple == 2 else "",
            holds=Band(0, 10),
            evidence="@tbl-mlp-ranges",
        )
        for index, (multiple, loss) in enumerate(_RANGES.items())
    ),
)
