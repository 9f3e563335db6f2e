"""Columns to the network's inputs: learned from training rows, applied to every row, and carried with the weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from steepest.data.table import Rows, Table
from steepest.spec.training import Preprocess


@dataclass(frozen=True)
class Preprocessing:
    """A fitted transformation of raw rows to inputs."""

    features: tuple[Any, ...]

    @classmethod
    def fit(cls, table: Table, rows: Rows, features: Sequence[str], preprocess: Preprocess) -> "Preprocessing":
        """Learn from `rows` of `table`, which are the training rows."""
        raise NotImplementedError

    @property
    def width(self) -> int:
        """Units of the input layer."""
        raise NotImplementedError

    def transform(self, table: Table, rows: Rows, dtype: DTypeLike) -> NDArray[np.floating[Any]]:
        """The inputs (n, width) of `rows`, C-contiguous, in `dtype`."""
        raise NotImplementedError

    def transform_records(
        self, records: Sequence[Mapping[str, Any] | Sequence[Any]], dtype: DTypeLike
    ) -> NDArray[np.floating[Any]]:
        """The inputs (n, width) of raw JSON rows, named or in the order of the features.

        Raises:
            ValidationFailed: pointers `/rows/<i>/<name or index>`, every problem at once.
        """
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values; `from_json` gives an equal object, to the bit."""
        raise NotImplementedError

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Preprocessing":
        """The inverse of `to_json`."""
        raise NotImplementedError
