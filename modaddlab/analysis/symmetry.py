"""What an operation's table allows: questions that are the same by symmetry, and whether it can be addition in disguise.

Two things about a table f(a, b) mod p decide how much there is to learn. Changes of sign and exchange of the two residues may
leave every answer as it is; then a test pair whose image was trained is no new question (`shown_twins`). And the operation may be
a sum after its residues have been renamed, f(a, b) = h(u(a) + v(b)) with a different answer for each sum: then two rows that
agree in one column have the same u, and agree in all of them. `carries_over` counts how often that is so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from modaddlab.shapes import require_shape

CHANGES: Mapping[str, Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]] = MappingProxyType(
    {
        "(b, a)": lambda a, b: (b, a),
        "(-a, b)": lambda a, b: (-a, b),
        "(a, -b)": lambda a, b: (a, -b),
        "(-a, -b)": lambda a, b: (-a, -b),
        "(-b, a)": lambda a, b: (-b, a),
        "(b, -a)": lambda a, b: (b, -a),
        "(-b, -a)": lambda a, b: (-b, -a),
    }
)
"""What the question (a, b) may become."""


def moved(x_PP: np.ndarray, change: str) -> np.ndarray:
    """The table whose entry (a, b) is that of the question which (a, b) becomes by a change of `CHANGES`."""
    p = len(x_PP)
    a_PP, b_PP = CHANGES[change](*np.indices((p, p)))
    return x_PP[a_PP % p, b_PP % p]


def symmetries(label_PP: np.ndarray) -> tuple[str, ...]:
    """The names of the changes that leave every answer of a table (P, P) as it is."""
    require_shape("label_PP", label_PP, "P P")
    return tuple(change for change in CHANGES if np.array_equal(moved(label_PP, change), label_PP))


def shown_twins(label_PP: np.ndarray, train_mask_PP: np.ndarray, test_mask_PP: np.ndarray) -> float:
    """The share of the test pairs that have the same question by symmetry among the training pairs.

    A network that knew the symmetries, and its training pairs by heart, would answer this share.

    Args:
        label_PP: (P, P) the answers.
        train_mask_PP, test_mask_PP: (P, P) bool, the pairs that are trained on, and those that are asked.
    """
    p = require_shape("label_PP", label_PP, "P P")["P"]
    require_shape("train_mask_PP", train_mask_PP, "P P", P=p)
    seen_PP = np.zeros((p, p), dtype=bool)
    for name in symmetries(label_PP):
        seen_PP |= moved(train_mask_PP, name)
    return float(seen_PP[test_mask_PP].mean()) if test_mask_PP.any() else float("nan")


def carries_over(label_PP: np.ndarray) -> float:
    """Of the pairs of rows, and of columns, that agree at some non-zero residue: the share that agree at all of them.

    1 for a sum in disguise, NaN where no two rows and no two columns ever agree, as in addition itself. The residue 0 is left
    out: multiplication is a sum without it.

    Args:
        label_PP: (P, P) the answers.
    """
    require_shape("label_PP", label_PP, "P P")
    once = always = 0
    for table in (label_PP[1:, 1:], label_PP[1:, 1:].T):
        for r in range(len(table) - 1):
            agree = table[r + 1 :] == table[r]
            once += int(agree.any(axis=1).sum())
            always += int(agree.all(axis=1).sum())
    return always / once if once else float("nan")
