"""Ctrl-C and SIGTERM for a command that trains."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any


class Stop:
    """Ctrl-C and SIGTERM: while a run is training the first one asks it to save and stop; otherwise, and the second time,
    they end the command at once. A context manager; the handlers from before come back at its end.

    Attributes:
        training: whether a first signal is only noted.
        requested: whether one was.
    """

    def __init__(self) -> None:
        self.training = self.requested = False

    def __enter__(self) -> Stop:
        self.before: dict[int, Any] = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        for number in self.before:
            signal.signal(number, self._receive)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.requested or not self.training:
            raise KeyboardInterrupt
        self.requested = True
