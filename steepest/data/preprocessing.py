"""Columns to the network's inputs: learned from training rows, applied to every row, and carried with the weights."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from pydantic import TypeAdapter

from steepest.data.encoding import Floats, Inputs, LabelFeature, NumberEncoder, put, value_of
from steepest.data.features import DATETIME_UNITS, DateTimeFeature, Feature, NumericFeature
from steepest.data.figures import blocks
from steepest.data.fitting import fit
from steepest.data.raw import RawRows, Record
from steepest.data.table import CategoricalColumn, DateTimeColumn, FreeTextColumn, NumericColumn, Rows, Table
from steepest.data.unusable import unusable
from steepest.spec.errors import DataUnusable, FieldProblem
from steepest.spec.labels import number_label
from steepest.spec.problems import pointer_to, raised
from steepest.spec.training import Preprocess

__all__ = ["Inputs", "Preprocessing"]


@dataclass(frozen=True)
class Preprocessing:
    """A fitted transformation of raw rows to inputs; the features are in data-set order."""

    features: tuple[Feature, ...]

    @classmethod
    def fit(cls, table: Table, rows: Rows, features: Sequence[str], preprocess: Preprocess) -> "Preprocessing":
        """Learn from `rows` of `table`, which are the training rows.

        Raises:
            DataUnusable: a feature is free text.
        """
        if free := [name for name in features if isinstance(table[name], FreeTextColumn)]:
            raise unusable(
                [FieldProblem(pointer=pointer_to([name]), detail=f'column "{name}" is free text') for name in free]
            )
        fitted = fit(table, rows, features, preprocess)
        return cls(tuple(fitted[name] for name in features))

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names, in data-set order."""
        return tuple(feature.name for feature in self.features)

    @property
    def width(self) -> int:
        """Units of the input layer."""
        return sum(feature.width for feature in self.features)

    def transform(self, table: Table, rows: Rows, dtype: DTypeLike) -> Inputs:
        """The inputs (n, width) of `rows`, C-contiguous, in `dtype`; the arithmetic is in float64.

        Raises:
            DataUnusable: a scaled value is beyond the range of `dtype`, or a column is not of its feature's kind.
        """
        inputs = self._blank(len(rows), dtype)
        numbers = [feature.name for feature in self._numbers]
        for name in numbers:
            if not isinstance(table[name], NumericColumn):
                raise _of_another_kind(table, name, "numbers")
        try:
            with np.errstate(over="raise"):
                for part in blocks(rows, len(numbers)) if numbers else ():
                    self._encoder.put(table.numbers(rows[part], numbers), inputs[part])
                for start, feature in self._others:
                    units = inputs[:, start : start + feature.width]
                    for part in blocks(rows, DATETIME_UNITS):  # as many numbers as any feature works out
                        put(feature, self._values(feature, table, rows[part]), units[part])
        except FloatingPointError:
            detail = f"a scaled value is beyond the range of {inputs.dtype}; standardize, or use the precision float64"
            raise unusable([FieldProblem(pointer="", detail=detail)]) from None
        return inputs

    def transform_records(self, records: Sequence[Record], dtype: DTypeLike) -> Inputs:
        """The inputs (n, width) of raw JSON rows, named or in the order of the features.

        A feature that a named row lacks is missing. A text is read as a CSV file's cell would be, so `"2.5"` is a
        number in a column of numbers; a number is the label it would be written as in a column of labels. A date-time
        is a text such as `2026-01-31T12:00:00Z`, or a number of milliseconds since 1970.

        Raises:
            ValidationFailed: pointers `/rows/<i>/<name or index>`, the first 100 problems at once.
        """
        raw = RawRows(records, self.names)
        inputs = self._blank(len(records), dtype)
        places = {name: index for index, name in enumerate(self.names)}
        with np.errstate(over="ignore"):
            if self._numbers:
                columns = [raw.numbers(places[feature.name]) for feature in self._numbers]
                self._encoder.put(np.stack(columns, axis=1), inputs)
            for start, feature in self._others:
                place = places[feature.name]
                if isinstance(feature, DateTimeFeature):
                    values = raw.moments(place)
                else:
                    labels = raw.labels(place, feature.known)
                    values = np.array([value_of(feature, label) for label in labels], np.float64)
                put(feature, values, inputs[:, start : start + feature.width])
        for row, unit in np.argwhere(~np.isfinite(inputs)).tolist():
            raw.refuse(row, int(np.searchsorted(self._starts, unit, side="right")) - 1, "the number is too large")
        if raw.problems:
            raise raised(raw.problems)
        return inputs

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values; `from_json` gives an equal object, to the bit."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Any) -> "Preprocessing":
        """The inverse of `to_json`.

        Raises:
            ValueError: the document is of another kind.
        """
        return TypeAdapter(cls).validate_python(document)

    def _blank(self, rows: int, dtype: DTypeLike) -> Inputs:
        whole = all(isinstance(feature, NumericFeature) and not feature.indicator for feature in self.features)
        return np.empty((rows, self.width), dtype) if whole else np.zeros((rows, self.width), dtype)

    def _values(self, feature: LabelFeature | DateTimeFeature, table: Table, rows: Rows) -> Floats:
        """(n,) what `put` takes."""
        column = table[feature.name]
        if isinstance(feature, DateTimeFeature):
            if not isinstance(column, DateTimeColumn):
                raise _of_another_kind(table, feature.name, "date-times")
            moments: Floats = column.values[rows].astype(np.float64)
            return moments
        if isinstance(column, CategoricalColumn):
            return self._lookup(feature, column.categories)[column.codes[rows]]
        if not isinstance(column, NumericColumn):
            raise _of_another_kind(table, feature.name, "labels")
        distinct, places = np.unique(column.values[rows].astype(np.float64), return_inverse=True)
        labels = [None if np.isnan(number) else number_label(float(number)) for number in distinct.tolist()]
        return np.array([value_of(feature, label) for label in labels], np.float64)[places]

    def _lookup(self, feature: LabelFeature, categories: tuple[str, ...]) -> Floats:
        """(categories + 1,) the value of each code; the last place serves the code -1."""
        known, values = self._lookups.get(feature.name, (None, None))
        if values is None or (known is not categories and known != categories):
            values = np.array([value_of(feature, label) for label in (*categories, None)], np.float64)
            self._lookups[feature.name] = (categories, values)
        return values

    @cached_property
    def _lookups(self) -> dict[str, tuple[tuple[str, ...], Floats]]:
        """By feature, the categories met last and the values of their codes: blocks come from one table in a row."""
        return {}

    @cached_property
    def _starts(self) -> list[int]:
        """Each feature's first unit."""
        return [0, *np.cumsum([feature.width for feature in self.features[:-1]]).tolist()]

    @cached_property
    def _numbers(self) -> list[NumericFeature]:
        return [feature for feature in self.features if isinstance(feature, NumericFeature)]

    @cached_property
    def _others(self) -> list[tuple[int, LabelFeature | DateTimeFeature]]:
        pairs = zip(self._starts, self.features, strict=True)
        return [(start, feature) for start, feature in pairs if not isinstance(feature, NumericFeature)]

    @cached_property
    def _encoder(self) -> NumberEncoder:
        pairs = zip(self._starts, self.features, strict=True)
        return NumberEncoder(self._numbers, [start for start, feature in pairs if isinstance(feature, NumericFeature)])


def _of_another_kind(table: Table, name: str, wanted: str) -> DataUnusable:
    holds = {NumericColumn: "numbers", CategoricalColumn: "labels", DateTimeColumn: "date-times"}
    found = holds.get(type(table[name]), "free text")
    return unusable([FieldProblem(pointer=pointer_to([name]), detail=f'column "{name}" holds {found}, not {wanted}')])
