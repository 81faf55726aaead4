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
from torch import Tensor

from modaddlab import tasks
from modaddlab.analysis.fourier import fourier_basis, gini, sum_over_rows
from modaddlab.experiments.spec import RunSpec
from modaddlab.training.steps.objective import Params

Row = dict[str, float | np.ndarray]


class Measures:
    """Measures of one run's weights.

    Args:
        spec: the run.
        device: where the weights live.

    Attributes:
        device: where the measures are taken, in float64: there, or on the CPU where there is none.
        train, test: which of the p*p ordered pairs are trained on, and which are not, int64 on the CPU.
    """

    def __init__(self, spec: RunSpec, device: torch.device) -> None:
        self.train, self.test = map(torch.tensor, tasks.split(spec.task, spec.seed))
        self.device = torch.device("cpu") if device.type == "mps" else device
        self.basis_PP = torch.tensor(fourier_basis(spec.task.p), device=self.device)
        self.p, self.model, self.energies = spec.task.p, spec.model, spec.record.energies

    @torch.no_grad()
    def row(self, params: Params, right_B: Tensor, loss_B: Tensor) -> Row:
        """The metrics of these weights, all but `objective` and `gradient_norm`, as float64 numbers and float32 arrays (K,).

        Args:
            params: the weights by name.
            right_B: of all p*p ordered pairs, whether the largest logit is the right one; on the CPU.
            loss_B: their cross-entropy, float64; on the CPU.
        """
        row: Row = {}
        for name, pairs in (("train", self.train), ("test", self.test)):
            row[f"{name}_loss"] = loss_B[pairs].mean().item() if len(pairs) else float("nan")
            row[f"{name}_accuracy"] = right_B[pairs].double().mean().item() if len(pairs) else float("nan")
        exact = {name: value.to(self.device).double() for name, value in params.items()}
        for name, matrix_PX in self.model.maps(exact, self.p).items():
            norms_P = (self.basis_PP @ matrix_PX).norm(dim=1).cpu().numpy()
            row[f"gini_{name}"] = gini(norms_P)
            if self.energies:
                row[f"energy_{name}"] = sum_over_rows(norms_P**2).astype(np.float32)
        return row | {f"norm/{name}": value.norm().item() for name, value in exact.items()}
