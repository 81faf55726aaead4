"""Which questions a network answers right at each saved step, and how its embedding looks then: what one scrubs through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from modaddlab.analysis import fourier
from modaddlab.findings.networks import ADDITION, ALL_WEIGHTS, NO_LAYER_NORM, ONE_LAYER, for_networks
from modaddlab.findings.sweep import Columns
from modaddlab.study import Study


@dataclass(frozen=True, kw_only=True)
class Answers:
    """At each of T saved steps.

    Attributes:
        step_T: the steps.
        right_TPP: which pairs are answered right, (T, P, P) bool.
        norm_TK: norm of the embedding at each frequency, (T, K).
        train_mask_PP: the pairs that it was trained on, (P, P) bool.
    """

    step_T: np.ndarray
    right_TPP: np.ndarray
    norm_TK: np.ndarray
    train_mask_PP: np.ndarray

    @property
    def columns(self) -> Columns:
        """The shares of the trained and of the other pairs that are right, as a figure's data."""
        shares = {name: self.right_TPP[:, mask_PP].mean(axis=1) for name, mask_PP in self._parts().items()}
        return {"step": self.step_T, **shares}

    def at(self, indices: Sequence[int]) -> Answers:
        """Some of the steps."""
        chosen = list(indices)
        return replace(self, step_T=self.step_T[chosen], right_TPP=self.right_TPP[chosen], norm_TK=self.norm_TK[chosen])

    def _parts(self) -> dict[str, np.ndarray]:
        return {"train pairs right": self.train_mask_PP, "other pairs right": ~self.train_mask_PP}


def measure() -> Answers:
    """The mainline at five moments: its list is learned; halfway to the jump; a quarter of the other pairs are right, then most;
    the end."""
    study = Study.open("mainline")
    saved = of(study)
    test_T = saved.columns["other pairs right"]
    learned = int(np.argmax(np.asarray(saved.columns["train pairs right"]) > 0.99))
    half, most = (int(np.argmax(np.asarray(test_T) > share)) for share in (0.25, 0.6))
    return saved.at([learned, (learned + half) // 2, half, most, len(saved.step_T) - 1])


@for_networks(NO_LAYER_NORM, ONE_LAYER, ADDITION, ALL_WEIGHTS)
def of(study: Study) -> Answers:
    """The answers of a network at its saved steps, none where it has none; a tenth of a second for a step at p = 113, kept."""
    p, steps = study.p, np.array(study.record.snapshot_steps, dtype=int)
    if not len(steps):
        none = np.zeros((0, p, p), bool)
        return Answers(step_T=steps, right_TPP=none, norm_TK=np.zeros((0, p // 2)), train_mask_PP=study.train_mask_PP)
    found = study.remember(measure_answers)
    right_TPP = np.unpackbits(found["right_TB"], axis=1, count=p * p).astype(bool).reshape(-1, p, p)
    return Answers(step_T=steps, right_TPP=right_TPP, norm_TK=found["norm_TK"], train_mask_PP=study.train_mask_PP)


@for_networks(NO_LAYER_NORM, ONE_LAYER, ADDITION, ALL_WEIGHTS)
def measure_answers(study: Study) -> dict[str, np.ndarray]:
    """The right answers as bits, (T, P * P / 8 rounded up), by logits in float32, and the norms, (T, K)."""
    p, model = study.p, study.spec.model
    rights, norms = [], []
    for step in study.record.snapshot_steps:
        params = {name: value.astype(np.float32) for name, value in study.record.snapshot(step).items()}
        rights.append(np.packbits(model.pair_logits(params, p).argmax(axis=-1) == study.labels_PP))
        norms.append(np.sqrt(fourier.energy_per_frequency(model.maps(params, p)["W_E"])))
    return {"right_TB": np.array(rights), "norm_TK": np.array(norms)}
