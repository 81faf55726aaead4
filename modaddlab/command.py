"""From a command's body to its exit code: the one place where whatever a user can cause becomes a line.

Exit codes: what the body returns, 2 for what a user or the machine caused, 130 after Ctrl-C, 141 when nobody reads the output any
more (`... | head`), which is no news and says nothing. A defect of ours keeps its traceback. While a command's modules are still
being imported, Ctrl-C ends it by the signal itself, silently (130 to a shell).
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import NoReturn

from modaddlab.errors import LabError, explain


def loading() -> None:
    """Let Ctrl-C end the process at once until `run` begins; in the middle of an import it is a long traceback, or swallowed."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def run(body: Callable[[], int | None], *, name: str = "modaddlab", interrupted: str = "interrupted") -> int:
    """Do what a command does, and say in a line what went wrong.

    Args:
        body: the command; returns its exit code, None for 0.
        name: what the line begins with.
        interrupted: the line after Ctrl-C.

    Returns:
        the exit code.

    Raises:
        Exception: a defect of ours.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # by `loading`
        signal.signal(signal.SIGINT, signal.default_int_handler)
    _replace_closed_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):  # what a console's alphabet lacks is shown by its number, as on standard error
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = body() or 0
        sys.stdout.flush()  # what cannot be written is noticed here and not while Python ends
        return code
    except BrokenPipeError:
        _drop_output()
        return 141
    except KeyboardInterrupt:
        _say(f"{name}: {interrupted}")
        return 130
    except Exception as error:
        line = explain(error)
        if line is None:
            raise
        if isinstance(error, OSError):
            _drop_output()
        _say(f"{name}: {line}")
        return 2


ENDS_WITH_INPUT = "--ends-with-input"
"""A child that is given this word has a pipe for its standard input, which its parent holds open and writes nothing into."""


def end_with_input() -> None:
    """Of a child that is to: end it with its parent, also when that is killed and tells it nothing."""
    if ENDS_WITH_INPUT not in sys.argv:
        return

    def watch() -> None:
        while os.read(0, 4096):
            pass
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        raise LabError(f"{message}; --help shows every option")


def _replace_closed_streams() -> None:
    """What was started without an input or an output has an empty one, so that no file of ours gets its number."""
    descriptor = -1
    while descriptor < 2:
        descriptor = os.open(os.devnull, os.O_RDWR)
        os.set_inheritable(descriptor, descriptor <= 2)
    if descriptor > 2:
        os.close(descriptor)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - as long as the process


def _say(line: str) -> None:
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)


def _drop_output() -> None:
    """What is still to be written goes nowhere: Python would try it once more at its end, and complain."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with contextlib.suppress(OSError, ValueError):  # a stream without a file of its own
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)
