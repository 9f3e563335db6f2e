"""Rows as JSON has them, to columns of numbers and labels. A text means what it would mean in a CSV file."""

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steepest.data.datetimes import read_datetime
from steepest.data.labels import read_cell, read_label, shorten
from steepest.spec.errors import FieldProblem
from steepest.spec.labels import number_label
from steepest.spec.problems import Suggestions, pointer_to

MOST_PROBLEMS: Final = 100
"""Problems that one answer lists."""

Record = Mapping[str, Any] | Sequence[Any]

_PLAIN: Final = {float, int, bool, type(None)}


class RawRows:
    """Raw rows, named or in the order of the features, as columns; what is wrong with them is collected."""

    def __init__(self, records: Sequence[Record], names: Sequence[str]) -> None:
        self.problems: list[FieldProblem] = []
        self._records = records
        self._names = names
        self._near = Suggestions(names)
        known = set(names)
        rows = [self._values(index, record, known) for index, record in enumerate(records)]
        self._columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)

    def numbers(self, index: int) -> NDArray[np.float64]:
        """(n,) numbers of a feature; NaN where a value is missing."""
        values = self._columns[index]
        if set(map(type, values)) <= _PLAIN:
            try:
                numbers = np.array(values, np.float64)
            except OverflowError:
                numbers = np.array([np.inf])
            if not np.isinf(numbers).any():
                return numbers
        return np.array([self._number(row, index, value) for row, value in enumerate(values)], np.float64)

    def moments(self, index: int) -> NDArray[np.float64]:
        """(n,) milliseconds since 1970 UTC of a feature; NaN where a value is missing."""
        return np.array([self._moment(row, index, value) for row, value in enumerate(self._columns[index])], np.float64)

    def labels(self, index: int, known: Collection[str]) -> list[str | None]:
        """(n,) labels of a feature, None where a value is missing."""
        return [self._label(row, index, value, known) for row, value in enumerate(self._columns[index])]

    def refuse(self, row: int, index: int, detail: str) -> None:
        """Note what is wrong with a row's value of a feature."""
        named = isinstance(self._records[row], Mapping)
        self._add(["rows", row, self._names[index] if named else index], detail)

    def _values(self, row: int, record: Record, known: set[str]) -> Sequence[Any]:
        """A row's values in the order of the features."""
        if isinstance(record, Mapping):
            if not record.keys() <= known:
                for name in record.keys() - known:
                    detail = f'the model has no feature "{name}"' + self._near(name)
                    self._add(["rows", row, name], detail)
            return [record.get(name) for name in self._names]
        if len(record) == len(self._names):
            return record
        detail = f"the row has {len(record)} values; the model has {len(self._names)} features"
        self._add(["rows", row], detail)
        return [None] * len(self._names)

    def _number(self, row: int, index: int, value: Any) -> float:
        number = read_cell(value) if isinstance(value, str) else value
        if number is None:
            return math.nan
        if isinstance(number, int | float):
            try:
                number = float(number)
            except OverflowError:
                number = math.inf
            if not math.isinf(number):
                return number
            self.refuse(row, index, "the number is not finite")
        else:
            text = shorten(value) if isinstance(value, str) else "this"
            self.refuse(row, index, f'{text} is no number; "{self._names[index]}" holds numbers')
        return math.nan

    def _moment(self, row: int, index: int, value: Any) -> float:
        if isinstance(value, date):
            value = value.isoformat()
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            return self._number(row, index, value)
        if isinstance(value, str):
            moment = read_datetime(value)
            if moment is not None or read_cell(value) is None:
                return math.nan if moment is None else moment
        text = shorten(value) if isinstance(value, str) else "this"
        self.refuse(row, index, f'{text} is no date-time; write it as "2026-01-31T12:00:00Z"')
        return math.nan

    def _label(self, row: int, index: int, value: Any, known: Collection[str]) -> str | None:
        if isinstance(value, bool):
            spellings = (str(value), str(value).lower(), str(value).upper(), str(int(value)))
            return next((spelling for spelling in spellings if spelling in known), spellings[0])
        if isinstance(value, str):
            if value in known:
                return value
            value = read_label(value)
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return None
        if isinstance(value, int | float):
            return number_label(value) if isinstance(value, float) else str(value)  # an int may be beyond any float
        if isinstance(value, str):
            return value
        self.refuse(row, index, f'this is no label; "{self._names[index]}" holds text')
        return None

    def _add(self, path: Sequence[str | int], detail: str) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(FieldProblem(pointer=pointer_to(path), detail=detail))
