"""What can be wrong with a book's sources, said with file, line and the next step."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import LabError


@dataclass(frozen=True)
class Place:
    """A line of a source file; line 0 stands for the file as a whole."""

    path: Path
    line: int = 0

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.line else str(self.path)


class BookError(LabError):
    """A source that the renderer refuses, or a cell that raised; nothing was written."""

    def __init__(self, place: Place | None, message: str) -> None:
        super().__init__(f"{place}: {message}" if place else message)
        self.place = place


class CellError(BookError):
    """A cell raised; `traceback` is the kernel's text, without colour codes."""

    def __init__(self, place: Place, cell: str, error: str, traceback: str) -> None:
        super().__init__(place, f"cell {cell} raised {error}")
        self.traceback = traceback
