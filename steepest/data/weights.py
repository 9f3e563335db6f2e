"""How much each row counts: its sample weight times the weight of its class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from steepest.data.table import NumericColumn, Rows, Table
from steepest.data.unusable import unusable
from steepest.spec.errors import DataUnusable, FieldProblem
from steepest.spec.problems import pointer_to

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Weights:
    """Where the weights of rows come from."""

    column: str | None
    """Of sample weights."""
    by_class: Floats | None
    """(classes,) weights in class order."""

    @classmethod
    def fit(
        cls,
        column: str | None,
        class_weight: Literal["balanced"] | Mapping[str, float] | None,
        classes: Sequence[str],
        codes: NDArray[np.intp],
    ) -> "Weights":
        """Learn from the class codes (n,) of the training rows, which only `"balanced"` looks at.

        `"balanced"` gives a class n / (classes x its rows) (King and Zeng 2001); one without a training row counts as
        if it had one. A map gives what it says, and 1 to a class that it leaves out.
        """
        if class_weight is None:
            return cls(column, None)
        if class_weight == "balanced":
            rows = np.bincount(codes, minlength=len(classes))
            return cls(column, len(codes) / (len(classes) * np.maximum(rows, 1.0)))
        return cls(column, np.array([class_weight.get(label, 1.0) for label in classes]))

    def of(self, table: Table, rows: Rows, y: NDArray[Any], dtype: DTypeLike) -> NDArray[Any] | None:
        """The weights (n,) of `rows` of `table`, whose encoded targets are `y`; None where all rows count the same.

        A table without the column of sample weights came apart from the training rows: its rows count by class alone.

        Raises:
            DataUnusable: a row has no weight or one below 0, or no row has one above 0.
        """
        column = self.column if self.column in table.index else None
        if column is None and self.by_class is None:
            return None
        weights = np.ones(len(rows)) if column is None else _sample_weights(table, column, rows)
        if self.by_class is not None:
            weights = weights * self.by_class[y]
        with np.errstate(over="ignore", under="ignore"):
            rounded: NDArray[Any] = weights.astype(dtype)
        if not np.isfinite(rounded).all():
            raise _refusal(column, f"a weight of {weights.max():g} is beyond the range of {rounded.dtype}")
        if not rounded.any():
            raise _refusal(column, "a part of the split has no row with a weight above 0")
        return rounded


def _sample_weights(table: Table, column: str, rows: Rows) -> Floats:
    if not isinstance(table[column], NumericColumn):
        raise _refusal(column, "weights are numbers, and the column holds text")
    weights = table.numbers(rows, [column])[:, 0]
    wrong = ~(weights >= 0)
    if wrong.any():
        place = int(np.flatnonzero(wrong)[0])
        row, weight = int(rows[place]), float(weights[place])
        what = "no weight" if np.isnan(weight) else f"the weight {weight:g}; a weight is at least 0"
        raise _refusal(column, f"row {row} has {what}", "rows", row)
    return weights


def _refusal(column: str | None, detail: str, *place: str | int) -> DataUnusable:
    path = [*place, column] if column else ["loss", "class_weight"]
    words = f'"{column}": {detail}' if column else detail
    return unusable([FieldProblem(pointer=pointer_to(path), detail=words)])
