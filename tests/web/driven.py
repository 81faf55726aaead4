"""What tests of the pages need of a driven browser."""

from __future__ import annotations

from typing import Any

PATIENCE = 300_000
"""Milliseconds that a page may take for anything, on a machine that is busy with something else."""


class Told:
    """What a page said to the console, and the addresses that it asked for."""

    def __init__(self, page: Any) -> None:
        self.lines: list[str] = []
        self.addresses: list[str] = []
        page.on("console", lambda message: self.lines.append(message.text))
        page.on("pageerror", lambda error: self.lines.append(str(error)))
        page.on("request", lambda request: self.addresses.append(request.url))


def settled(page: Any) -> None:
    """Wait until the line below the answers says what all questions gave, and its control where it has one."""
    page.wait_for_function(
        """() => {
          const { taken, result, turn } = document.querySelector(".explorer").explorer.view ?? {};
          if (!result) return false;
          const controlled = Boolean(taken.k.size) !== Boolean(taken.n.size) && !taken.h.size && !turn;
          return !controlled || Boolean(result.control);
        }"""
    )
