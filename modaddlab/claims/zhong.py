"""The claims of Zhong, Liu, Tegmark and Andreas 2023, "The Clock and the Pizza", on networks with an attention rate."""

from __future__ import annotations

from modaddlab import tables
from modaddlab.claims import quantities as q
from modaddlab.claims.claim import ACCURACY, SHARE, Band, Claim, Tolerance, exactly

SOURCE = "zhong2023clock"

SPREAD = Tolerance(
    "mark of clock or pizza", "absolute", 0.15, "linear", "2026-11-28", "networks of one attention rate differ by a tenth or two"
)

RATES = tuple((2 * tenth + 1) / 20 for tenth in range(10))
"""The middles of the tenths of the attention rate over which the released table of networks has these medians."""

SYMMETRICITY = (0.994, 0.993, 0.992, 0.993, 0.993, 0.931, 0.750, 0.624, 0.539, 0.451)
IRRELEVANCE = (0.200, 0.210, 0.240, 0.211, 0.256, 0.399, 0.627, 0.697, 0.771, 0.828)


PLACES = {
    "pizza": "sections 3 and 4, released networks A and B",
    "clock": "sections 3 and 4, released networks A and B",
    "pizza-linear-b": "released notebook on linear models, network beta",
}


def _of(run: str, name: str, what: str, statement: str, value: float, tolerance: Tolerance, holds: Band, **more: object) -> Claim:
    return Claim(
        id=f"zhong-{name}",
        source=SOURCE,
        place=PLACES[run],
        statement=statement,
        published=exactly(value),
        measure=q.finding(f"pizza.{what}"),
        runs=run,
        tolerance=tolerance,
        holds=holds,
        form=lambda number: tables.number(number, 3),
        **more,  # type: ignore[arg-type]
    )


_UNTRAINED = {"null_is": "untrained", "evidence": "@fig-attention-rates"}
_CIRCLES = {"evidence": "@fig-circles-alone"}

CLAIMS = (
    _of(
        "pizza", "pizza-symmetricity", "symmetricity",
        "With constant attention a and b move every logit alike: gradient symmetricity of model A.",
        0.9937, ACCURACY, Band(0.9, 1), details={"rates": RATES, "medians": SYMMETRICITY},
        null=q.finding("pizza.symmetricity", null=True), **_UNTRAINED,
    ),
    _of(
        "pizza", "pizza-irrelevance", "irrelevance",
        "Its right logits depend on how far a and b are apart: distance irrelevance of model A.",
        0.1717, SPREAD, Band(0, 0.4), details={"rates": RATES, "medians": IRRELEVANCE},
        null=q.finding("pizza.irrelevance", null=True), **_UNTRAINED,
    ),
    _of(
        "pizza", "pizza-circularity", "circularity",
        "Its embedding is made of circles: circularity of model A.",
        0.9978, ACCURACY, Band(0.9, 1), null=q.finding("pizza.circularity", null=True), **_UNTRAINED,
    ),
    _of(
        "pizza", "pizza-explained", "by_pizza",
        "One circle alone gives the logits of a pizza: what that form explains, mean over the circles of model A.",
        0.9834, SHARE, Band(0.9, 1), null=q.finding("pizza.by_clock"), null_is="as a clock", null_published=0.7547, **_CIRCLES,
    ),
    _of(
        "pizza", "pizza-accompanying", "by_accompanying",
        "Circles of twice the frequency accompany it: what their form explains, mean over those of model A.",
        0.9749, SHARE, Band(0.9, 1), **_CIRCLES,
    ),
    _of(
        "clock", "clock-symmetricity", "symmetricity",
        "With the usual attention a and b move the logits differently: gradient symmetricity of model B.",
        0.3336, SPREAD, Band(0, 0.9), evidence="@fig-attention-rates",
    ),
    _of(
        "clock", "clock-irrelevance", "irrelevance",
        "Its right logits hardly depend on how far a and b are apart: distance irrelevance of model B.",
        0.8483, SPREAD, Band(0.6, 1), evidence="@fig-attention-rates",
    ),
    _of(
        "clock", "clock-circularity", "circularity",
        "Its embedding is made of circles too: circularity of model B.",
        0.9989, ACCURACY, Band(0.9, 1), null=q.finding("pizza.circularity", null=True), **_UNTRAINED,
    ),
    _of(
        "pizza-linear-b", "linear-irrelevance", "irrelevance",
        "The right logits of a linear model depend on how far a and b are apart: distance irrelevance of model beta.",
        0.2302, SPREAD, Band(0, 0.4), null=q.finding("pizza.irrelevance", null=True), **(_UNTRAINED | _CIRCLES),
    ),
    _of(
        "pizza-linear-b", "linear-circularity", "circularity",
        "The embedding of a linear model is made of circles: circularity of model beta.",
        0.9950, ACCURACY, Band(0.9, 1), null=q.finding("pizza.circularity", null=True), **(_UNTRAINED | _CIRCLES),
    ),
    _of(
        "pizza-linear-b", "linear-explained", "by_pizza",
        "One circle of a linear model gives the logits of a pizza: what that form explains, mean over those of model beta.",
        0.9790, SHARE, Band(0.9, 1), null=q.finding("pizza.by_clock"), null_is="as a clock", null_published=0.7515, **_CIRCLES,
    ),
)  # fmt: skip
