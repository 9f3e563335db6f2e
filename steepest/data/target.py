"""The target column to what the trainer learns, and back: class codes, or scaled values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from steepest.data.table import Rows, Table
from steepest.spec.names import Task


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
    """Of the classes in process, as NumPy writes it; None for labels as text."""

    @classmethod
    def fit(
        cls,
        table: Table,
        rows: Rows,
        name: str,
        task: Task,
        classes: Sequence[str],
        scaling: Literal["standardize", "none"],
        dtype: np.dtype[Any] | None = None,
    ) -> "Target":
        """Learn from `rows` of `table`, which are the training rows and all have a target."""
        raise NotImplementedError

    @property
    def outputs(self) -> int:
        """Units of the output layer: one for binary and regression, else one per class."""
        raise NotImplementedError

    def encode(self, table: Table, rows: Rows, dtype: DTypeLike) -> NDArray[Any]:
        """(n,) intp class codes, or (n, 1) values in training units and `dtype`."""
        raise NotImplementedError

    def decode(self, y: NDArray[Any]) -> NDArray[Any]:
        """(n,) class codes to labels, in the classes' dtype in process; (n, 1) training units to (n,) values."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values; `from_json` gives an equal object, to the bit."""
        raise NotImplementedError

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Target":
        """The inverse of `to_json`."""
        raise NotImplementedError
