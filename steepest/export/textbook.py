"""The functions that a model's Python file is made of: raw rows to inputs, layers, and answers, in NumPy alone.

`steepest.export.python` copies from here, word for word, what a model needs, and from the modules of `steepest.data`
that say what the text of a cell means. So nothing here may need more than NumPy and the standard library, beside them.
"""

import base64
import csv
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from steepest.data.datetimes import read_datetime
from steepest.data.features import cycles
from steepest.data.labels import read_cell
from steepest.data.murmur import bucket_of
from steepest.spec.labels import number_label

Array = Any
"""A NumPy array."""


def columns_of(rows: Any, names: Sequence[str]) -> list[list[Any]]:
    """The values of each feature. What a named row or the columns lack is missing.

    Args:
        rows: Rows, each a dict by name or a list in the order of `names`; or columns by name: a dict, a DataFrame.
        names: The features.
    """
    if not hasattr(rows, "keys"):
        known = set(names)
        records = [values_of(row, names, known) for row in plain(rows)]
        return [[record[place] for record in records] for place in range(len(names))]
    check(rows.keys(), set(names))
    columns = {name: plain(rows[name]) for name in rows.keys()}  # noqa: SIM118  # a DataFrame iterates otherwise
    if len({len(values) for values in columns.values()}) > 1:
        raise ValueError("the columns have different lengths")
    nothing = [None] * max(map(len, columns.values()), default=0)
    return [columns.get(name, nothing) for name in names]


def values_of(row: Any, names: Sequence[str], known: set[str]) -> Sequence[Any]:
    """A row's values in the order of the features."""
    if hasattr(row, "keys"):
        check(row.keys(), known)
        return [row.get(name) for name in names]
    if len(row) != len(names):
        raise ValueError(f"a row has {len(row)} values; there are {len(names)} features")
    return plain(row)


def check(given: Iterable[str], known: set[str]) -> None:
    """Refuse a name that is no feature's: a misspelt one would silently be missing."""
    for name in given:
        if name not in known:
            raise ValueError(f"there is no feature {name!r}")


def plain(values: Any) -> list[Any]:
    """Values of an array or of any other sequence, as Python's own."""
    if getattr(getattr(values, "dtype", None), "kind", "") == "M":
        values = values.astype("datetime64[us]")  # what is finer has no value of Python's own
    return values.tolist() if hasattr(values, "tolist") else list(values)


def numbers(values: Sequence[Any]) -> Array:
    """(n,) float64; NaN where a value is missing. A text is what it would be in a CSV file."""
    return np.array([number_of(value) for value in values], np.float64)


def number_of(value: Any) -> float:
    """The number that a raw value means."""
    number = read_cell(value) if isinstance(value, str) else value
    if number is None:
        return math.nan
    if isinstance(number, str) or abs(number) > sys.float_info.max:
        raise ValueError(f"{value!r} is no finite number")
    return float(number)


def moment_of(value: Any) -> float:
    """The milliseconds since 1970 UTC that a raw value means: such a number, a date-time, or its text (ISO 8601)."""
    if value is None or value != value or (isinstance(value, str) and read_cell(value) is None):  # NaN is not itself
        return math.nan
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return number_of(value)
    moment = read_datetime(value.isoformat() if hasattr(value, "isoformat") else str(value))
    if moment is None:
        raise ValueError(f"{value!r} is no date-time")
    return moment


def label_of(value: Any, known: Any) -> str | None:
    """The label that a raw value means, None for a missing one. A number is the label that it would be written as."""
    if isinstance(value, bool):
        spellings = (str(value), str(value).lower(), str(value).upper(), str(int(value)))
        return next((spelling for spelling in spellings if spelling in known), spellings[0])
    if isinstance(value, str) and value not in known:
        value = read_cell(value)
    if value is None or value != value:  # NaN is not itself
        return None
    return number_label(value) if isinstance(value, float) else str(value)


