"""The target columns to what the trainer learns, and back: class codes, labels, or scaled values."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray
from pydantic import TypeAdapter

from steepest.data.fitting import fit_numbers
from steepest.data.labels import read_cell
from steepest.data.table import CategoricalColumn, Column, NumericColumn, Rows, Table
from steepest.data.unusable import unusable
from steepest.spec.errors import FieldProblem
from steepest.spec.names import Task
from steepest.spec.problems import pointer_to
from steepest.spec.tasks import CLASSES


@dataclass(frozen=True)
class Target:
    """A fitted codec of the target columns: one, or several for labels that a row may have or for several values."""

    names: tuple[str, ...]
    task: Task
    labels: tuple[str, ...] = ()
    """Classes in order; empty for regression and multilabel."""
    means: tuple[float, ...] = ()
    scales: tuple[float, ...] = ()
    """A column's value is mean + scale times its training units; empty but for regression."""
    dtype: str | None = None
    """Of the array that the classes or labels came from in process, as NumPy writes it; None for text and files."""

    @classmethod
    def fit(
        cls,
        table: Table,
        rows: Rows,
        names: Sequence[str],
        task: Task,
        classes: Sequence[str],
        scaling: Literal["standardize", "none"],
    ) -> "Target":
        """Learn from `rows` of `table`, which are the training rows and all have every target."""
        if task != "regression":
            column = table[names[0]]
            dtype = column.dtype if isinstance(column, CategoricalColumn | NumericColumn) else None
            return cls(tuple(names), task, labels=tuple(classes), dtype=dtype)
        if scaling == "none":
            return cls(tuple(names), task, means=(0.0,) * len(names), scales=(1.0,) * len(names))
        fitted = fit_numbers(table, rows, names)
        return cls(
            tuple(names),
            task,
            means=tuple(column.center for column in fitted),
            scales=tuple(column.scale or 1.0 for column in fitted),
        )

    @property
    def outputs(self) -> int:
        """Units of the output layer: one for binary, one for each class of multiclass, else one for each column."""
        return len(self.labels) if self.task == "multiclass" else len(self.names)

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
        """(n,) intp class codes; or in `dtype` (n, columns): values in training units, or 1 and 0 for labels.

        Raises:
            DataUnusable: a row has a value that is none of the classes, or no label.
        """
        if self.task in CLASSES:
            codes = self._codes(table[self.names[0]], rows)
            self._refuse(codes[:, None] < 0, rows, "none of the classes")
            return codes
        for name in self.names:
            if not isinstance(table[name], NumericColumn):
                raise unusable([FieldProblem(pointer=pointer_to([name]), detail=f'"{name}" holds no numbers')])
        values = table.numbers(rows, self.names)
        if self.task == "regression":
            scaled: NDArray[Any] = (values - np.array(self.means)) / np.array(self.scales)
            return scaled.astype(dtype)
        self._refuse((values != 0) & (values != 1), rows, "neither 0 nor 1")
        return values.astype(dtype)

    def _refuse(self, strange: NDArray[np.bool_], rows: Rows, what: str) -> None:
        """Raise about the first place in (n, columns) that is strange, if there is any."""
        if strange.any():
            place, column = np.argwhere(strange)[0].tolist()
            row, name = int(rows[place]), self.names[column]
            detail = f'row {row} has a value of "{name}" that is {what}'
            raise unusable([FieldProblem(pointer=pointer_to(["rows", row, name]), detail=detail)])

    def _codes(self, column: Column, rows: Rows) -> NDArray[np.intp]:
        """(n,) class codes, -1 for what is none of the classes."""
        if isinstance(column, CategoricalColumn):
            code_of = {label: code for code, label in enumerate(self.labels)}
            lookup = np.array([code_of.get(category, -1) for category in column.categories], np.intp)
            return lookup[column.codes[rows]]
        numbers = [read_cell(label) for label in self.labels]
        if not isinstance(column, NumericColumn) or not all(isinstance(number, float) for number in numbers):
            return np.full(len(rows), -1)
        known = np.array(numbers, np.float64)
        values = column.values[rows].astype(np.float64)
        codes = np.minimum(np.searchsorted(known, values), len(known) - 1)
        return np.where(known[codes] == values, codes, -1)

    def decode(self, y: NDArray[Any]) -> NDArray[Any]:
        """(n,) class codes to labels, (n, columns) 0 and 1 to labels, or training units to values.

        Classes and labels have their dtype in process. Of a single column (n,) comes back, else (n, columns).
        """
        if self.task in CLASSES:
            decoded: NDArray[Any] = self.classes[y]
            return decoded
        if self.task == "multilabel":
            decoded = y.astype(self.dtype or np.intp)
        else:
            decoded = (y.astype(np.float64) * np.array(self.scales) + np.array(self.means)).astype(y.dtype)
        return decoded[:, 0] if len(self.names) == 1 else decoded

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values; `from_json` gives an equal object, to the bit."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Any) -> "Target":
        """The inverse of `to_json`.

        Raises:
            ValueError: the document is of another kind.
        """
        target = TypeAdapter(cls).validate_python(document)
        scaled = len(target.names) if target.task == "regression" else 0
        if not target.names or {len(target.means), len(target.scales)} != {scaled}:
            raise ValueError("a target has a mean and a scale for each of its columns")
        return target


def rows_with(table: Table, names: Sequence[str]) -> Rows:
    """The rows that have a value in each of the columns."""
    there = np.ones(table.rows, bool)
    for name in names:
        column = table[name]
        if isinstance(column, CategoricalColumn):
            there &= column.codes >= 0
        elif isinstance(column, NumericColumn) and column.values.dtype.kind == "f":
            there &= ~np.isnan(column.values)
    return np.flatnonzero(there)
