"""A bounded sample of a stream of numbers, and the quantiles and the histogram that follow from it."""

from collections.abc import Callable
from functools import lru_cache
from math import log, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steepest.data.hashing import random_words
from steepest.spec.columns import Histogram

SHARES: Final = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
"""Which quantiles a column's statistics have."""

BINS: Final = 20

_UNLIKELY: Final = 1e-6
"""How probable it may be that a share is off by more than what is stated."""

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


class Sample:
    """One number of each `stride` in turn, drawn at random; the stride is doubled when they become too many.

    A stratified random sample: the share of numbers below a value is off by more than e with a probability of at most
    2 exp(-2 k e^2), k the numbers in the sample (Hoeffding 1963). The draws follow from the numbers' places alone.
    """

    def __init__(self, most: int) -> None:
        """`most` is even."""
        self._most = most
        self._stride = 1
        self._seen = 0
        self._length = 0
        self._kept: Floats = np.empty(0)

    def add(self, numbers: Floats) -> None:
        """Take in the next (k,) numbers."""
        self._draw(len(numbers), lambda places: numbers[places])

    def add_counted(self, values: Floats, counts: Counts) -> None:
        """Take in (k,) numbers, each as often as its count says."""
        ends = np.cumsum(counts)

        def at(places: slice | NDArray[np.intp]) -> Floats:
            wanted = np.arange(places.start, places.stop) if isinstance(places, slice) else places
            return values[np.searchsorted(ends, wanted, side="right")]

        self._draw(int(ends[-1]), at)

    @property
    def values(self) -> Floats:
        """(k,) the sample, in the order of the stream."""
        return self._kept[: self._length]

    @property
    def error(self) -> float:
        """How far the share of a quantile may be off, but for one in a million."""
        return 0.0 if self._stride == 1 else sqrt(log(2 / _UNLIKELY) / (2 * self._length))

    def _draw(self, count: int, at: Callable[[slice | NDArray[np.intp]], Floats]) -> None:
        done = 0
        while done < count:
            part = min(count - done, self._most * self._stride - self._seen)
            self._keep(at(self._places(done, part)))
            self._seen += part
            done += part
            if self._seen == self._most * self._stride:
                self._halve()

    def _places(self, start: int, count: int) -> slice | NDArray[np.intp]:
        """Which of the next `count` numbers, the first of which is at `start`, are drawn."""
        if self._stride == 1:
            return slice(start, start + count)
        places = _drawn(self._seen, self._stride, count)
        return places + start if start else places

    def _keep(self, numbers: Floats) -> None:
        length = self._length + len(numbers)
        if length > len(self._kept):
            grown = np.empty(min(self._most, max(length, 2 * len(self._kept))))
            grown[: self._length] = self._kept[: self._length]
            self._kept = grown
        self._kept[self._length : length] = numbers
        self._length = length

    def _halve(self) -> None:
        """Of two neighbours, one stays."""
        half = self._most // 2
        self._kept[:half] = self._kept[_drawn(0, 2, self._most)]
        self._length = half
        self._stride *= 2


@lru_cache(maxsize=16)  # columns without missing values are all at the same place
def _drawn(seen: int, stride: int, count: int) -> NDArray[np.intp]:
    """Of `count` numbers, with `seen` before them, the places of those that are drawn: one of each `stride`."""
    first, last = seen // stride, (seen + count - 1) // stride
    draws = random_words(first + stride, last + 1 - first) >> np.uint64(32)
    draws %= np.uint64(stride)
    places = np.arange(first, last + 1) * stride + draws.astype(np.intp) - seen
    places = places[(places >= 0) & (places < count)]
    places.flags.writeable = False
    return places


def quantiles(values: Floats, counts: Counts | None = None) -> dict[str, float]:
    """The quantiles, between neighbours by their distance, as NumPy's `linear`.

    Args:
        values: (k,) numbers; ascending, where they are counted.
        counts: How often each stands for itself; None for once.
    """
    total = len(values) if counts is None else int(counts.sum())
    places = np.array(SHARES) * (total - 1)
    low = np.floor(places).astype(np.intp)
    high = np.minimum(low + 1, total - 1)
    if counts is None:
        in_place = np.partition(values, np.unique([low, high]))
        below, above = in_place[low], in_place[high]
    else:
        ends = np.cumsum(counts)
        below, above = (values[np.searchsorted(ends, place, side="right")] for place in (low, high))
    part = places - low
    found = below * (1 - part) + above * part  # the difference of two numbers may be no number
    return {f"{share:g}": float(value) for share, value in zip(SHARES, np.clip(found, below, above), strict=True)}


def histogram(values: Floats, total: int, low: float, high: float, counts: Counts | None = None) -> Histogram:
    """`total` numbers from `low` to `high` in bins of one width, from (k,) numbers that stand for them, as counted."""
    if low == high:
        return Histogram(edges=[low, high], counts=[total])
    part = np.linspace(0, 1, BINS + 1)
    edges = low * (1 - part) + high * part
    if counts is None and np.isfinite(high - low):
        bins = np.minimum(((values - low) * (BINS / (high - low))).astype(np.intp), BINS - 1)  # to rounding
    else:
        bins = np.searchsorted(edges[1:-1], values, side="right")
    ends = np.cumsum(np.bincount(bins, counts, BINS))
    below = np.rint(ends * (total / ends[-1])).astype(np.int64)
    return Histogram(edges=edges.tolist(), counts=np.diff(below, prepend=0).tolist())
