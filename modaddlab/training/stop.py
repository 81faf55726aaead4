"""Ctrl-C, SIGTERM and the end of the time for a command that trains."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class Stop:
    """Ctrl-C and SIGTERM: while a run is training the first one asks it to save and stop; otherwise, and the second time,
    they end the command at once. A context manager; the handlers from before come back at its end.

    Args:
        minutes: after so many it asks as well; none: never.

    Attributes:
        training: whether a first signal is only noted.
        requested: whether one was, or the time is over.
        over: whether the time is over.
    """

    def __init__(self, minutes: float | None = None) -> None:
        self.training = self.requested = self.over = False
        self.timer = None if minutes is None else threading.Timer(60 * minutes, self._end)

    def __enter__(self) -> Stop:
        self.before: dict[int, Any] = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        for number in self.before:
            signal.signal(number, self._receive)
        if self.timer is not None:
            self.timer.daemon = True
            self.timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.timer is not None:
            self.timer.cancel()
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _end(self) -> None:
        self.requested = self.over = True

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.requested or not self.training:
            raise KeyboardInterrupt
        self.requested = True
