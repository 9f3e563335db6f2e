"""Statistics of a stream of numbers, in one pass and bounded memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steepest.data.hashing import Hashes, HashSample, number_hashes
from steepest.data.sample import Sample, histogram, quantiles
from steepest.spec.columns import Column, ValueCount
from steepest.spec.labels import number_label
from steepest.spec.tasks import TargetFacts

EXACT_DISTINCT: Final = 10_000
"""Distinct values are counted exactly up to here."""

MOST_VALUES: Final = 1_000
"""Distinct values are listed up to here."""

MOST_TOP: Final = 10
"""So many of the most frequent values are listed."""

_ALL_COLUMNS: Final = (16_000_000, 1 << 22, 1 << 20)
_SAMPLED: Final = 1 << 16
_HASHED: Final = 1 << 11
_FEW: Final = 1 << 8
_SMALLEST_SQUARE: Final = 1e-280

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Room:
    """How many values, sampled values and hashes the statistics of a column may keep."""

    distinct: int = EXACT_DISTINCT
    sampled: int = _SAMPLED
    hashed: int = _HASHED

    @classmethod
    def of(cls, columns: int) -> "Room":
        """The room of each of `columns` columns: from some dozen columns on, they share what there is."""
        distinct, sampled, hashed = (most // columns for most in _ALL_COLUMNS)
        return cls(
            distinct=min(EXACT_DISTINCT, max(MOST_VALUES, distinct)),
            sampled=min(_SAMPLED, max(_FEW, sampled & ~1)),
            hashed=min(_HASHED, max(_FEW, hashed)),
        )


class NumberTally:
    """Statistics of finite numbers.

    As long as there are at most `room.distinct` different ones, each is counted, and all is exact. Beyond, a sample
    stands for them, and a sample of hashes tells how many different ones there are.
    """

    def __init__(self, room: Room | None = None) -> None:
        self._room = room or Room()
        self.count = 0
        self.min = np.inf
        self.max = -np.inf
        self.mean = 0.0
        self.whole = True
        self.increasing = True
        """Whether each number was larger than the one before."""
        self.values: Floats = np.empty(0)
        """The distinct values, ascending; none once there are too many."""
        self.counts: NDArray[np.int64] = np.empty(0, np.int64)
        self._squares = 0.0
        self._last = -np.inf
        self._sample: Sample | None = None
        self.hashes: HashSample | None = None
        """Of the distinct values, once there are too many to keep."""

    @property
    def distinct_exact(self) -> bool:
        """Whether every distinct value is known."""
        return self._sample is None

    @property
    def distinct(self) -> int:
        """Distinct values; estimated when there are too many to keep."""
        if self.hashes is None:
            return len(self.values)
        return min(max(self.hashes.distinct, self._room.distinct + 1), self.count)

    def add(self, numbers: Floats, weights: NDArray[np.int64] | None = None, hashes: Hashes | None = None) -> None:
        """Take in (k,) finite numbers, each `weights` times; `hashes` are theirs, if they are known already."""
        if not len(numbers):
            return
        count = len(numbers) if weights is None else int(weights.sum())
        self.count += count
        self.min = min(self.min, float(numbers.min()))
        self.max = max(self.max, float(numbers.max()))
        self._add_moments(numbers, weights, count)
        self.whole = self.whole and bool((np.floor(numbers) == numbers).all())
        self.increasing = self.increasing and self.whole and weights is None and self._goes_on(numbers)
        if self._sample is None:
            self._add_distinct(numbers + 0.0, weights)  # -0.0 + 0.0 is 0.0
            return
        if weights is None:
            self._sample.add(numbers)
        else:
            self._sample.add_counted(numbers, weights)
        if self.hashes is not None:
            self.hashes.add(number_hashes(numbers) if hashes is None else hashes)

    def column(self, name: str, rows: int) -> Column:
        """The schema's entry of a column of these numbers among `rows` rows."""
        facts = self.facts(name)
        return self._column(name, rows).model_copy(
            update={
                "kind": "integer" if facts.whole else "numeric",
                "whole": facts.whole,
                "values": facts.classes if facts.classes is None else list(facts.classes),
                "value_counts": facts.counts if facts.counts is None else list(facts.counts),
                "top": self._top(),
            }
        )

    def facts(self, name: str) -> TargetFacts:
        """What a target column of these numbers is to training."""
        listed = self.distinct_exact and len(self.values) <= MOST_VALUES
        return TargetFacts(
            name=name,
            rows=self.count,
            distinct=self.distinct,
            numeric=True,
            whole=self.whole and self.count > 0,
            classes=tuple(number_label(value) for value in self.values.tolist()) if listed else None,
            counts=tuple(self.counts.tolist()) if listed else None,
            least=self.min if self.count else None,
        )

    def moments_column(self, name: str, rows: int) -> Column:
        """The schema's entry of a column of date-times, of which these are the milliseconds."""
        top = self._top()
        if top is not None:
            top = [entry.model_copy(update={"value": moment_label(float(entry.value))}) for entry in top]
        return self._column(name, rows).model_copy(update={"kind": "datetime", "top": top})

    def _column(self, name: str, rows: int) -> Column:
        column = Column(
            name=name,
            kind="numeric",
            count=self.count,
            missing=rows - self.count,
            distinct=self.distinct,
            distinct_exact=self.distinct_exact,
            distinct_error=0.0 if self.hashes is None else self.hashes.error,
        )
        if not self.count:
            return column
        values = self.values if self._sample is None else self._sample.values
        counts = self.counts if self._sample is None else None
        return column.model_copy(
            update={
                "min": self.min,
                "max": self.max,
                "mean": self.mean,
                "deviation": self._deviation(values, counts),
                "quantiles": quantiles(values, counts),
                "quantile_error": 0.0 if self._sample is None else self._sample.error,
                "histogram": histogram(values, self.count, self.min, self.max, counts),
            }
        )

    def _top(self) -> list[ValueCount] | None:
        if not self.distinct_exact or self.counts.max(initial=0) == 1:
            return None
        order = most_frequent(self.counts)
        return [
            ValueCount(value=number_label(float(self.values[place])), count=int(self.counts[place])) for place in order
        ]

    def _deviation(self, values: Floats, counts: NDArray[np.int64] | None) -> float:
        variance = self._squares / self.count
        if self.min == self.max:
            return 0.0
        if _SMALLEST_SQUARE < variance < np.inf:
            return float(np.sqrt(variance))
        # The squares left the range of a float; the values, or the sample of them, did not.
        scale = max(abs(self.min), abs(self.max))
        scaled = values / scale
        mean = np.average(scaled, weights=counts)
        return float(np.sqrt(np.average(np.square(scaled - mean), weights=counts)) * scale)

    def _goes_on(self, numbers: Floats) -> bool:
        ahead = bool(numbers[0] > self._last and (numbers[1:] > numbers[:-1]).all())
        self._last = float(numbers[-1])
        return ahead

    def _add_moments(self, numbers: Floats, weights: NDArray[np.int64] | None, count: int) -> None:
        """Chan, Golub and LeVeque 1979: means and squares of parts combine without cancellation."""
        with np.errstate(over="ignore", invalid="ignore"):
            mean = float(numbers.mean() if weights is None else np.average(numbers, weights=weights))
            if not np.isfinite(mean):  # the sum overflowed, the mean does not
                mean = float((numbers * ((1 if weights is None else weights) / count)).sum())
            deviations = numbers - mean
            weighted = deviations if weights is None else deviations * weights
            share = count / self.count
            step = mean - self.mean
            self._squares += float(np.dot(deviations, weighted)) + step * step * (share * (self.count - count))
            moved = self.mean + step * share
        self.mean = moved if np.isfinite(moved) else self.mean * (1 - share) + mean * share
        self.mean = min(max(self.mean, self.min), self.max)

    def _add_distinct(self, numbers: Floats, weights: NDArray[np.int64] | None) -> None:
        if weights is None:
            values, counts = np.unique(numbers, return_counts=True)
        else:
            values, inverse = np.unique(numbers, return_inverse=True)
            counts = np.bincount(inverse, weights=weights)
        self._merge(values, counts.astype(np.int64))
        if len(self.values) > self._room.distinct:
            self._give_up()

    def _merge(self, values: Floats, counts: NDArray[np.int64]) -> None:
        """Add ascending values, each met so many times."""
        if not len(self.values):
            self.values, self.counts = values, counts
            return
        place = np.searchsorted(self.values, values)
        known = np.zeros(len(values), bool)
        inside = place < len(self.values)
        known[inside] = self.values[place[inside]] == values[inside]
        self.counts[place[known]] += counts[known]
        if not known.all():
            self.values = np.insert(self.values, place[~known], values[~known])
            self.counts = np.insert(self.counts, place[~known], counts[~known])

    def _give_up(self) -> None:
        self._sample, self.hashes = Sample(self._room.sampled), HashSample(self._room.hashed)
        self._sample.add_counted(self.values, self.counts)
        self.hashes.add_different(number_hashes(self.values))
        self.values, self.counts = np.empty(0), np.empty(0, np.int64)


def most_frequent(counts: Sequence[int] | NDArray[np.int64]) -> list[int]:
    """Places of the largest counts, the largest first, and the first of equal ones first."""
    order: list[int] = np.argsort(-np.asarray(counts, np.int64), kind="stable")[:MOST_TOP].tolist()
    return order


def moment_label(milliseconds: float) -> str:
    """A moment as ISO 8601 writes it, in UTC; in milliseconds, where it is out of a calendar's range."""
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return number_label(milliseconds)
    return moment.isoformat().replace("+00:00", "Z")
