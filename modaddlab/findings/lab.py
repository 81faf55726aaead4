"""What the page's live network does at its usual settings and at those of its tour, from recorded runs of the same settings."""

from __future__ import annotations

from dataclasses import dataclass

from modaddlab.findings import curves, stages
from modaddlab.findings.value import Value, share
from modaddlab.study import Study


@dataclass(frozen=True, kw_only=True)
class Lab:
    """Half of the pairs with decay; without decay; a quarter of the pairs; three quarters of them."""

    memorized: Value
    """First step with 99 % of the training pairs right."""
    understood: Value
    """First step with 95 % of the others right."""
    pause: Value
    """The accuracy of the others where it pauses."""
    mirrored: Value
    """The share of them whose mirror image is trained."""
    without_decay: Value
    """Their accuracy at the end of a run without decay."""
    quarter: Value
    quarter_mirrored: Value
    """The same with a quarter of the pairs, and how many of the others have a trained mirror image there."""
    mirrors: Value
    """The pause with three quarters of the pairs."""
    trained_for: Value


def measure() -> Lab:
    """Of the runs called lab."""
    studies = {name: Study.open(name) for name in ("lab", "lab-no-decay", "lab-quarter", "lab-mirrors")}
    found, pause = curves.of(studies["lab"]), stages.plateau(studies["lab"])
    end = {name: share(float(study.metrics["test_accuracy"][-1])) for name, study in studies.items()}
    return Lab(
        memorized=found.memorized,
        understood=found.grokked,
        pause=pause.flat,
        mirrored=pause.mirrored,
        without_decay=end["lab-no-decay"],
        quarter=end["lab-quarter"],
        quarter_mirrored=stages.plateau(studies["lab-quarter"]).mirrored,
        mirrors=stages.plateau(studies["lab-mirrors"]).flat,
        trained_for=found.trained_for,
    )
