"""The three stages of grokking in runs of the two-layer network: boundaries, plateau, and what changes underneath."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modaddlab.analysis import stages, two_layer
from modaddlab.findings.networks import ADDITION, COMMUTING, ODD_MODULUS, SNAPSHOTS, TEST_PAIRS, TWO_LAYER, for_networks
from modaddlab.models.grid import run_grid
from modaddlab.study import Study


@dataclass(frozen=True, kw_only=True)
class StageHistory:
    """A run of the two-layer network at its snapshots.

    Attributes:
        step_T: their steps.
        right_TPP: whether the answer is right, bool.
        probability_TPP: the softmax's weight on the right answer.
        sine_T: the mean over neurons of |sin D|, at each neuron's own frequency at the time.
        misalignment_T: the mean of |D| in radians.
        input_ipr_T, output_ipr_T: inverse participation ratio over frequencies, mean over neurons.
        coefficient_ipr_T: the notebooks' definition, over real coefficients, mean over neurons and of both sides.
        input_norm_T, output_norm_T: Frobenius norms.
    """

    step_T: np.ndarray
    right_TPP: np.ndarray
    probability_TPP: np.ndarray
    sine_T: np.ndarray
    misalignment_T: np.ndarray
    input_ipr_T: np.ndarray
    output_ipr_T: np.ndarray
    coefficient_ipr_T: np.ndarray
    input_norm_T: np.ndarray
    output_norm_T: np.ndarray

    def at(self, step: int) -> int:
        """The index of the snapshot closest to a step."""
        return stages.row_at(self.step_T, step)


@for_networks(TEST_PAIRS)
def find(study: Study, threshold: float = stages.THRESHOLD) -> stages.Stages:
    """The boundaries of a run, from its recorded accuracies."""
    metrics = study.metrics
    return stages.find_stages(
        step_T=metrics["step"],
        train_accuracy_T=metrics["train_accuracy"],
        test_accuracy_T=metrics["test_accuracy"],
        threshold=threshold,
    )


@dataclass(frozen=True, kw_only=True)
class Plateau:
    """The test accuracy that memory alone gives, predicted and measured.

    Attributes:
        expected: frac (p - 1) / p, the mean over splits.
        mirrored: the share of this split's test pairs whose mirror image is trained.
        lowest: the smallest test accuracy until memory is complete; NaN where it never is.
        complete: the first recorded step at which every training pair is right, or None.
        flat: the test accuracy that most rows from then until twice that step show; NaN where memory is never complete.
        flat_share: the share of those rows that show it.
    """

    expected: float
    mirrored: float
    lowest: float
    complete: int | None
    flat: float
    flat_share: float


@for_networks(COMMUTING, TEST_PAIRS)
def plateau(study: Study) -> Plateau:
    """The plateau of a run's test accuracy; one memory of unordered pairs predicts it."""
    step_T, accuracy_T = study.metrics["step"], study.metrics["test_accuracy"]
    complete = find(study, threshold=1.0).memorized
    lowest = flat = flat_share = float("nan")
    if complete is not None:
        lowest = float(accuracy_T[step_T <= complete].min())
        rows_N = np.round(accuracy_T[(step_T >= complete) & (step_T <= 2 * complete)], 9)
        values, counts = np.unique(rows_N, return_counts=True)
        flat, flat_share = float(values[counts.argmax()]), float(counts.max() / len(rows_N))
    return Plateau(
        expected=stages.expected_plateau(study.spec.task.train_frac, study.p),
        mirrored=stages.mirror_share(study.train_mask_PP),
        lowest=lowest,
        complete=complete,
        flat=flat,
        flat_share=flat_share,
    )


@for_networks(TWO_LAYER, ADDITION, ODD_MODULUS, SNAPSHOTS)
def history(study: Study) -> StageHistory:
    """A run at its snapshots; some 20 ms each at p = 23."""
    arrays = study.remember(measure_snapshots)
    return StageHistory(step_T=np.asarray(study.record.snapshot_steps), **arrays)


@for_networks(TWO_LAYER, ADDITION, ODD_MODULUS, SNAPSHOTS)
def measure_snapshots(study: Study) -> dict[str, np.ndarray]:
    """The arrays of `StageHistory`."""
    rows = [_measure(study, study.record.snapshot(int(step))) for step in study.record.snapshot_steps]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]} if rows else {}


def _measure(study: Study, params: dict[str, np.ndarray]) -> dict[str, np.ndarray | float]:
    grid = run_grid(params, study.spec.model, study.p)
    theta_HP, xi_HP = grid.W_E_PD.T, grid.W_L_HC
    logits_PPC = grid.logits_PPC - grid.logits_PPC.max(axis=2, keepdims=True)
    weight_PPC = np.exp(logits_PPC)
    weight_PPC /= weight_PPC.sum(axis=2, keepdims=True)
    fits = two_layer.cosine_fits(theta_HP, xi_HP)
    return {
        "right_TPP": logits_PPC.argmax(axis=2) == study.labels_PP,
        "probability_TPP": np.take_along_axis(weight_PPC, study.labels_PP[:, :, None], axis=2)[:, :, 0],
        "sine_T": float(np.mean(np.abs(np.sin(fits.misalignment_H)))),
        "misalignment_T": float(np.mean(np.abs(fits.misalignment_H))),
        "input_ipr_T": float(np.nanmean(two_layer.ipr(theta_HP))),
        "output_ipr_T": float(np.nanmean(two_layer.ipr(xi_HP))),
        "coefficient_ipr_T": float(np.mean([np.nanmean(two_layer.ipr(side, "coefficients")) for side in (theta_HP, xi_HP)])),
        "input_norm_T": float(np.linalg.norm(theta_HP)),
        "output_norm_T": float(np.linalg.norm(xi_HP)),
    }


@dataclass(frozen=True, kw_only=True)
class Boundaries:
    """The ends of the stages of one seed or modulus, and how the run ends.

    Attributes:
        p, seed: which run.
        memorized, generalized: steps, or None.
        mirrored, flat: of `Plateau`.
        train_loss, test_loss, test_accuracy: at the end.
    """

    p: int
    seed: int
    memorized: int | None
    generalized: int | None
    mirrored: float
    flat: float
    train_loss: float
    test_loss: float
    test_accuracy: float


def boundaries(studies: Sequence[Study]) -> list[Boundaries]:
    """A row for each run."""
    rows = []
    for study in studies:
        found, level, metrics = find(study), plateau(study), study.metrics
        rows.append(
            Boundaries(
                p=study.p,
                seed=study.spec.seed,
                memorized=found.memorized,
                generalized=found.generalized,
                mirrored=level.mirrored,
                flat=level.flat,
                train_loss=float(metrics["train_loss"][-1]),
                test_loss=float(metrics["test_loss"][-1]),
                test_accuracy=float(metrics["test_accuracy"][-1]),
            )
        )
    return rows
