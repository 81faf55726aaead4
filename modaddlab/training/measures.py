"""What is recorded while a network trains: one row of metrics.

    train_loss, test_loss            mean nats over the p residues as outputs, float64
    train_accuracy, test_accuracy    share of pairs whose largest logit is the right one
    objective, gradient_norm         the loss that was descended (over all outputs) and the norm of its gradient
    gini_W_E, gini_W_L               Gini coefficient of the norms of the p Fourier components
    energy_W_E, energy_W_L           squared norm per frequency 1..p//2, unless record.energies is off
    norm/<parameter>                 Frobenius norm

W_E is what stands for a residue and W_L the neuron-logit map (`Network.maps`). Without a test pair the test metrics are NaN.
Definitions after Nanda et al. 2023, section 5.
"""

from __future__ import annotations

import numpy as np
import torch

from modaddlab.analysis.fourier import fourier_basis, gini, sum_over_rows
from modaddlab.experiments.spec import RunSpec
from modaddlab.training.steps.batches import TrainingSet
from modaddlab.training.steps.objective import Params, accuracy_and_loss
from modaddlab.training.steps.two_layer import UnorderedPairs

Row = dict[str, float | np.ndarray]


class Measures:
    """Evaluates a network on every pair and measures its weights."""

    def __init__(self, spec: RunSpec, data: TrainingSet) -> None:
        self.p, self.train, self.test = spec.task.p, torch.tensor(data.train), torch.tensor(data.test)
        self.labels = data.labels
        self.network = data.everything()
        self.basis_PP = torch.tensor(fourier_basis(self.p), device=data.device)
        self.model, self.energies = spec.model, spec.record.energies

    @torch.no_grad()
    def row(self, params: Params) -> Row:
        """The metrics of these weights, all but `objective` and `gradient_norm`, as float64 numbers and float32 arrays (K,)."""
        right, loss = self._right_and_loss(params)
        row: Row = {}
        for name, pairs in (("train", self.train), ("test", self.test)):
            row[f"{name}_loss"] = loss[pairs].mean().item() if len(pairs) else float("nan")
            row[f"{name}_accuracy"] = right[pairs].double().mean().item() if len(pairs) else float("nan")
        for name, matrix_PX in self.model.maps({name: value.double() for name, value in params.items()}, self.p).items():
            norms_P = (self.basis_PP @ matrix_PX).norm(dim=1).cpu().numpy()
            row[f"gini_{name}"] = gini(norms_P)
            if self.energies:
                row[f"energy_{name}"] = sum_over_rows(norms_P**2).astype(np.float32)
        return row | {f"norm/{name}": value.double().norm().item() for name, value in params.items()}

    def _right_and_loss(self, params: Params) -> tuple[torch.Tensor, torch.Tensor]:
        """Per ordered pair: whether the largest logit is the right one, and the cross-entropy; on the CPU."""
        if isinstance(self.network, UnorderedPairs):
            right_E, loss_E = self.network.right_and_loss(params)
            return right_E[self.network.entry_of_ordered_B], loss_E[self.network.entry_of_ordered_B]
        logits = self.network.logits(params)[:, : self.p]
        right_B, loss_B = accuracy_and_loss(logits, self.labels)
        return right_B.cpu(), loss_B.cpu()
