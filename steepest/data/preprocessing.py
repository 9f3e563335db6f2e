"""Columns to the network's inputs: learned from training rows, applied to every row, and carried with the weights."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray
from pydantic import TypeAdapter

from steepest.data.features import CategoricalFeature, Feature, NumericFeature, blocks, fit_categories, fit_numbers
from steepest.data.raw import RawRows, Record
from steepest.data.table import CategoricalColumn, FreeTextColumn, NumericColumn, Rows, Table
from steepest.data.unusable import unusable
from steepest.spec.errors import FieldProblem
from steepest.spec.problems import pointer_to, raised
from steepest.spec.training import Preprocess

Inputs: TypeAlias = NDArray[np.floating[Any]]


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
        columns = [table[name] for name in features]
        if free := [column.name for column in columns if isinstance(column, FreeTextColumn)]:
            raise unusable(
                [FieldProblem(pointer=pointer_to([name]), detail=f'column "{name}" is free text') for name in free]
            )
        numeric = [column.name for column in columns if isinstance(column, NumericColumn)]
        fitted: dict[str, Feature] = {
            feature.name: feature for feature in fit_numbers(table, rows, numeric, preprocess.numeric)
        }
        for column in columns:
            if isinstance(column, CategoricalColumn):
                fitted[column.name] = fit_categories(column, rows, preprocess.max_categories)
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
        """The inputs (n, width) of `rows`, C-contiguous, in `dtype`; the arithmetic is in float64."""
        inputs = self._blank(len(rows), dtype)
        numeric = [feature.name for feature in self._numeric]
        for part in blocks(rows, len(numeric)) if numeric else ():
            try:
                with np.errstate(over="raise"):
                    self._scaler.put(table.numbers(rows[part], numeric), inputs[part])
            except FloatingPointError:
                detail = (
                    f"a scaled value is beyond the range of {inputs.dtype}; standardize, or use the precision float64"
                )
                raise unusable([FieldProblem(pointer="", detail=detail)]) from None
        for start, feature in self._categorical:
            column = table[feature.name]
            if not isinstance(column, CategoricalColumn):
                raise TypeError(f'column "{feature.name}" holds no labels')
            units = np.array([*map(feature.unit, column.categories), -1])  # the last place serves the code -1
            _switch_on(inputs, start, units[column.codes[rows]])
        return inputs

    def transform_records(self, records: Sequence[Record], dtype: DTypeLike) -> Inputs:
        """The inputs (n, width) of raw JSON rows, named or in the order of the features.

        A feature that a named row lacks is missing. A text is read as a CSV file's cell would be, so `"2.5"` is a
        number in a column of numbers; a number is the label it would be written as in a column of labels.

        Raises:
            ValidationFailed: pointers `/rows/<i>/<name or index>`, the first 100 problems at once.
        """
        raw = RawRows(records, self.names)
        inputs = self._blank(len(records), dtype)
        places = {name: index for index, name in enumerate(self.names)}
        if self._numeric:
            columns = [places[feature.name] for feature in self._numeric]
            with np.errstate(over="ignore"):
                self._scaler.put(np.stack([raw.numbers(column) for column in columns], axis=1), inputs)
            for row, unit in np.argwhere(~np.isfinite(inputs)).tolist():
                raw.refuse(row, self._starts.index(unit), "the number is too large")
        for start, feature in self._categorical:
            labels = raw.labels(places[feature.name], feature.units)
            units = [-1 if label is None else feature.unit(label) for label in labels]
            _switch_on(inputs, start, np.array(units, np.intp))
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

    @cached_property
    def _starts(self) -> list[int]:
        """Each feature's first unit."""
        return [0, *np.cumsum([feature.width for feature in self.features[:-1]]).tolist()]

    @cached_property
    def _numeric(self) -> list[NumericFeature]:
        return [feature for feature in self.features if isinstance(feature, NumericFeature)]

    @cached_property
    def _categorical(self) -> list[tuple[int, CategoricalFeature]]:
        pairs = zip(self._starts, self.features, strict=True)
        return [(start, feature) for start, feature in pairs if isinstance(feature, CategoricalFeature)]

    @cached_property
    def _scaler(self) -> "_Scaler":
        pairs = zip(self._starts, self.features, strict=True)
        units = [start for start, feature in pairs if isinstance(feature, NumericFeature)]
        return _Scaler(self._numeric, units)

    def _blank(self, rows: int, dtype: DTypeLike) -> Inputs:
        return np.zeros((rows, self.width), dtype) if self._categorical else np.empty((rows, self.width), dtype)


class _Scaler:
    """The numeric features' centers, scales and fills as vectors."""

    def __init__(self, features: Sequence[NumericFeature], units: list[int]) -> None:
        self._center = np.array([feature.center for feature in features])
        self._scale = np.array([feature.scale or 1.0 for feature in features])
        self._fill = np.array([feature.fill for feature in features])
        self._constant = np.array([feature.scale == 0.0 for feature in features])
        contiguous = units == list(range(len(units)))
        self._units = slice(len(units)) if contiguous else units

    def put(self, x: NDArray[np.float64], inputs: Inputs) -> None:
        """Scale raw numbers x (k, numeric features) in place, then copy them to their units of `inputs` (k, width)."""
        missing = np.isnan(x)
        if missing.any():
            np.copyto(x, self._fill, where=missing)
        x -= self._center
        x /= self._scale
        if self._constant.any():
            x[:, self._constant] = 0.0
        inputs[:, self._units] = x


def _switch_on(inputs: Inputs, start: int, units: NDArray[np.intp]) -> None:
    """Set the unit of each row to 1; -1 leaves the row all zero."""
    rows = np.flatnonzero(units >= 0)
    inputs[rows, start + units[rows]] = 1.0
