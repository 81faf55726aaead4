"""Finished runs in `data/runs`, runs in training in `data/partial`: atomic, verified, never pickle."""

from __future__ import annotations

from modaddlab.store.partial import Partial
from modaddlab.store.record import Record
from modaddlab.store.store import Store

__all__ = ["Partial", "Record", "Store"]