def number(
    values: Sequence[Any], center: float, scale: float, fill: float, indicator: bool = False, untaught: bool = False
) -> Array:
    """(x - center) / scale, with `fill` in place of a missing x; 0 where the scale is 0."""
    x = numbers(values)
    return with_indicator(scaled(x, center, scale, fill), np.isnan(x), indicator, untaught)


def one_hot(
    values: Sequence[Any],
    categories: Sequence[str],
    unseen: Sequence[str] = (),
    other: bool = False,
    indicator: bool = False,
    untaught: bool = False,
) -> Array:
    """A unit for each category and, with `other`, one for all others; a missing category switches on none.

    The categories `unseen` have a unit too, but no training row had one of them, so that it has learned nothing.
    """
    strangers = set(unseen)
    taught = {category: unit for unit, category in enumerate(categories) if category not in strangers}
    labels = [label_of(value, taught) for value in values]
    rest = len(categories) if other else None
    units = [None if label is None else taught.get(label, rest) for label in labels]
    return with_indicator(switched_on(units, len(categories) + other), is_none(labels), indicator, untaught)


def ordinal(
    values: Sequence[Any],
    categories: Sequence[str],
    center: float,
    scale: float,
    fill: float,
    indicator: bool = False,
    untaught: bool = False,
) -> Array:
    """A category's place, from 0, as a number; one that is none of the categories is missing."""
    places = {category: place for place, category in enumerate(categories)}
    labels = [label_of(value, places) for value in values]
    x = np.array([math.nan if label is None else places.get(label, math.nan) for label in labels], np.float64)
    return with_indicator(scaled(x, center, scale, fill), np.isnan(x), indicator, untaught)


def hashed(
    values: Sequence[Any],
    categories: Sequence[str],
    buckets: int,
    indicator: bool = False,
    untaught: bool = False,
) -> Array:
    """A unit for each bucket of labels; a label's hash says which one is its own. A missing label switches on none."""
    known = set(categories)
    labels = [label_of(value, known) for value in values]
    units = [None if label is None else bucket_of(label, buckets) for label in labels]
    return with_indicator(switched_on(units, buckets), is_none(labels), indicator, untaught)


def moment(
    values: Sequence[Any], center: float, scale: float, fill: float, indicator: bool = False, untaught: bool = False
) -> Array:
    """A moment as a number, and where it stands in the day, the week and the year: sine and cosine of each."""
    x = np.array([moment_of(value) for value in values], np.float64)
    missing = np.isnan(x)
    x = np.where(missing, fill, x)
    return with_indicator(np.column_stack([scaled(x, center, scale, fill), cycles(x)]), missing, indicator, untaught)


def scaled(x: Array, center: float, scale: float, fill: float) -> Array:
    """(n, 1) from x (n,)."""
    x = np.where(np.isnan(x), fill, x)
    return ((x - center) / scale if scale else np.zeros_like(x))[:, None]


def switched_on(units: Sequence[int | None], width: int) -> Array:
    """(n, width) of zeros, but for a 1 at each row's unit."""
    x = np.zeros((len(units), width))
    for row, unit in enumerate(units):
        if unit is not None:
            x[row, unit] = 1.0
    return x


def is_none(labels: Sequence[str | None]) -> Array:
    """(n,) whether there is no label."""
    return np.array([label is None for label in labels], bool)


def with_indicator(x: Array, missing: Array, indicator: bool, untaught: bool) -> Array:
    """One more unit, which is 1 where a value is missing, if there was one; `untaught`, it learned nothing."""
    return np.column_stack([x, missing & (not untaught)]) if indicator else x


def inputs_of(rows: Any, features: Sequence[tuple[str, Callable[..., Array], dict[str, Any]]], dtype: str) -> Array:
    """(n, units) what the first layer takes: the units of each feature, one after the other."""
    x = []
    columns = columns_of(rows, [name for name, *_ in features])
    for (name, units, learned), values in zip(features, columns, strict=True):
        try:
            x.append(units(values, **learned))
        except ValueError as error:
            raise ValueError(f"{name!r}: {error}") from None
    with np.errstate(over="ignore"):
        inputs = np.concatenate(x, axis=1).astype(dtype)
    if not np.isfinite(inputs).all():
        raise ValueError("a number is too large")
    return inputs


