"""Rows and columns that come twice, found by their hashes while the batches pass."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from steepest.data.hashing import Hashes, HashSample, mix, random_words
from steepest.spec.columns import Column

MOST_ROWS: Final = 1 << 19
"""Different rows up to which repeated ones are counted exactly; beyond, they are estimated."""


class Twins:
    """Hashes of whole rows, and of whole columns."""

    def __init__(self, columns: int) -> None:
        self._rows = HashSample(MOST_ROWS)
        self._places = random_words(0, columns)
        self._columns = np.zeros(columns, np.uint64)
        self._seen = 0
        self._weights: Hashes = np.empty(0, np.uint64)
        self._sums: Hashes = np.empty(0, np.uint64)

    def begin(self, rows: int) -> None:
        """A batch of rows begins."""
        self._weights = random_words(self._seen, rows)
        self._sums = np.zeros(rows, np.uint64)
        self._seen += rows

    def add(self, column: int, cells: Hashes) -> None:
        """Take in a column's hashes (k,) of this batch, which are overwritten."""
        self._columns[column : column + 1] += np.dot(cells, self._weights)
        cells *= self._places[column]
        self._sums += cells

    def end(self) -> None:
        """All columns of the batch are in."""
        self._rows.add(mix(self._sums))

    @property
    def repeated(self) -> int:
        """Rows that are equal to an earlier one."""
        return self._rows.repeated

    @property
    def exact(self) -> bool:
        """Whether `repeated` is no estimate."""
        return self._rows.exact

    @property
    def first_equals(self) -> list[int]:
        """Of each column, the first one that has the same value in every row, or itself."""
        first: dict[int, int] = {}
        return [first.setdefault(total, index) for index, total in enumerate(self._columns.tolist())]


def with_twins(columns: Sequence[Column], first_equals: Sequence[int]) -> list[Column]:
    """The columns, each with the name of the first one that equals it; those of one value or none are equal to many."""
    names = [column.name for column in columns]
    return [
        column.model_copy(update={"same_as": names[first]}) if first != index and column.distinct > 1 else column
        for index, (column, first) in enumerate(zip(columns, first_equals, strict=True))
    ]
