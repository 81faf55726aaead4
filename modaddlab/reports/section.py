"""A part of a report: the finding that it tells, the sentences of its values, its figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from modaddlab.findings.networks import Need
from modaddlab.study import Study

TRAINED = Need("a training that was recorded", lambda study: study.spec.origin is None and study.spec.steps > 0)
KEYS = Need("key frequencies", lambda study: bool(study.keys))

Call = tuple[Callable[..., Any], tuple[Any, ...], Mapping[str, Any]]
"""A figure function and its arguments."""


@dataclass(frozen=True)
class Drawing:
    """A figure of a section.

    Attributes:
        name: what `Study.figure` calls it; of several of one name a network has one.
        caption: what it shows; what is drawn, not what it proves.
        alt: for those who do not see it.
        call: the figure function and its arguments, from the finding, its null (None where there is none) and the network; None
            where there is nothing to draw.
    """

    name: str
    caption: str
    alt: str
    call: Callable[[Any, Any, Study], Call | None]


@dataclass(frozen=True)
class Section:
    """A finding in a report.

    Attributes:
        title: the heading; sections of one title that follow each other have it once.
        find: the finding of one network.
        says: a value's dotted name in the finding -> its sentence, the value standing for {}.
        draws: its figures.
        null: the finding where its cause is absent; a value that has a null of its own keeps that.
        opening: a sentence that says what this is about.
        needs: what its sentences ask of a network besides what the finding asks.
    """

    title: str
    find: Callable[[Study], Any]
    says: Mapping[str, str] = field(default_factory=dict)
    draws: tuple[Drawing, ...] = ()
    null: Callable[[Study], Any] | None = None
    opening: str = ""
    needs: tuple[Need, ...] = ()