def array(dtype: str, shape: tuple[int, ...], text: str) -> Array:
    """Numbers from the base64 of their bits."""
    return np.frombuffer(base64.b64decode(text), dtype).reshape(shape)


def forward(x: Array, layers: Sequence[Any]) -> Array:
    """(n, outputs) from the inputs x (n, units): layer by layer a weighted sum x W + b, then the activation."""
    with np.errstate(all="ignore"):
        for activation, weight, bias in layers:
            x = activation(x @ weight + bias)
    return x


def linear(z: Array) -> Array:
    """The weighted sum z itself."""
    return z


def sigmoid(z: Array) -> Array:
    """1 / (1 + exp(-z)), which is exact where it is next to nothing; where exp(-z) is infinite, it is 0."""
    return 1 / (1 + np.exp(-z))


def tanh(z: Array) -> Array:
    """The hyperbolic tangent of z."""
    return np.tanh(z)


def relu(z: Array) -> Array:
    """max(z, 0)."""
    return np.maximum(z, 0)


def leaky_relu(z: Array, alpha: float) -> Array:
    """Where z > 0, z; else alpha z."""
    return np.where(z > 0, z, alpha * z)


def elu(z: Array, alpha: float) -> Array:
    """Where z > 0, z; else alpha (exp(z) - 1)."""
    return np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0)))


def selu(z: Array) -> Array:
    """1.0507 z where z > 0, else 1.0507 x 1.6733 (exp(z) - 1)."""
    return 1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * np.expm1(np.minimum(z, 0)))


def gelu(z: Array) -> Array:
    """The product z (1 + erf(z / sqrt 2)) / 2."""
    erf = np.vectorize(math.erf, otypes=[z.dtype])
    return z * (1 + erf(z / math.sqrt(2))) / 2


def silu(z: Array) -> Array:
    """The product of z and sigmoid(z)."""
    return z * (np.tanh(z / 2) / 2 + 0.5)


def softplus(z: Array) -> Array:
    """log(1 + exp(z)) = max(z, 0) + log(1 + exp(-|z|)), which never overflows."""
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def softmax(z: Array) -> Array:
    """exp(z) divided by its sum over the outputs; less the largest z, which changes nothing and never overflows."""
    a = np.exp(z - z.max(axis=1, keepdims=True))
    return a / a.sum(axis=1, keepdims=True)


def exponential(z: Array) -> Array:
    """exp(z)."""
    return np.exp(z)


def of_two_classes(a: Array) -> Array:
    """(n, 2) from the probability (n, 1) of the second class."""
    return np.concatenate([1 - a, a], axis=1)


def shares(a: Array) -> Array:
    """(n, classes) outputs divided by their sum; all alike where they are all 0."""
    total = a.sum(axis=1, keepdims=True)
    return np.where(total > 0, a / np.where(total > 0, total, 1), np.full_like(a, 1 / a.shape[1]))


def in_units(y: Array, means: Sequence[float], scales: Sequence[float]) -> Array:
    """Values (n, targets) in the targets' own units: each was learned less its mean, divided by its scale."""
    return (y.astype(np.float64) * np.array(scales) + np.array(means)).astype(y.dtype)


def read_csv(path: str, names: Sequence[str]) -> dict[str, list[str]]:
    """The columns of a file that has each feature's name in its header; others do not count. `-` is standard input."""
    file = sys.stdin if path == "-" else open(path, encoding="utf-8-sig", newline="")  # noqa: PTH123, SIM115
    with file:
        header, *rows = [row for row in csv.reader(file) if row] or [[]]
    if missing := [name for name in names if name not in header]:
        raise ValueError(f"there is no column {', '.join(map(repr, missing))}")
    if ragged := [row for row in rows if len(row) != len(header)]:
        raise ValueError(f"a row has another length than the header: {ragged[0]}")
    places = [header.index(name) for name in names]
    return {name: [row[place] for row in rows] for name, place in zip(names, places, strict=True)}


def write_csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
