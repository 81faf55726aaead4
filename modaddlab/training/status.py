"""What a run in training tells: how far it has come, and that it stopped because it was asked to. Cheap to import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from modaddlab.errors import LabError


@dataclass(frozen=True)
class Status:
    """How far a run has come: the step, the last one as far as it is known, and the latest row of metrics."""

    step: int
    steps: int
    row: Mapping[str, float | np.ndarray]


class Interrupted(LabError):  # noqa: N818 - it is no error
    """The run was asked to stop; its state is saved and the same command goes on."""


class SchedulerLost(LabError):  # noqa: N818 - named by what happened
    """The scheduler of a sweep cannot be reached any more."""
