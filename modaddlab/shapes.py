"""The axis letters that shapes are written in, the check that an array has the shape its function needs, and arrays as columns.

P residues, B pairs in a batch, D d_model, H hidden neurons, K frequencies 1..p//2, C output classes (residues as logits),
T saved steps, S seeds, n heads. A local such as `W_E_PD` carries its axes as a suffix.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike


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


def table_columns(array: ArrayLike, *axes: str, value: str = "value") -> dict[str, np.ndarray]:
    """An array of several axes as long columns: one index column per axis, counted from 0, and the value.

    Args:
        array: any array.
        axes: a name for each axis.
        value: the name of the value's column.

    Raises:
        ValueError: the number of names is not the number of axes.
    """
    values = np.asarray(array)
    if len(axes) != values.ndim:
        raise ValueError(f"axes must name each of the array's {values.ndim} axes, found {axes}")
    indices = np.indices(values.shape).reshape(values.ndim, -1)
    return {**dict(zip(axes, indices, strict=True)), value: values.ravel()}
