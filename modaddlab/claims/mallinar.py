"""The claims of Mallinar et al. 2024 on a kernel machine that learns its features, and groks, without a network."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

from modaddlab import findings, tables
from modaddlab.claims.claim import ACCURACY, Band, Claim, exactly
from modaddlab.findings.value import Value

SOURCE = "mallinar2024emergence"


def _machines(name: str, n: int | None = None) -> Callable[[], tuple[Value, int]]:
    """A value of the chapter's finding, and the number of machines that it rests on; none: as many as there are seeds."""

    def pooled() -> tuple[Value, int]:
        found: Any = findings.measure("kernel")
        return reduce(getattr, name.split("."), found), n or found.n_seeds.value

    return pooled


CLAIMS = (
    Claim(
        id="mallinar-trained",
        source=SOURCE,
        place="section 3",
        statement="Every fit of the kernel machine has all training pairs right: the least training accuracy.",
        published=exactly(1),
        pooled=_machines("seeds.train_accuracy"),
        tolerance=ACCURACY,
        form=tables.percent,
        evidence="@fig-kernel-fits",
    ),
    Claim(
        id="mallinar-groks",
        source=SOURCE,
        place="figure 2",
        statement="Its test accuracy goes from none to all while nothing but its features changes.",
        published=exactly(1),
        pooled=_machines("seeds.accuracy"),
        null_is="the first fit",
        tolerance=ACCURACY,
        holds=Band(0.95, 1),
        form=tables.percent,
        evidence="@fig-kernel-fits",
    ),
    Claim(
        id="mallinar-hidden",
        source=SOURCE,
        place="section 3",
        statement="The features improve before the test accuracy does: how much of its way the deviation has gone by then.",
        says="improves gradually",
        pooled=_machines("seeds.idle_way"),
        null_is="residues in random orders",
        holds=Band(0.25, 1),
        form=tables.percent,
        evidence="@fig-kernel-fits",
    ),
    Claim(
        id="mallinar-circulant",
        source=SOURCE,
        place="observation 1",
        statement="The block of the features across the positions becomes circulant: its circulant deviation.",
        says="close to 0",
        pooled=_machines("seeds.deviation"),
        null_is="residues in random orders",
        holds=Band(0, 0.05),
        form=tables.percent,
        evidence="@fig-kernel-features",
    ),
    *(
        Claim(
            id=f"mallinar-{name}",
            source=SOURCE,
            place="figure 3",
            statement=f"So does that of {what} in the order of the discrete logarithm: its circulant deviation.",
            says="close to 0",
            pooled=_machines(f"{name}.deviation", 1),
            null_is="residues in random orders",
            holds=Band(0, 0.05),
            form=tables.percent,
            evidence="@fig-kernel-blocks",
        )
        for name, what in (("multiply", "multiplication"), ("divide", "division"))
    ),
    Claim(
        id="mallinar-random",
        source=SOURCE,
        place="section 3",
        statement="A random circulant block is enough: test accuracy of one fit with half of the pairs.",
        says="easily learns",
        pooled=_machines("drawn.circulant"),
        null_is="its entries in random places",
        holds=Band(0.95, 1),
        form=tables.percent,
        evidence="@fig-kernel-random",
    ),
    Claim(
        id="mallinar-random-better",
        source=SOURCE,
        place="figure 4",
        statement="Random circulant blocks do better than learned features: test accuracy gained, with 30 % of the pairs.",
        says="outperform",
        pooled=_machines("fewer.gained", 3),
        holds=Band(0.05, 1),
        form=tables.percent,
        evidence="@fig-kernel-random",
    ),
    Claim(
        id="mallinar-network-sooner",
        source=SOURCE,
        place="section 4",
        statement="A two-layer network groks with 17.5 % of the pairs once its inputs are multiplied by a random circulant.",
        says="within several hundred epochs",
        undecided="not trained here",
    ),
)
