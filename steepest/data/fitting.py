"""What the training rows teach about each column: every value is read once, whatever is asked for."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray

from steepest.data.features import (
    CategoricalFeature,
    DateTimeFeature,
    Feature,
    HashedFeature,
    NumericFeature,
    OrdinalFeature,
)
from steepest.data.figures import Figures, blocks, figures_of, figures_of_places
from steepest.data.labels import in_class_order
from steepest.data.table import CategoricalColumn, DateTimeColumn, NumericColumn, Rows, Table
from steepest.spec.names import NumericScaling
from steepest.spec.training import Preprocess

_SORTED_ROWS: Final = 1 << 14
"""Rows of a block whose columns are sorted: so many that sorting a column outweighs the calls."""
_SORTED_COLUMNS: Final = 64
"""Columns whose order statistics are in memory at once."""

STANDARD: Final = Preprocess()


class Scale(NamedTuple):
    """How numbers are scaled."""

    center: float
    scale: float
    fill: float


class Indicator(TypedDict):
    """Whether a feature tells that a value is missing."""

    indicator: bool
    untaught: bool


def fit(table: Table, rows: Rows, names: Sequence[str], preprocess: Preprocess) -> dict[str, Feature]:
    """Learn the features of columns of numbers, labels or date-times from `rows` of `table`, the training rows."""
    columns = [table[name] for name in names]
    numbers = [column.name for column in columns if isinstance(column, NumericColumn)]
    fitted: dict[str, Feature] = {feature.name: feature for feature in fit_numbers(table, rows, numbers, preprocess)}
    for column in columns:
        if isinstance(column, CategoricalColumn):
            fitted[column.name] = fit_labels(column, rows, preprocess)
        elif isinstance(column, DateTimeColumn):
            fitted[column.name] = fit_moments(column, rows, preprocess)
    return fitted


def fit_numbers(
    table: Table, rows: Rows, names: Sequence[str], preprocess: Preprocess = STANDARD
) -> list[NumericFeature]:
    """Learn center, scale and fill of columns of numbers, from the values that are there.

    `standardize` takes mean and population standard deviation, `minmax` the range, `robust` the median and the
    distance of the quartiles (1 where that is 0, as scikit-learn has it); `none` leaves values as they are.
    """
    features: list[NumericFeature] = []
    scaling = preprocess.numeric
    quartiles, frequent = _wanted(scaling, preprocess)
    step = _SORTED_COLUMNS if quartiles or frequent else max(1, len(names))
    for start in range(0, len(names), step):
        group = names[start : start + step]
        parts = blocks(rows, len(group), least=_SORTED_ROWS if quartiles or frequent else 1)
        stream = (table.numbers(rows[part], group) for part in parts)
        for name, figures in zip(group, figures_of(stream, len(group), quartiles, frequent), strict=True):
            indicator = _indicator(partial(_lacks_numbers, table, name), figures.missing, preprocess)
            features.append(NumericFeature(name, *scale_of(figures, scaling, preprocess), **indicator))
    return features


def fit_moments(column: DateTimeColumn, rows: Rows, preprocess: Preprocess) -> DateTimeFeature:
    """Learn how a date-time is scaled: as a number, but that `none` means `standardize`.

    Milliseconds since 1970 are no scale of their own that anyone could have meant.
    """
    scaling = "standardize" if preprocess.numeric == "none" else preprocess.numeric
    stream = (column.values[rows[part], None] for part in blocks(rows, 1))
    (figures,) = figures_of(stream, 1, *_wanted(scaling, preprocess))
    indicator = _indicator(lambda: _any_nan(column.values), figures.missing, preprocess)
    return DateTimeFeature(column.name, *scale_of(figures, scaling, preprocess), **indicator)


def fit_labels(column: CategoricalColumn, rows: Rows, preprocess: Preprocess) -> Feature:
    """Learn the code of labels that `preprocess.categorical` asks for."""
    counts = np.zeros(len(column.categories) + 1, np.int64)  # the first place is that of the code -1
    for part in blocks(rows, 1):
        counts += np.bincount(column.codes[rows[part]] + 1, minlength=len(counts))
    indicator = _indicator(lambda: bool(column.codes.min(initial=0) < 0), int(counts[0]), preprocess)
    if preprocess.categorical == "hashing":
        return HashedFeature(column.name, column.categories, preprocess.max_categories, **indicator)
    if preprocess.categorical == "ordinal":
        order = tuple(in_class_order(column.categories))
        rows_of = dict(zip(column.categories, counts[1:].tolist(), strict=True))
        figures = figures_of_places([rows_of[category] for category in order], missing=int(counts[0]))
        return OrdinalFeature(column.name, order, *scale_of(figures, preprocess.numeric, preprocess), **indicator)
    return _one_hot(column, counts[1:], preprocess.max_categories, indicator)


def scale_of(figures: Figures, scaling: NumericScaling, preprocess: Preprocess) -> Scale:
    """Center, scale and fill. A column that is constant, or has no values, becomes 0."""
    if not figures.count:
        return Scale(0.0, 0.0, 0.0)
    fill = _fill(figures, preprocess)
    if scaling == "none":
        return Scale(0.0, 1.0, fill)
    if figures.low == figures.high:
        return Scale(figures.low, 0.0, fill)
    center, scale = _spread(figures, scaling)
    if not 0.0 < scale < math.inf:  # the squares left the range of a float; the values did not
        far = max(abs(figures.low), abs(figures.high))
        return Scale(0.0, far, 0.0 if preprocess.missing == "mean" else fill)
    return Scale(center, scale, fill)


def _spread(figures: Figures, scaling: NumericScaling) -> tuple[float, float]:
    if scaling == "minmax":
        return figures.low, figures.high - figures.low
    if scaling == "robust" and figures.quartiles is not None:
        first, median, third = figures.quartiles
        return median, third - first or 1.0
    return figures.mean, math.sqrt(figures.squares / figures.count)


def _fill(figures: Figures, preprocess: Preprocess) -> float:
    if preprocess.missing == "constant":
        return preprocess.missing_value
    if preprocess.missing == "median" and figures.quartiles is not None:
        return figures.quartiles[1]
    if preprocess.missing == "most_frequent" and figures.frequent is not None:
        return figures.frequent
    return figures.mean


def _one_hot(column: CategoricalColumn, counts: NDArray[np.int64], most: int, indicator: Indicator) -> Feature:
    """A unit for each category of the data set, or for the `most` that the training rows have most often."""
    chosen = np.sort(np.argsort(-counts, kind="stable")[:most])
    return CategoricalFeature(
        name=column.name,
        categories=tuple(column.categories[code] for code in chosen),
        unseen=tuple(column.categories[code] for code in chosen if not counts[code]),
        other=len(column.categories) > most,
        **indicator,
    )


def _wanted(scaling: NumericScaling, preprocess: Preprocess) -> tuple[bool, bool]:
    """Whether quartiles and the most frequent value are needed."""
    return scaling == "robust" or preprocess.missing == "median", preprocess.missing == "most_frequent"


def _indicator(lacks: Callable[[], bool], missing: int, preprocess: Preprocess) -> Indicator:
    """A unit for a column that lacks a value in any row of the data set, as its schema says.

    Args:
        lacks: Whether it does; asked only where no training row answers that.
        missing: Training rows that lack one. Without any, nothing would be learned about the unit, which stays 0.
        preprocess: Whether indicators are asked for.
    """
    if not preprocess.missing_indicator:
        return {"indicator": False, "untaught": False}
    indicator = missing > 0 or lacks()
    return {"indicator": indicator, "untaught": indicator and not missing}


def _lacks_numbers(table: Table, name: str) -> bool:
    column = table[name]
    return isinstance(column, NumericColumn) and column.values.dtype.kind == "f" and _any_nan(column.values)


def _any_nan(values: NDArray[Any]) -> bool:
    """Whether there is a NaN, in constant memory: a minimum is one as soon as any number is."""
    return bool(np.isnan(values.min(initial=np.inf)))
