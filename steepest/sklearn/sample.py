"""Rows as an estimator gets them, on their way into the trainer and out of it."""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any, Final

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_array
from sklearn.utils.validation import check_consistent_length

from steepest.sklearn.sparse import SparseRows
from steepest.trainer.arrays import Array
from steepest.trainer.evaluate import outputs
from steepest.trainer.network import Network
from steepest.trainer.rows import Rows

PIECE_BYTES: Final = 32 * 1024 * 1024
"""Of sparse rows that are made dense at a time, for a prediction."""


@dataclass(frozen=True)
class Sample:
    """Rows to learn from, or to be measured on."""

    X: Any
    """(n, d) in the run's precision; sparse if there are many."""
    y: Array
    """(n, outputs) values, or booleans: of labels, of each class, or of the second of two classes."""
    weights: Array | None = None
    """(n,) in the run's precision."""

    def rows(self, targets: Array, order: Callable[[int], Array] | None = None) -> Rows:
        """As the trainer takes them, with targets in its terms."""
        X: Any = SparseRows(self.X) if issparse(self.X) else self.X
        return Rows(X, targets, self.weights, order=order)

    def __len__(self) -> int:
        rows: int = self.X.shape[0]
        return rows

    @property
    def weight(self) -> float:
        """Of a row, on average."""
        return 1.0 if self.weights is None else float(self.weights.mean(dtype=np.float64))


def checked_weights(given: Any, rows: int) -> Array:
    """(n,) float64 weights of rows; a number stands for that of every row.

    Raises:
        ValueError: they are of another shape, below 0 or not finite, or all of them are 0.
    """
    if isinstance(given, Real):
        given = np.full(rows, given)
    weights: Array = check_array(given, ensure_2d=False, dtype=np.float64, input_name="sample_weight")
    if weights.ndim != 1:
        raise ValueError(f"Sample weights must be 1D array or scalar, got {weights.ndim}D array.")
    check_consistent_length(weights, np.empty(rows))
    if (weights < 0).any():
        raise ValueError("Negative values in data passed to `sample_weight`.")
    if not weights.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weights


def forward(network: Network, theta: Array, X: Any) -> Array:
    """The activations (n, outputs) of the output layer for X (n, d), dense or sparse; in the finer precision."""
    precision = np.result_type(theta, X.dtype if X.dtype.kind == "f" else theta)
    theta = theta.astype(precision, copy=False)
    if not issparse(X):
        return outputs(network, theta, np.asarray(X, precision))
    rows, out = X.tocsr(), np.empty((X.shape[0], network.outputs), precision)
    piece = max(1, PIECE_BYTES // (X.shape[1] * precision.itemsize))
    for start in range(0, len(out), piece):
        here = slice(start, start + piece)
        out[here] = outputs(network, theta, rows[here].toarray().astype(precision, copy=False))
    return out
