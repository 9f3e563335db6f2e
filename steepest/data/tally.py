"""Statistics of a stream of numbers, in one pass and bounded memory."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from steepest.spec.answers import Column
from steepest.spec.labels import number_label

EXACT_DISTINCT: Final = 10_000
"""Distinct values are counted exactly up to here."""

MOST_VALUES: Final = 1_000
"""Distinct values are listed up to here."""

Floats = NDArray[np.float64]


class NumberTally:
    """Count, extremes, mean and distinct values of finite numbers."""

    def __init__(self, most_distinct: int = EXACT_DISTINCT) -> None:
        self.count = 0
        self.min = np.inf
        self.max = -np.inf
        self.mean = 0.0
        self.whole = True
        self.distinct_exact = True
        self.values: Floats = np.empty(0)
        """The distinct values, ascending; the first `most_distinct` met when there are more."""
        self.counts: NDArray[np.int64] = np.empty(0, np.int64)
        self._most_distinct = most_distinct

    def add(self, numbers: Floats, weights: NDArray[np.int64] | None = None) -> None:
        """Take in (k,) finite numbers, each `weights` times."""
        if not len(numbers):
            return
        count = len(numbers) if weights is None else int(weights.sum())
        self.count += count
        self.min = min(self.min, float(numbers.min()))
        self.max = max(self.max, float(numbers.max()))
        self._add_mean(numbers, weights, count)
        self.whole = self.whole and bool((np.floor(numbers) == numbers).all())
        if self.distinct_exact:
            self._add_distinct(numbers + 0.0, weights)  # -0.0 + 0.0 is 0.0

    def column(self, name: str, rows: int) -> Column:
        """The schema's entry of a numeric column with these values among `rows` rows."""
        some = self.count > 0
        listed = self.distinct_exact and len(self.values) <= MOST_VALUES
        return Column(
            name=name,
            kind="numeric",
            count=self.count,
            missing=rows - self.count,
            min=self.min if some else None,
            max=self.max if some else None,
            mean=self.mean if some else None,
            distinct=len(self.values),
            distinct_exact=self.distinct_exact,
            whole=self.whole and some,
            values=[number_label(value) for value in self.values.tolist()] if listed else None,
            value_counts=self.counts.tolist() if listed else None,
        )

    def _add_mean(self, numbers: Floats, weights: NDArray[np.int64] | None, count: int) -> None:
        """Chan, Golub and LeVeque 1979: means of parts combine without cancellation."""
        with np.errstate(over="ignore", invalid="ignore"):
            mean = float(numbers.mean() if weights is None else np.average(numbers, weights=weights))
            if not np.isfinite(mean):  # the sum overflowed, the mean does not
                mean = float((numbers * ((1 if weights is None else weights) / count)).sum())
            share = count / self.count
            moved = self.mean + (mean - self.mean) * share
        self.mean = moved if np.isfinite(moved) else self.mean * (1 - share) + mean * share
        self.mean = min(max(self.mean, self.min), self.max)

    def _add_distinct(self, numbers: Floats, weights: NDArray[np.int64] | None) -> None:
        if weights is None:
            values, counts = np.unique(numbers, return_counts=True)
        else:
            values, inverse = np.unique(numbers, return_inverse=True)
            counts = np.bincount(inverse, weights=weights)
        counts = counts.astype(np.int64)
        place = np.searchsorted(self.values, values)
        known = np.zeros(len(values), bool)
        inside = place < len(self.values)
        known[inside] = self.values[place[inside]] == values[inside]
        self.counts[place[known]] += counts[known]
        if known.all():
            return
        self.values = np.insert(self.values, place[~known], values[~known])
        self.counts = np.insert(self.counts, place[~known], counts[~known])
        if len(self.values) > self._most_distinct:
            self.distinct_exact = False
            self.values, self.counts = self.values[: self._most_distinct], self.counts[: self._most_distinct]
