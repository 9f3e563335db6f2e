"""The target column to what the trainer learns, and back: class codes, or scaled values."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray
from pydantic import TypeAdapter

from steepest.data.features import fit_numbers
from steepest.data.labels import read_cell
from steepest.data.table import CategoricalColumn, Column, FreeTextColumn, NumericColumn, Rows, Table
from steepest.data.unusable import unusable
from steepest.spec.errors import FieldProblem
from steepest.spec.names import Task
from steepest.spec.problems import pointer_to


@dataclass(frozen=True)
class Target:
    """A fitted codec of one target column."""

    name: str
    task: Task
    labels: tuple[str, ...] = ()
    """Classes in order; empty for regression."""
    mean: float = 0.0
    scale: float = 1.0
    """A value is mean + scale times its training units."""
    dtype: str | None = None
    """Of the array that the classes came from in process, as NumPy writes it; None for labels as text."""

    @classmethod
    def fit(
        cls,
        table: Table,
        rows: Rows,
        name: str,
        task: Task,
        classes: Sequence[str],
        scaling: Literal["standardize", "none"],
    ) -> "Target":
        """Learn from `rows` of `table`, which are the training rows and all have a target."""
        column = table[name]
        if task != "regression":
            dtype = None if isinstance(column, FreeTextColumn) else column.dtype
            return cls(name, task, labels=tuple(classes), dtype=dtype)
        if scaling == "none":
            return cls(name, task)
        (fitted,) = fit_numbers(table, rows, [name], "standardize")
        return cls(name, task, mean=fitted.center, scale=fitted.scale or 1.0)

    @property
    def outputs(self) -> int:
        """Units of the output layer: one for binary and regression, else one per class."""
        return len(self.labels) if self.task == "multiclass" else 1

    @cached_property
    def classes(self) -> NDArray[Any]:
        """(classes,) the labels in the dtype they had in process, else as text."""
        if self.dtype is None:
            return np.array(self.labels)
        dtype = np.dtype(self.dtype)
        if dtype.kind == "b":
            return np.array([label == "True" for label in self.labels])
        if dtype.kind in "iuf":
            return np.array([float(label) for label in self.labels]).astype(dtype)
        return np.array(self.labels, dtype)

    def encode(self, table: Table, rows: Rows, dtype: DTypeLike) -> NDArray[Any]:
        """(n,) intp class codes, or (n, 1) values in training units and `dtype`.

        Raises:
            DataUnusable: a row has a label that is none of the classes.
        """
        column = table[self.name]
        if self.task == "regression":
            if not isinstance(column, NumericColumn):
                raise unusable(
                    [FieldProblem(pointer=pointer_to([self.name]), detail=f'"{self.name}" holds no numbers')]
                )
            values = table.numbers(rows, [self.name])
            return ((values - self.mean) / self.scale).astype(dtype)
        codes = self._codes(column, rows)
        if (strange := np.flatnonzero(codes < 0)).size:
            row = int(rows[strange[0]])
            detail = f'row {row} has a value of "{self.name}" that is none of the classes'
            raise unusable([FieldProblem(pointer=pointer_to(["rows", row, self.name]), detail=detail)])
        return codes

    def _codes(self, column: Column, rows: Rows) -> NDArray[np.intp]:
        """(n,) class codes, -1 for what is none of the classes."""
        if isinstance(column, CategoricalColumn):
            code_of = {label: code for code, label in enumerate(self.labels)}
            lookup = np.array([code_of.get(category, -1) for category in column.categories], np.intp)
            return lookup[column.codes[rows]]
        numbers = [read_cell(label) for label in self.labels]
        if isinstance(column, FreeTextColumn) or not all(isinstance(number, float) for number in numbers):
            return np.full(len(rows), -1)
        known = np.array(numbers, np.float64)
        values = column.values[rows].astype(np.float64)
        codes = np.minimum(np.searchsorted(known, values), len(known) - 1)
        return np.where(known[codes] == values, codes, -1)

    def decode(self, y: NDArray[Any]) -> NDArray[Any]:
        """(n,) class codes to labels, in the classes' dtype in process; (n, 1) training units to (n,) values."""
        if self.task != "regression":
            decoded: NDArray[Any] = self.classes[y]
            return decoded
        return (y[:, 0].astype(np.float64) * self.scale + self.mean).astype(y.dtype)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values; `from_json` gives an equal object, to the bit."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Any) -> "Target":
        """The inverse of `to_json`.

        Raises:
            ValueError: the document is of another kind.
        """
        return TypeAdapter(cls).validate_python(document)


def rows_with(table: Table, name: str) -> Rows:
    """The rows that have a value in a column."""
    column = table[name]
    if isinstance(column, CategoricalColumn):
        return np.flatnonzero(column.codes >= 0)
    if isinstance(column, NumericColumn) and column.values.dtype.kind == "f":
        return np.flatnonzero(~np.isnan(column.values))
    return np.arange(table.rows)
