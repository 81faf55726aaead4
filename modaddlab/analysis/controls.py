"""Random controls: what an ablation shows is how far it lies from the same operation on parts chosen at random.

A part that is taken out lowers the score of almost any network: in one public study removing the neurons that follow the
algorithm cost 0.942 of accuracy, and as many random neurons 0.916 (GROKVERSE 2026). So a row of a table of ablations carries
its `Control`, several random choices of the same size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from modaddlab.analysis.progress import Scores, score
from modaddlab.analysis.spectra import Null, summarize


@dataclass(frozen=True)
class Control:
    """The same ablation of random parts of the same number.

    Attributes:
        draws: the scores of each random choice.
    """

    draws: tuple[Scores, ...]

    def summary(self, name: str) -> Null:
        """Mean and central 95 % interval of one score over the draws, such as "test_loss" or "all_accuracy"."""
        return summarize(np.array([getattr(scores, name) for scores in self.draws]))


@dataclass(frozen=True)
class Ablation:
    """One row of a table.

    Attributes:
        label: what was done, in words.
        kind: what was done, for choosing rows: "removed", "all removed", "only kept", "polynomials", ...
        key: the key frequency that the row is about, if one.
        scores: loss and accuracy afterwards.
        control: the same with random parts; None where there are none to choose from.
    """

    label: str
    kind: str
    key: int | None
    scores: Scores
    control: Control | None


@dataclass
class Table:
    """Scores logits, draws controls, and collects the rows.

    Attributes:
        labels_PP: right answers, (P, P).
        train_mask_PP: which pairs are trained on, (P, P) bool.
        n_draws: random choices for each control; 0 for no control.
        seed: of the random choices.
        rows: what was added so far.

    Raises:
        ValueError: n_draws is negative.
    """

    labels_PP: np.ndarray
    train_mask_PP: np.ndarray
    n_draws: int
    seed: int
    rows: list[Ablation] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.n_draws < 0:
            raise ValueError(f"n_draws (={self.n_draws}) must be 0, for no control, or more")
        self.generator = np.random.default_rng(self.seed)

    def score(self, logits_PPC: np.ndarray) -> Scores:
        """Loss and accuracy of logits (P, P, C)."""
        return score(logits_PPC, self.labels_PP, self.train_mask_PP)

    def control(self, draw: Callable[[], np.ndarray]) -> Control | None:
        """Score `n_draws` times what a random choice leaves of the logits."""
        return Control(tuple(self.score(draw()) for _ in range(self.n_draws))) if self.n_draws else None

    def add(self, label: str, kind: str, key: int | None, logits_PPC: np.ndarray, control: Control | None) -> None:
        """Append the row of what an ablation leaves of the logits."""
        self.rows.append(Ablation(label, kind, key, self.score(logits_PPC), control))

    def choice(self, pool: Sequence[int] | int, size: int) -> np.ndarray:
        """Different random members of a pool, or of range(pool)."""
        return self.generator.choice(pool, size, replace=False)
