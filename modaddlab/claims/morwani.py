"""The claims of Morwani et al. 2023 on networks that square and have the largest margin, and of McCracken et al. 2025 on how many
frequencies others need."""

from __future__ import annotations

from modaddlab import findings, tables
from modaddlab.analysis.margin import largest_margin, normalized_margin, waves
from modaddlab.claims import quantities as q
from modaddlab.claims.claim import FORMULA, SHARE, Band, Claim, exactly
from modaddlab.findings.value import Value

SOURCE = "morwani2023feature"
P = 23
"""The modulus of the book's two-layer networks."""


def _over_moduli() -> tuple[Value, int]:
    """The exponent of the transformers' number of frequencies over the modulus, and how many networks it is through."""
    found = findings.measure("frequencies").transformers
    return found.grows, found.networks.value


CLAIMS = (
    Claim(
        id="morwani-largest-margin",
        source=SOURCE,
        place="theorem on modular addition",
        statement="Pure waves of all frequencies have the largest normalized margin, √(2/27) / (√p (p - 1)); at p = 23.",
        published=exactly(largest_margin(P)),
        measure=lambda _: normalized_margin(*waves(P, tables=2)),
        runs="untrained",
        null=lambda _: normalized_margin(*waves(P, tables=1)),
        null_is="pure waves in one table for both numbers",
        tolerance=FORMULA,
        defined=True,
        holds=Band(0.999 * largest_margin(P), 1.000001 * largest_margin(P)),
        form=lambda value: tables.number(value, 4),
        evidence="@fig-normalized-margin",
    ),
    Claim(
        id="morwani-all-frequencies",
        source=SOURCE,
        place="theorem on modular addition",
        statement="A network that squares uses every frequency: their effective number over all that there are.",
        published=exactly(1),
        measure=q.finding("frequencies.of_all"),
        runs="mlp-quad-random",
        null=lambda _: q.finding("frequencies.of_all")(q.reference("mlp-untrained")),
        null_is="random weights",
        tolerance=SHARE,
        form=tables.percent,
        holds=Band(0.9, 1),
        evidence="@fig-frequencies-by-modulus",
    ),
    Claim(
        id="mccracken-log",
        source="mccracken2025uncovering",
        place="abstract",
        statement="With trainable embeddings some ln p frequencies are enough: the exponent of their effective number over p, "
        "from 43 to 113, where ln p has 0.24 and a constant 0.",
        says="O(log p)",
        pooled=_over_moduli,
        null_is="renamed residues",
        holds=Band(high=0.5),
        form=lambda value: tables.number(value, 2),
        evidence="@fig-frequencies-by-modulus",
    ),
    Claim(
        id="morwani-reached",
        source=SOURCE,
        place="experiments on modular addition",
        statement="Training comes to the largest margin: the normalized margin at the end, over it.",
        published=exactly(1),
        measure=q.finding("margin.reached"),
        runs="mlp-quad-random",
        null=q.finding("margin.reached", null=True),
        null_is="the initial weights",
        tolerance=SHARE,
        averaged="linear",
        form=tables.percent,
        evidence="@fig-normalized-margin",
        undecided="its networks have a table for each number; ours have one, in which pure waves come to half",
    ),
)
