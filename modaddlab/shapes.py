"""The axis letters that shapes are written in, and the check that an array has the shape its function needs.

P residues, B pairs in a batch, D d_model, H hidden neurons, K frequencies 1..p//2, C output classes (residues as logits),
T saved steps, S seeds, n heads. A local such as `W_E_PD` carries its axes as a suffix.
"""

from __future__ import annotations

from typing import Protocol


class HasShape(Protocol):
    @property
    def shape(self) -> tuple[int, ...]: ...


def require_shape(name: str, array: HasShape, axes: str, **sizes: int) -> dict[str, int]:
    """Check an array's shape against axis letters and return the size of each letter.

    Args:
        name: the array's name, for the message.
        array: anything with a shape.
        axes: letters separated by spaces, such as "P P C"; a number stands for itself; equal letters must have equal sizes.
        sizes: sizes that are known beforehand.

    Raises:
        ValueError: the number of axes or a size differs.
    """
    letters = axes.split()
    found = tuple(array.shape)
    known = dict(sizes)
    if len(found) == len(letters):
        for letter, size in zip(letters, found, strict=True):
            expected = int(letter) if letter.isdigit() else known.setdefault(letter, size)
            if expected != size:
                break
        else:
            return known
    wanted = ", ".join(f"{letter}={known[letter]}" if letter in known else letter for letter in letters)
    raise ValueError(f"{name} must have the shape ({wanted}), found {found}")
