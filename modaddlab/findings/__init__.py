"""What we know of the networks, as values: one module a subject.

A finding is a frozen dataclass whose values chapters, claims and reports take by name. A subject's module has two levels:

    findings.structure.of(study)     of one network, anybody's; refused in one line where it is not for that network
    findings.structure.null(study)   the same where its cause is absent, such as before training; for some subjects
    findings.measure("decay")        of the book's networks, for its chapter
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from typing import Any

from modaddlab.findings.value import Value, expect, pooled

__all__ = ["SUBJECTS", "Value", "expect", "measure", "pooled"]

SUBJECTS = tuple(sorted({module.name for module in pkgutil.iter_modules(__path__)} - {"networks", "sweep", "value"}))
"""The modules that hold findings: the first part of a value's name."""


@functools.cache
def measure(subject: str) -> Any:
    """A subject's finding; computed once in a process."""
    return importlib.import_module(f"modaddlab.findings.{subject}").measure()


def __getattr__(name: str) -> Any:
    if name in SUBJECTS:
        return importlib.import_module(f"modaddlab.findings.{name}")
    raise AttributeError(f"module 'modaddlab.findings' has no attribute {name!r}")
