"""The claims of Panickssery and Vaintrob 2023 and Cullen et al. 2026 on the learning coefficient of networks that add."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

from modaddlab import findings, tables
from modaddlab.claims.claim import EXPONENT, Band, Claim
from modaddlab.findings.value import Value

SOURCE, LATER = "panickssery2023learning", "cullen2026basin"

THEIRS = "how they sample and which loss they take is not in the abstract, all that we could read; the estimate depends on both"


def _networks(name: str, n: str) -> Callable[[], tuple[Value, int]]:
    """A value of the chapter's finding, and the seeds that it rests on."""

    def pooled() -> tuple[Value, int]:
        found: Any = findings.measure("complexity")
        return reduce(getattr, name.split("."), found), getattr(found, n).value

    return pooled


CLAIMS = (
    Claim(
        id="panickssery-linear",
        source=SOURCE,
        place="brief results, and the released values for 32 and 64 neurons, p = 23 to 47",
        statement="The estimate of networks that generalize grows with p as a line does: the exponent of a power law.",
        published=Band(1.34, 1.46),
        pooled=_networks("add_exponent", "n_modulus_seeds"),
        null_is="answers at random",
        null_published=2.04,
        tolerance=EXPONENT,
        holds=Band(0.5, 2),
        form=lambda value: tables.number(value, 3),
        evidence="@fig-complexity-by-modulus",
    ),
    Claim(
        id="panickssery-memorizing",
        source=SOURCE,
        place="brief results, and the released values for 32 neurons",
        statement="That of networks that memorize answers at random grows faster: by how much the exponent is larger, while "
        "their training loss grows as well.",
        says="faster",
        pooled=_networks("steeper", "n_modulus_seeds"),
        holds=Band(0.25),
        form=lambda value: tables.number(value, 2),
        evidence="@fig-complexity-by-modulus",
    ),
    Claim(
        id="panickssery-notices",
        source=SOURCE,
        place="released figure of a trajectory, whose peak is 1.2 times its end",
        statement="Over training the estimate notices grokking: it rises to a peak and falls; the peak over the last.",
        says="rises and falls",
        pooled=_networks("add.fall", "n_seeds"),
        null_is="answers at random, of which none are grokked",
        holds=Band(1.1),
        form=lambda value: tables.number(value, 2),
        evidence="@fig-complexity-path",
    ),
    Claim(
        id="panickssery-theory",
        source=SOURCE,
        place="brief results",
        statement="The estimate lies within a factor of two of the coefficient of an idealized network.",
        says="less than a factor of 2",
        undecided="the theory is about their network, which has an embedding and biases; ours has neither",
    ),
    Claim(
        id="cullen-tracks",
        source=LATER,
        place="abstract",
        statement="The estimate tracks the onset of generalization: that with the loss just at rest over the last.",
        says="track",
        pooled=_networks("add.settled", "n_seeds"),
        null_is="answers at random",
        form=lambda value: tables.number(value, 3),
        evidence="@fig-complexity-path",
        undecided=THEIRS,
    ),
    Claim(
        id="cullen-basins",
        source=LATER,
        place="abstract",
        statement="Memory has the higher coefficient: networks with answers at random over those that add, modulo 23.",
        says="higher",
        pooled=_networks("same", "n_modulus_seeds"),
        form=lambda value: tables.number(value, 3),
        evidence="@fig-complexity-by-modulus",
        undecided=THEIRS,
    ),
    Claim(
        id="cullen-formula",
        source=LATER,
        place="abstract",
        statement="For shallow networks that square the coefficient has a formula, in the lazy and the feature-learning regime.",
        says="analytic formulas",
        undecided="the formulas are not in the abstract, which is all that we could read",
    ),
)
