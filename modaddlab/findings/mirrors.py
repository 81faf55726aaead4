"""What mirror images are worth: a network whose test pairs may be the mirror images of training pairs, and one where (a, b) and
(b, a) are on the same side of the split. Memory that ignores the order of the two numbers pauses at the share of the test pairs
whose mirror image was trained; kept together, that share is 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from modaddlab.findings import stages
from modaddlab.findings.outcomes import Outcome
from modaddlab.findings.sweep import Columns, Curve, curve, curve_columns
from modaddlab.findings.value import Group, Value, chosen, count, factor, over, share, steps, total
from modaddlab.study import Study

NAMES = ("apart", "together")


@dataclass(frozen=True, kw_only=True)
class Split(Group):
    """Networks with one kind of split, over their seeds."""

    mirrored: Value
    """The share of the test pairs whose mirror image is trained."""
    pause: Value
    """The test accuracy while the training pairs alone are known; the null is chance."""
    time: Value
    """Steps to grok; NaN unless every seed got there."""
    seeds: Value
    grokked: Value
    """How many of the seeds got there."""


@dataclass(frozen=True, kw_only=True)
class Both(Group):
    """A network with both kinds of split, all else being equal."""

    modulus: Value
    shown: Value
    """The share of the pairs in training."""
    apart: Split
    together: Split
    later: Value
    """How many times as long it takes where mirror images are kept together."""
    curves: dict[str, Curve] = field(repr=False)

    @property
    def columns(self) -> Columns:
        """The curves as a figure's data."""
        return curve_columns(self.curves, every=1)


@dataclass(frozen=True, kw_only=True)
class Mirrors:
    """A transformer, and the two-layer network, which adds its inputs and cannot tell their order."""

    transformer: Both
    two_layer: Both


def measure() -> Mirrors:
    """The finding, from the seeds that are trained.

    Raises:
        LabError: a run is not trained, or a record is damaged.
    """
    return Mirrors(transformer=_both("small-59", "small-59-unordered"), two_layer=_both("mlp-grokking", "mlp-unordered-23"))


def split(studies: Sequence[Study]) -> Split:
    """Some seeds of one kind of split."""
    plateaus, times = [stages.plateau(study) for study in studies], [study.phases.generalization for study in studies]
    reached = [steps(time) for time in times if time is not None]
    return Split(
        mirrored=over([one.mirrored for one in plateaus]),
        pause=over([share(one.flat.value, null=1 / studies[0].p) for one in plateaus]),
        time=over(reached) if len(reached) == len(times) else steps(None),
        seeds=count(len(times)),
        grokked=count(len(reached)),
    )


def _both(apart: str, together: str) -> Both:
    studies = {name: Study.seeds(run) for name, run in zip(NAMES, (apart, together), strict=True)}
    found = {name: split(seeds) for name, seeds in studies.items()}
    first = studies["apart"][0]
    return Both(
        modulus=total(first.p),
        shown=chosen(first.spec.task.train_frac),
        **found,
        later=factor(found["together"].time.value / found["apart"].time.value),
        curves={f"mirror images {name}": curve(Outcome(seeds[0], ())) for name, seeds in studies.items()},
    )
