"""The public suite of sweeps: how its networks were trained, and the two forms that most of its claims have.

It trained for 40,000 epochs with the optimizer's betas at (0.9, 0.999), where ours are (0.9, 0.98).
"""

from __future__ import annotations

from modaddlab.claims import quantities as q
from modaddlab.claims.claim import STEPS, YES_NO, Band, Claim, exactly

SOURCE = "grokkingexperiments2025"

EPOCHS = 40_000
"""How long it trained every network, and Nanda et al. theirs."""

BETAS = (0.9, 0.999)
"""Its optimizer's averages of the gradient and of its square."""

MAINLINE = 8350
"""Its step with the mainline's setting."""


def groks_at(name: str, run: str, place: str, statement: str, step: int, holds: Band, evidence: str) -> Claim:
    """It groks, at this step.

    Args:
        name: the claim's id behind "suite-".
        run: the named run that it is measured on.
        place: the part of the suite's README.
        statement: what is claimed.
        step: the published step of 95 % test accuracy.
        holds: the steps for which the statement in words is true.
        evidence: the figure or table of the book.
    """
    return Claim(
        id=f"suite-{name}",
        source=SOURCE,
        place=f"README, {place}",
        statement=statement,
        published=exactly(step),
        measure=q.finding("curves.grokked"),
        runs=run,
        of_times=True,
        tolerance=STEPS,
        holds=holds,
        repeats="nanda-decay-1" if run == q.MAINLINE else "",
        evidence=evidence,
    )


def groks(name: str, run: str, place: str, statement: str, published: int, evidence: str, source: str = SOURCE) -> Claim:
    """It groks within the suite's epochs, or does not; Nanda et al. say so too.

    Args:
        name, run, statement, evidence: as of `groks_at`.
        place: where the source says it.
        published: 1 where it groks, 0 where it does not.
        source: the citation's key.
    """
    return Claim(
        id=f"{'suite' if source == SOURCE else 'nanda'}-{name}",
        source=source,
        place=place,
        statement=statement,
        published=exactly(published),
        trained_for=EPOCHS,
        measure=q.finding("curves.grokked"),
        runs=run,
        of_times=True,
        tolerance=YES_NO,
        evidence=evidence,
    )
