"""A table of columns: memory-mapped from an ingested folder, or wrapped around NumPy arrays."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from steepest.data.arrays import array_problems, infinite_problems, target_names
from steepest.data.labels import in_class_order
from steepest.data.unusable import unusable
from steepest.spec.columns import Column as ColumnSchema

MANIFEST: Final = "table.json"
VERSION: Final = 2
"""Of what a folder holds."""

NUMBERS: Final = "numbers.npy"
CODES: Final = "codes.npy"

WEIGHT: Final = "sample_weight"
"""The column that an array of sample weights becomes."""

_MOST_PROBLEMS: Final = 20

Rows = NDArray[np.intp]
"""Row numbers, ascending."""


@dataclass(frozen=True)
class NumericColumn:
    """Numbers; NaN where a value is missing."""

    name: str
    values: NDArray[Any]
    """(n,) real numbers or booleans: a memory map of float64, or a view of a matrix."""
    dtype: str | None = None
    """Of the array this came from in process, as NumPy writes it."""


@dataclass(frozen=True)
class CategoricalColumn:
    """Text by code: `categories[code]`, and -1 where a value is missing."""

    name: str
    codes: NDArray[np.int32]
    categories: tuple[str, ...]
    dtype: str | None = None
    """Of the array this came from in process, as NumPy writes it."""


@dataclass(frozen=True)
class DateTimeColumn:
    """Moments; NaN where a value is missing."""

    name: str
    values: NDArray[Any]
    """(n,) float64 milliseconds since 1970-01-01T00:00Z."""


@dataclass(frozen=True)
class FreeTextColumn:
    """More distinct texts than are kept: it has a place in the schema, but no data."""

    name: str


Column = NumericColumn | CategoricalColumn | DateTimeColumn | FreeTextColumn


class Manifest(BaseModel):
    """What an ingested folder holds.

    The columns of numbers and of date-times are the rows of `numbers.npy` (columns, rows) in float64, those of labels
    the rows of `codes.npy` in int32, both in the order of `columns`.
    """

    version: int = VERSION
    rows: int
    columns: list[ColumnSchema]
    labels: list[list[str] | None]
    """By code, of each column of labels; None for numbers, date-times and free text."""
    warnings: list[str]
    image_shape: list[int] | None = None
    """(height, width) or (height, width, channels) of the picture that a row is."""


@dataclass(frozen=True)
class Table:
    """Columns of one length."""

    rows: int
    columns: tuple[Column, ...]
    matrix: NDArray[Any] | None = None
    """(n, d) array whose columns are the first d columns, when the table came as arrays."""

    @property
    def names(self) -> tuple[str, ...]:
        """Column names, in order."""
        return tuple(column.name for column in self.columns)

    def __getitem__(self, name: str) -> Column:
        return self.columns[self.index[name]]

    @cached_property
    def index(self) -> dict[str, int]:
        """Each column's place by its name."""
        return {column.name: index for index, column in enumerate(self.columns)}

    @classmethod
    def from_arrays(
        cls, X: NDArray[Any], y: NDArray[Any] | None = None, sample_weight: NDArray[Any] | None = None
    ) -> "Table":
        """Wrap arrays without copying numbers: the columns x0, x1, ..., then y or y0, y1, ..., then sample_weight.

        Args:
            X: (n, d) real numbers or booleans; NaN is a missing value.
            y: (n,) or (n, 1) numbers, booleans or text; or (n, targets) numbers or booleans.
            sample_weight: (n,) numbers.

        Raises:
            DataUnusable: the arrays' shapes, kinds or values cannot be used.
        """
        given = y
        y = _plain(y) if y is not None and y.dtype == object else y
        if problems := array_problems(X, y, sample_weight):
            raise unusable(problems)
        features = tuple(f"x{index}" for index in range(X.shape[1]))
        targets = () if y is None else target_names(y)
        arrays = {"X": X, "y": y, WEIGHT: sample_weight}
        there = {name: array for name, array in arrays.items() if array is not None}
        if problems := infinite_problems(there, (*features, *targets, WEIGHT), _MOST_PROBLEMS):
            raise unusable(problems)
        columns: list[Column] = [NumericColumn(name, X[:, index]) for index, name in enumerate(features)]
        if y is not None:
            dtype = y.dtype if given is None or y.dtype.kind != "U" else given.dtype
            columns += _target_columns(y.reshape(len(y), -1), targets, dtype.str)
        if sample_weight is not None:
            columns.append(NumericColumn(WEIGHT, sample_weight))
        return cls(len(X), tuple(columns), X)

    @property
    def features(self) -> tuple[str, ...]:
        """The columns that X became; none when the table came from a file."""
        return self.names[: self._width]

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns that y became; none when the table came from a file."""
        return tuple(name for name in self.names[self._width :] if name != WEIGHT) if self._width else ()

    @property
    def _width(self) -> int:
        return 0 if self.matrix is None else int(self.matrix.shape[1])

    def numbers(self, rows: Rows, names: Sequence[str]) -> NDArray[np.float64]:
        """A fresh (k, d) block of columns of numbers or date-times, NaN where a value is missing."""
        places = [self.index[name] for name in names]
        if self.matrix is not None and all(place < self.matrix.shape[1] for place in places):
            if places == list(range(self.matrix.shape[1])):
                block = self.matrix[rows]
            elif places and places == list(range(places[0], places[-1] + 1)):
                block = self.matrix[rows, places[0] : places[-1] + 1]
            else:
                block = self.matrix[rows][:, places]
            return block.astype(np.float64, copy=False)
        block = np.empty((len(rows), len(places)))
        for index, place in enumerate(places):
            column = self.columns[place]
            if not isinstance(column, NumericColumn | DateTimeColumn):
                raise TypeError(f'column "{column.name}" holds no numbers')
            block[:, index] = column.values[rows]
        return block


def open_table(folder: Path) -> Table:
    """Memory-map the columns that `ingest` wrote into `folder`."""
    manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    numbers, codes = (_rows_of(folder / name) for name in (NUMBERS, CODES))
    columns: list[Column] = []
    for schema, labels in zip(manifest.columns, manifest.labels, strict=True):
        if schema.kind == "text":
            columns.append(FreeTextColumn(schema.name))
        elif labels is not None:
            columns.append(CategoricalColumn(schema.name, next(codes), tuple(labels)))
        elif schema.kind == "datetime":
            columns.append(DateTimeColumn(schema.name, next(numbers)))
        else:
            columns.append(NumericColumn(schema.name, next(numbers)))
    return Table(manifest.rows, tuple(columns))


def _rows_of(path: Path) -> Iterator[NDArray[Any]]:
    if path.exists():
        # Plain views of the map: a memmap's own views are slow to make.
        yield from np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


def _plain(y: NDArray[Any]) -> NDArray[Any]:
    """An array of Python objects as one of text or numbers, where they are all of one kind."""
    kinds = {type(value) for value in y.ravel().tolist()}
    if kinds <= {str}:
        return y.astype(str)
    return y if str in kinds else np.array(y.tolist())


def _target_columns(y: NDArray[Any], names: Sequence[str], dtype: str) -> list[Column]:
    if y.dtype.kind in "iuf" or len(names) > 1:
        return [NumericColumn(name, y[:, index], dtype) for index, name in enumerate(names)]
    distinct, codes = np.unique(y[:, 0], return_inverse=True)
    labels = [str(value) for value in distinct.tolist()]
    ordered = in_class_order(labels)
    place_of = {label: place for place, label in enumerate(ordered)}
    places = np.array([place_of[label] for label in labels], np.int32)
    return [CategoricalColumn(names[0], places[codes], tuple(ordered), dtype)]
