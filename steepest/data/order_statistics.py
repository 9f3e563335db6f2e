"""Quantiles and the most frequent value of a stream of numbers, in one pass and bounded memory.

Both are exact up to `EXACT_DISTINCT` distinct values. Beyond, both know a bound of their error.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steepest.data.tally import EXACT_DISTINCT

CAPACITY: Final = 8_192
"""Numbers of one weight that are kept before every other one of them goes."""

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


class Quantiles:
    """Quantiles of finite numbers.

    Beyond the exact ones it is a stack of compactors (Manku, Rajagopalan and Lindsay 1998; Karnin, Lang and Liberty
    2016): where `CAPACITY` numbers of weight 2^l have come together, they are sorted, and every other one goes on with
    twice the weight. That moves no rank by more than 2^l. Whether the even or the odd ones go on alternates, so that
    the same numbers in the same order always give the same quantiles.
    """

    def __init__(self, most_distinct: int = EXACT_DISTINCT, capacity: int = CAPACITY) -> None:
        self.count = 0
        self.slack = 0
        """Ranks by which a quantile may be off; 0 while they are exact."""
        self._most_distinct = most_distinct
        self._capacity = capacity
        self._values, self._counts = np.empty(0), np.empty(0, np.int64)
        self._levels: list[Floats] = []
        self._odd: list[bool] = []

    def add(self, numbers: Floats) -> None:
        """Take in (k,) finite numbers."""
        self.count += len(numbers)
        if self._levels:
            self._push(0, numbers)
            return
        self._values, self._counts = merged(self._values, self._counts, numbers)
        if len(self._values) > self._most_distinct:
            self._compact()

    @property
    def error(self) -> float:
        """How far the share of numbers below a quantile may be from what was asked for, at most.

        About log2(n / 8,192) / 8,192 of n numbers: 0.1 % of a million, 0.15 % of a hundred millions.
        """
        return self.slack / max(1, self.count)

    def at(self, shares: Sequence[float]) -> list[float]:
        """The quantiles of shares from 0 to 1, linear between neighbours: NumPy's and scikit-learn's definition."""
        return quantiles_of(*self._weighted(), shares)

    def _weighted(self) -> tuple[Floats, Counts]:
        if not self._levels:
            return self._values, self._counts
        values = np.concatenate(self._levels)
        weights = np.repeat(1 << np.arange(len(self._levels)), [len(level) for level in self._levels])
        order = np.argsort(values, kind="stable")
        return values[order], weights[order]

    def _compact(self) -> None:
        """Give each value to the levels whose weights add up to its count."""
        values, counts = self._values, self._counts
        self._values, self._counts = np.empty(0), np.empty(0, np.int64)
        for level in range(int(counts.max()).bit_length()):
            self._push(level, values[counts >> level & 1 == 1])

    def _push(self, level: int, numbers: Floats) -> None:
        while True:
            while len(self._levels) <= level:
                self._levels.append(np.empty(0))
                self._odd.append(False)
            numbers = np.concatenate([self._levels[level], numbers])
            if len(numbers) < self._capacity:
                self._levels[level] = numbers
                return
            numbers.sort()
            pairs = len(numbers) & ~1
            self._levels[level] = numbers[pairs:].copy()
            numbers = numbers[int(self._odd[level]) : pairs : 2]
            self._odd[level] = not self._odd[level]
            self.slack += 1 << level
            level += 1


class Frequent:
    """The most frequent of finite numbers, the least of those that are equally so.

    Beyond the exact ones it counts as Misra and Gries 1982 do (merged as Agarwal et al. 2012): a value is only missed
    if it is more frequent than the one that is found by at most 1/`EXACT_DISTINCT` of all rows.
    """

    def __init__(self, most_distinct: int = EXACT_DISTINCT) -> None:
        self._most_distinct = most_distinct
        self._values, self._counts = np.empty(0), np.empty(0, np.int64)
        self._least = np.inf

    def add(self, numbers: Floats) -> None:
        """Take in (k,) finite numbers."""
        if not len(numbers):
            return
        self._least = min(self._least, float(numbers.min()))
        values, counts = merged(self._values, self._counts, numbers)
        if len(values) > self._most_distinct:
            place = len(values) - self._most_distinct - 1
            counts = counts - np.partition(counts, place)[place]
            values, counts = values[counts > 0], counts[counts > 0]
        self._values, self._counts = values, counts

    @property
    def value(self) -> float:
        """The most frequent number; where every one of many came once, the least."""
        return float(self._values[self._counts.argmax()]) if len(self._values) else self._least


def quantiles_of(values: Floats, counts: Counts, shares: Sequence[float]) -> list[float]:
    """Quantiles of ascending values, each as often as its count says; linear between neighbours."""
    ends = np.cumsum(counts)
    last = int(ends[-1]) - 1
    found = []
    for share in shares:
        rank = int(share * last)
        low, high = (float(values[np.searchsorted(ends, place, side="right")]) for place in (rank, min(rank + 1, last)))
        found.append(_between(low, high, share * last - rank))
    return found


def merged(values: Floats, counts: Counts, numbers: Floats) -> tuple[Floats, Counts]:
    """Distinct values, ascending, and their counts, after further `numbers` (k,)."""
    if not len(numbers):
        return values, counts
    ordered = np.sort(numbers + 0.0)  # -0.0 + 0.0 is 0.0
    starts = _starts(ordered)
    fresh, times = ordered[starts], np.diff(starts, append=len(ordered))
    together = np.concatenate([values, fresh])
    order = np.argsort(together, kind="stable")  # two ascending runs, which it merges
    together, weights = together[order], np.concatenate([counts, times])[order]
    starts = _starts(together)
    return together[starts], np.add.reduceat(weights, starts)


def _starts(ascending: Floats) -> NDArray[np.intp]:
    """Where each distinct value begins."""
    return np.flatnonzero(np.concatenate([[True], ascending[1:] != ascending[:-1]]))


def _between(low: float, high: float, share: float) -> float:
    """Linear interpolation that gives its ends exactly, as NumPy's does."""
    step = high - low
    if not np.isfinite(step):
        return low * (1.0 - share) + high * share
    return low + step * share if share < 0.5 else high - step * (1.0 - share)
