"""What is learned about each feature from the training rows: plain values, one record per column."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from steepest.data.table import CategoricalColumn, Rows, Table
from steepest.spec.names import NumericScaling

Floats = NDArray[np.float64]
_BLOCK_VALUES: Final = 1 << 18


@dataclass(frozen=True)
class NumericFeature:
    """One unit: (x - center) / scale, with `fill` in place of a missing x; 0 where the scale is 0."""

    name: str
    center: float
    scale: float
    fill: float
    kind: Literal["numeric"] = "numeric"

    @property
    def width(self) -> int:
        """Units of the input layer."""
        return 1


@dataclass(frozen=True)
class CategoricalFeature:
    """One unit per category, and one for all others when there are more categories than `max_categories`.

    A missing category is all zeros. One that the training rows never showed is `other`, or all zeros without one.
    """

    name: str
    categories: tuple[str, ...]
    """In the order of their units."""
    unseen: tuple[str, ...]
    """Those of `categories` that no training row has: their units stay 0."""
    other: bool
    kind: Literal["categorical"] = "categorical"

    @property
    def width(self) -> int:
        """Units of the input layer."""
        return len(self.categories) + self.other

    @cached_property
    def units(self) -> dict[str, int]:
        """The units of the categories that training rows have."""
        unseen = set(self.unseen)
        return {category: unit for unit, category in enumerate(self.categories) if category not in unseen}

    def unit(self, label: str) -> int:
        """The unit that a label switches on, -1 for none."""
        return self.units.get(label, len(self.categories) if self.other else -1)


Feature = Annotated[NumericFeature | CategoricalFeature, Field(discriminator="kind")]


def blocks(rows: Rows, columns: int) -> Sequence[slice]:
    """Slices of `rows` whose blocks of `columns` numbers stay in the processor's cache."""
    step = max(1, _BLOCK_VALUES // max(1, columns))
    return [slice(start, start + step) for start in range(0, len(rows), step)]


def fit_numbers(table: Table, rows: Rows, names: Sequence[str], scaling: NumericScaling) -> list[NumericFeature]:
    """Learn center, scale and fill of numeric columns, from the values that are there, in one pass.

    `standardize` takes mean and population standard deviation, `minmax` the range; `none` leaves values as they are.
    Parts are combined by Chan, Golub and LeVeque 1979, equations 2.1.
    """
    d = len(names)
    count, mean, squares = np.zeros(d), np.zeros(d), np.zeros(d)
    low, high = np.full(d, np.inf), np.full(d, -np.inf)
    for part in blocks(rows, d):
        x = table.numbers(rows[part], names)
        with np.errstate(over="ignore", invalid="ignore"):
            n, m, s = _moments(x)
            total = np.maximum(count + n, 1)
            delta = m - mean
            mean += delta * (n / total)
            squares += s + delta * delta * (count * n / total)
        count += n
        low = np.fmin(low, np.fmin.reduce(x, axis=0))
        high = np.fmax(high, np.fmax.reduce(x, axis=0))
    return [
        _numeric(name, scaling, int(count[i]), float(mean[i]), float(squares[i]), float(low[i]), float(high[i]))
        for i, name in enumerate(names)
    ]


def fit_categories(column: CategoricalColumn, rows: Rows, most: int) -> CategoricalFeature:
    """Give a unit to each category of the data set, or to the `most` that the training rows have most often."""
    codes = column.codes[rows]
    counts = np.bincount(codes[codes >= 0], minlength=len(column.categories))
    chosen = np.sort(np.argsort(-counts, kind="stable")[:most])
    return CategoricalFeature(
        name=column.name,
        categories=tuple(column.categories[code] for code in chosen),
        unseen=tuple(column.categories[code] for code in chosen if not counts[code]),
        other=len(column.categories) > most,
    )


def _numeric(
    name: str, scaling: NumericScaling, count: int, mean: float, squares: float, low: float, high: float
) -> NumericFeature:
    if not count:
        return NumericFeature(name, center=0.0, scale=0.0, fill=0.0)
    mean = low / 2 + high / 2 if math.isnan(mean) else min(max(mean, low), high)
    if scaling == "none":
        return NumericFeature(name, center=0.0, scale=1.0, fill=mean)
    if low == high:
        return NumericFeature(name, center=low, scale=0.0, fill=low)
    center, scale = (low, high - low) if scaling == "minmax" else (mean, math.sqrt(squares / count))
    if not 0.0 < scale < math.inf:  # the squares left the range of a float; the values did not
        center, scale, mean = 0.0, max(abs(low), abs(high)), 0.0
    return NumericFeature(name, center, scale, fill=mean)


def _moments(x: Floats) -> tuple[Floats, Floats, Floats]:
    """Of the columns of (k, d): numbers present, mean, and sum of squared deviations."""
    missing = np.isnan(x)
    n = len(x) - np.count_nonzero(missing, axis=0).astype(np.float64)
    at_least_one = np.maximum(n, 1)
    x = np.where(missing, 0.0, x) if missing.any() else x
    m = x.sum(axis=0) / at_least_one
    deviations = x - m
    if missing.any():
        deviations[missing] = 0.0
    # The second term is zero but for rounding: it corrects the mean's own error.
    correction = np.square(deviations.sum(axis=0)) / at_least_one
    return n, m, np.einsum("ij,ij->j", deviations, deviations) - correction
