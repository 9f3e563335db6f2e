"""Figures of values, in their own units: y is what is, r = y - prediction the residual.

R2 is 1 - sum r^2 / sum (y - mean y)^2; of equal values it is 1 if all are hit exactly, else 0.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.inspect.evaluation.means import mean
from steepest.inspect.evaluation.sample import Sample
from steepest.inspect.evaluation.worst import Worst
from steepest.spec.figures import RESIDUAL_QUANTILES, ValueFigure, ValueFigures, WorstRow

Floats = NDArray[np.float64]
Loss = Callable[[Floats, Floats], Floats]
"""(n,) losses of rows of values and predictions, each (n, columns)."""


class ValueTally:
    """Sums over rows, from which all figures come. Moments are combined by Chan, Golub and LeVeque 1979."""

    def __init__(self, columns: Sequence[str], loss: Loss, sample: Sample | None = None) -> None:
        self._columns = columns
        self._loss = loss
        self._rows = 0
        self._squares = np.zeros(len(columns))
        self._sizes = np.zeros(len(columns))
        self._mean = np.zeros(len(columns))
        self._variation = np.zeros(len(columns))
        self._low, self._high = np.full(len(columns), np.inf), np.full(len(columns), -np.inf)
        self._sample = sample or Sample()
        self._worst = Worst()

    def add(self, rows: NDArray[np.intp], y: Floats, predicted: NDArray[np.floating[Any]]) -> None:
        """Take in rows: their numbers (n,), values (n, columns) and predictions (n, columns)."""
        if not len(rows):
            return
        values = predicted.astype(np.float64)
        residuals = y - values
        self._squares += np.square(residuals).sum(axis=0)
        self._sizes += np.abs(residuals).sum(axis=0)
        self._note_spread(y)
        self._sample.add(rows, residuals)
        self._worst.add(rows, self._loss(y, values), y, values)

    def figures(self) -> ValueFigures:
        """All figures of the rows so far, of which there is at least one."""
        (residuals,) = self._sample.arrays
        quantiles = np.quantile(residuals, RESIDUAL_QUANTILES, axis=0)
        columns = [
            ValueFigure(
                column=column,
                mean_squared_error=float(self._squares[index] / self._rows),
                root_mean_squared_error=float(np.sqrt(self._squares[index] / self._rows)),
                mean_absolute_error=float(self._sizes[index] / self._rows),
                r2=self._r2(index),
                residual_quantiles={
                    f"{share:g}": float(value)
                    for share, value in zip(RESIDUAL_QUANTILES, quantiles[:, index], strict=True)
                },
            )
            for index, column in enumerate(self._columns)
        ]
        return ValueFigures(
            task="regression",
            mean_squared_error=mean(each.mean_squared_error for each in columns) or 0.0,
            root_mean_squared_error=mean(each.root_mean_squared_error for each in columns) or 0.0,
            mean_absolute_error=mean(each.mean_absolute_error for each in columns) or 0.0,
            r2=mean(each.r2 for each in columns),
            columns=columns,
            quantile_rows=len(residuals),
        )

    def worst_rows(self) -> list[WorstRow]:
        """The rows of the greatest losses."""
        worst = self._worst
        return [
            WorstRow(row=row, loss=loss, target=self._told(y), predicted=self._told(value))
            for row, loss, y, value in zip(worst.rows.tolist(), worst.losses.tolist(), *worst.details, strict=True)
        ]

    def _note_spread(self, y: Floats) -> None:
        total = self._rows + len(y)
        middle = y.mean(axis=0)
        delta = middle - self._mean
        self._variation += np.square(y - middle).sum(axis=0) + np.square(delta) * (self._rows * len(y) / total)
        self._mean += delta * (len(y) / total)
        self._low, self._high = np.minimum(self._low, y.min(axis=0)), np.maximum(self._high, y.max(axis=0))
        self._rows = total

    def _r2(self, index: int) -> float | None:
        if self._rows < 2:
            return None
        if self._low[index] == self._high[index] or not self._variation[index]:
            return 0.0 if self._squares[index] else 1.0
        return float(1 - self._squares[index] / self._variation[index])

    def _told(self, values: Floats) -> float | dict[str, float]:
        if len(self._columns) == 1:
            return float(values[0])
        return dict(zip(self._columns, values.tolist(), strict=True))
