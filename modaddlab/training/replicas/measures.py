"""What is recorded while stacked replicas train: the rows of `modaddlab.training.measures`, all replicas' at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from modaddlab import tasks
from modaddlab.analysis.fourier import fourier_basis, sum_over_rows
from modaddlab.experiments.spec import RunSpec
from modaddlab.training.measures import Row
from modaddlab.training.replicas.stack import Stack


class StackedMeasures:
    """Means over the splits of R replicas, and measures of their weights.

    Args:
        specs: the runs; their networks, moduli and what is recorded are equal.
        device: where the weights live.

    Attributes:
        train_RB: which of the p*p ordered pairs each replica trains on, bool.
        labels_RB: their right answers, int64.
    """

    def __init__(self, specs: Sequence[RunSpec], device: torch.device) -> None:
        self.p, self.model, self.energies = specs[0].task.p, specs[0].model, specs[0].record.energies
        masks = np.stack([tasks.train_mask(spec.task, spec.seed).ravel() for spec in specs])
        self.train_RB = torch.tensor(masks, device=device)
        self.labels_RB = torch.tensor(np.stack([tasks.labels(spec.task, spec.seed) for spec in specs]), device=device)
        self.basis_PP = torch.tensor(fourier_basis(self.p), device=device)
        self.n_train = int(masks[0].sum())
        self.n_test = self.p**2 - self.n_train

    @torch.no_grad()
    def rows(self, step: int, stack: Stack, right_RB: Tensor, loss_RB: Tensor, objective_R: Tensor) -> list[Row]:
        """A row of metrics for each replica.

        Args:
            step: how many updates the weights have had.
            stack: the weights, and the gradients at them.
            right_RB: whether the largest logit is the right one, of all ordered pairs.
            loss_RB: their cross-entropy, float64.
            objective_R: the losses that are descended, float64.
        """
        columns: dict[str, Tensor] = {}
        for name, chosen_RB, n in (("train", self.train_RB, self.n_train), ("test", ~self.train_RB, self.n_test)):
            # n = 0: no pair is tested, and 0 / 0 is NaN as it should be
            columns[f"{name}_loss"] = torch.where(chosen_RB, loss_RB, 0.0).sum(dim=1) / n
            columns[f"{name}_accuracy"] = (right_RB & chosen_RB).sum(dim=1).double() / n
        gradient_norm_R = torch.stack(list(stack.squared_norms(stack.in_float64(stack.grad)).values())).sum(dim=0).sqrt()
        weights = stack.in_float64(stack.flat)
        norms = {f"norm/{name}": squared_R.sqrt() for name, squared_R in stack.squared_norms(weights).items()}
        after = {**norms, "objective": objective_R, "gradient_norm": gradient_norm_R}
        maps = self.model.maps(stack.views(weights), self.p)
        maps_RP = {name: (self.basis_PP @ matrix).norm(dim=2) for name, matrix in maps.items()}
        table = torch.stack([*columns.values(), *after.values()]).double().cpu().numpy()  # one copy off the device
        spectra = {name: norms_RP.cpu().numpy() for name, norms_RP in maps_RP.items()}
        ginis = {name: _ginis(norms_RP.cpu()).tolist() for name, norms_RP in maps_RP.items()}

        found: list[Row] = []
        for r in range(stack.n_replicas):
            numbers = dict(zip([*columns, *after], table[:, r].tolist(), strict=True))
            row: Row = {"step": step, **{name: numbers[name] for name in columns}}
            for name, norms_RP in spectra.items():
                row[f"gini_{name}"] = ginis[name][r]
                if self.energies:
                    row[f"energy_{name}"] = sum_over_rows(norms_RP[r] ** 2).astype(np.float32)
            found.append(row | {name: numbers[name] for name in after})
        return found


def _ginis(norms_RP: Tensor) -> Tensor:
    """The Gini coefficient of each row, (R,), as `modaddlab.analysis.fourier.gini` has it."""
    n, ordered_RP = norms_RP.shape[1], norms_RP.sort(dim=1).values
    ranks_P, total_R = torch.arange(1, n + 1, dtype=norms_RP.dtype), ordered_RP.sum(dim=1)
    found_R = 2 * (ordered_RP * ranks_P).sum(dim=1) / (n * total_R) - (n + 1) / n
    return torch.where(total_R == 0, 0.0, found_R)
