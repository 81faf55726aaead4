"""Sparse matrices with as many non-zeros in every row, whose values are written later, in place."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor


def csr(columns_BX: Tensor, n_columns: int) -> Tensor:
    """A matrix with X non-zeros in each of its B rows, in these columns."""
    n_rows, per_row = columns_BX.shape
    return _sparse(torch.arange(n_rows + 1) * per_row, columns_BX.reshape(-1), (n_rows, n_columns))


def transposed(columns_BX: Tensor, n_columns: int) -> tuple[Tensor, Tensor]:
    """The transpose of such a matrix, and for each of its values where that stands among the matrix's own."""
    n_rows, per_row = columns_BX.shape
    order = torch.argsort(columns_BX.reshape(-1), stable=True)
    starts = torch.zeros(n_columns + 1, dtype=torch.int64)
    starts[1:] = torch.bincount(columns_BX.reshape(-1), minlength=n_columns).cumsum(0)
    return _sparse(starts, order // per_row, (n_columns, n_rows)), order


def _sparse(row_starts: Tensor, columns: Tensor, size: tuple[int, int]) -> Tensor:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")
        return torch.sparse_csr_tensor(row_starts.int(), columns.int(), torch.zeros(len(columns)), size, check_invariants=False)
