"""Sparse rows, made dense as they are asked for: what the trainer wants of an array, and no more."""

from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike
from scipy.sparse import csr_array, issparse

from steepest.trainer.arrays import Array

DENSE_BYTES: Final = 256 * 1024 * 1024
"""Sparse rows that take no more when they are dense are made so once, which is faster."""


class SparseRows:
    """A sparse matrix (n, d) that passes for an array of rows."""

    def __init__(self, rows: Any) -> None:
        """`rows` as any sparse matrix."""
        self.rows = csr_array(rows)
        self.shape: tuple[int, int] = self.rows.shape
        self.dtype: np.dtype[Any] = self.rows.dtype
        self.itemsize = self.dtype.itemsize
        self.nbytes = self.itemsize * self.shape[0] * self.shape[1]
        """If they were dense."""

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Array:
        dense: Array = self.rows[rows].toarray()
        return dense

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        return np.asarray(self[:], dtype)

    def take(self, rows: Array, axis: int, out: Array, mode: str) -> None:
        """Bring rows (k,) together in `out` (k, d), as NumPy does along the first axis."""
        np.copyto(out, self[rows])


def dense(X: Any, precision: str | None) -> Any:
    """(n, d) numbers in the precision asked for, else in their own: an array in one piece, or sparse rows if many."""
    dtype = np.dtype(precision or X.dtype)
    if not issparse(X):
        return np.ascontiguousarray(X, dtype)
    if X.shape[0] * X.shape[1] * dtype.itemsize <= DENSE_BYTES:
        return X.toarray().astype(dtype, copy=False)
    return X.tocsr().astype(dtype, copy=False)
