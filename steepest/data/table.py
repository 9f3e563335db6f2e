"""A table of columns: memory-mapped from an ingested folder, or wrapped around NumPy arrays."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp]
"""Row numbers, ascending."""


@dataclass(frozen=True)
class NumericColumn:
    """Numbers; NaN where a value is missing."""

    name: str
    values: NDArray[Any]
    """(n,) floats or integers, possibly a memory map or a view of a matrix."""


@dataclass(frozen=True)
class CategoricalColumn:
    """Text by code: `categories[code]`, and -1 where a value is missing."""

    name: str
    codes: NDArray[np.int32]
    categories: tuple[str, ...]


@dataclass(frozen=True)
class FreeTextColumn:
    """More distinct texts than are kept: it has a place in the schema, but no data."""

    name: str


Column = NumericColumn | CategoricalColumn | FreeTextColumn


@dataclass(frozen=True)
class Table:
    """Columns of one length."""

    rows: int
    columns: tuple[Column, ...]
    matrix: NDArray[Any] | None = None
    """(n, d) array whose columns are the first d columns, when the table came as one array."""

    @property
    def names(self) -> tuple[str, ...]:
        """Column names, in order."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def _by_name(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}

    def __getitem__(self, name: str) -> Column:
        return self._by_name[name]

    @classmethod
    def from_arrays(cls, X: NDArray[Any], y: NDArray[Any] | None = None, names: Sequence[str] | None = None) -> "Table":
        """Wrap arrays without copying numbers.

        Args:
            X: (n, d) numbers.
            y: (n,) or (n, 1) numbers, booleans or text.
            names: d names of the features; by default x0, x1, .... The target is y.

        Raises:
            DataUnusable: the arrays' shapes, kinds or values cannot be used.
        """
        raise NotImplementedError


def open_table(folder: Path) -> Table:
    """Memory-map the columns that `ingest` wrote into `folder`."""
    raise NotImplementedError
