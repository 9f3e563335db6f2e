"""Moments and order statistics of columns of numbers, in one pass over blocks of rows."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steepest.data.order_statistics import Frequent, Quantiles, quantiles_of
from steepest.data.table import Rows

Floats = NDArray[np.float64]

QUARTILES: Final = (0.25, 0.5, 0.75)

_BLOCK_VALUES: Final = 1 << 18


@dataclass(slots=True)  # frozen ones take three times as long to make, and wide tables need thousands
class Figures:
    """Of the numbers that a column has in the training rows."""

    count: int
    missing: int
    mean: float
    squares: float
    """Sum of squared deviations."""
    low: float
    high: float
    quartiles: tuple[float, float, float] | None = None
    """None unless asked for, or without numbers; so is `frequent`."""
    frequent: float | None = None


def blocks(rows: Rows, columns: int, least: int = 1) -> Sequence[slice]:
    """Slices of `rows`, of at least `least`, whose blocks of `columns` numbers stay in the processor's cache."""
    step = max(least, _BLOCK_VALUES // max(1, columns))
    return [slice(start, start + step) for start in range(0, len(rows), step)]


def figures_of(parts: Iterable[Floats], columns: int, quartiles: bool = False, frequent: bool = False) -> list[Figures]:
    """Figures of the columns of a stream of blocks (k, columns), NaN where a value is missing, in one pass.

    Parts are combined by Chan, Golub and LeVeque 1979, equations 2.1. Order statistics are as exact as
    `order_statistics` says.
    """
    d = columns
    rows, count, mean, squares = 0, np.zeros(d), np.zeros(d), np.zeros(d)
    low, high = np.full(d, np.inf), np.full(d, -np.inf)
    orders = [Quantiles() for _ in range(d if quartiles else 0)]
    modes = [Frequent() for _ in range(d if frequent else 0)]
    for x in parts:
        rows += len(x)
        with np.errstate(over="ignore", invalid="ignore"):
            n, m, s = _moments(x)
            total = np.maximum(count + n, 1)
            delta = m - mean
            mean += delta * (n / total)
            squares += s + delta * delta * (count * n / total)
        count += n
        # Twice as fast as `fmin` and `fmax`, which only gaps need.
        smaller, larger = (np.fmin, np.fmax) if (n < len(x)).any() else (np.minimum, np.maximum)
        low = smaller(low, smaller.reduce(x, axis=0, initial=np.inf))
        high = larger(high, larger.reduce(x, axis=0, initial=-np.inf))
        for column, values in enumerate(np.ascontiguousarray(x.T) if orders or modes else ()):
            there = values[~np.isnan(values)]
            for statistics in (orders, modes):
                if statistics:
                    statistics[column].add(there)
    columnwise = zip(*(figure.tolist() for figure in (count, mean, squares, low, high)), strict=True)
    return [
        Figures(
            count=int(there),
            missing=rows - int(there),
            mean=_mean(middle, least, most),
            squares=square,
            low=least,
            high=most,
            quartiles=_quartiles(orders[i]) if orders and there else None,
            frequent=modes[i].value if modes and there else None,
        )
        for i, (there, middle, square, least, most) in enumerate(columnwise)
    ]


def figures_of_places(counts: Sequence[int], missing: int) -> Figures:
    """Figures of the numbers 0, 1, 2, ..., each with the rows that have it."""
    rows, places = np.array(counts, np.int64), np.arange(len(counts), dtype=np.float64)
    count = int(rows.sum())
    if not count:
        return Figures(0, missing, mean=0.0, squares=0.0, low=math.inf, high=-math.inf)
    there = np.flatnonzero(rows)
    mean = float(places @ rows / count)
    first, median, third = quantiles_of(places, rows, QUARTILES)
    return Figures(
        count,
        missing,
        mean=mean,
        squares=float(np.square(places - mean) @ rows),
        low=float(there[0]),
        high=float(there[-1]),
        quartiles=(first, median, third),
        frequent=float(rows.argmax()),
    )


def _mean(mean: float, low: float, high: float) -> float:
    """Between the extremes, whatever rounding or an overflow on the way made of it."""
    return low / 2 + high / 2 if math.isnan(mean) else min(max(mean, low), high)


def _quartiles(quantiles: Quantiles) -> tuple[float, float, float]:
    first, median, third = quantiles.at(QUARTILES)
    return first, median, third


def _moments(x: Floats) -> tuple[Floats, Floats, Floats]:
    """Of the columns of (k, d): numbers present, mean, and sum of squared deviations."""
    total = x.sum(axis=0)
    if not np.isnan(total).any():  # a sum is NaN as soon as any number is
        n = np.full(x.shape[1], float(len(x)))
        return n, *_about_mean(x, total, np.maximum(n, 1))
    missing = np.isnan(x)
    n = len(x) - np.count_nonzero(missing, axis=0).astype(np.float64)
    x = np.where(missing, 0.0, x)
    return n, *_about_mean(x, x.sum(axis=0), np.maximum(n, 1), missing)


def _about_mean(x: Floats, total: Floats, n: Floats, missing: NDArray[np.bool_] | None = None) -> tuple[Floats, Floats]:
    """Mean and sum of squared deviations of columns with so many numbers, each at least 1."""
    m = total / n
    deviations = x - m
    if missing is not None:
        deviations[missing] = 0.0
    # The second term is zero but for rounding: it corrects the mean's own error.
    correction = np.square(deviations.sum(axis=0)) / n
    return m, np.einsum("ij,ij->j", deviations, deviations) - correction
