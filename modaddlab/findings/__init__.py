"""What we know of the networks, as values: one module a subject.

A subject's `measure()` gives its finding, a frozen dataclass, whose values chapters, claims and reports take by name.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any

from modaddlab.findings.value import Value, expect

__all__ = ["SUBJECTS", "Value", "expect", "measure"]

SUBJECTS = ("ablation", "data", "decay", "heads", "lottery", "progress", "speed")
"""The findings of chapters: the first part of a value's name, and the module that computes it."""


@functools.cache
def measure(subject: str) -> Any:
    """A subject's finding; computed once in a process."""
    return importlib.import_module(f"modaddlab.findings.{subject}").measure()


def __getattr__(name: str) -> Any:
    if name in SUBJECTS:
        return importlib.import_module(f"modaddlab.findings.{name}")
    raise AttributeError(f"module 'modaddlab.findings' has no attribute {name!r}")
