"""A column of labels while it is read: its distinct labels, how often each came, and the file of codes."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steepest.data.labels import LONGEST_LABEL
from steepest.data.spool import Spool
from steepest.data.tally import MOST_VALUES, NumberTally
from steepest.spec.answers import Column
from steepest.spec.labels import number_label

_CHUNK: Final = 1 << 18


@dataclass
class LabelBudget:
    """Characters of labels that all columns of a data set may hold in memory together."""

    left: int = 64 << 20


class Categories:
    """Labels by code, in the order they came, until there are too many: then the column is free text, without data."""

    def __init__(self, spool: Spool, most: int, budget: LabelBudget) -> None:
        self.spool: Spool | None = spool
        """The codes, -1 for a missing value; None for free text."""
        self._most = most
        self._budget = budget
        self._codes: dict[str, int] = {}
        self._counts: list[int] = []
        self._present = 0

    @classmethod
    def from_numbers(cls, numbers: Spool, tally: NumberTally, most: int, budget: LabelBudget) -> "Categories":
        """Go on from a column of numbers, whose file is replaced by one of the numbers' labels."""
        categories = cls(Spool(numbers.path.with_suffix(".codes"), np.int32), most, budget)
        for value, count in zip(tally.values.tolist(), tally.counts.tolist(), strict=True):
            categories.code(number_label(value), count)
        if not tally.distinct_exact:
            categories._present = tally.count
            categories._give_up()
        values = numbers.map()
        for start in range(0, len(values), _CHUNK):
            chunk = values[start : start + _CHUNK]
            categories.append(np.where(np.isnan(chunk), -1, np.searchsorted(tally.values, chunk)))
        numbers.remove()
        return categories

    def code(self, label: str, count: int) -> int:
        """The code of a label that came `count` more times; -1 in free text."""
        self._present += count
        if self.spool is None:
            return -1
        code = self._codes.setdefault(label, len(self._codes))
        if code == len(self._counts):
            self._counts.append(0)
            self._budget.left -= len(label)
            if code >= self._most or len(label) > LONGEST_LABEL or self._budget.left < 0:
                self._give_up()
                return -1
        self._counts[code] += count
        return code

    def append(self, codes: NDArray[Any]) -> None:
        """Write the next rows' codes."""
        if self.spool is not None:
            self.spool.append(codes)

    def finish(self, name: str, rows: int) -> tuple[Column, list[str]]:
        """Put the codes in the order of their labels, by code point.

        Returns: the schema's entry, and the labels by code.
        """
        labels = sorted(self._codes)
        counts = [self._counts[self._codes[label]] for label in labels]
        if self.spool is not None:
            self._renumber(self.spool.map(), labels)
        exact = self.spool is not None
        listed = exact and len(labels) <= MOST_VALUES
        column = Column(
            name=name,
            kind="categorical",
            count=self._present,
            missing=rows - self._present,
            distinct=len(labels) if exact else self._most,
            distinct_exact=exact,
            values=labels if listed else None,
            value_counts=counts if listed else None,
        )
        return column, labels

    def _renumber(self, codes: NDArray[Any], labels: list[str]) -> None:
        order = np.full(len(labels) + 1, -1, np.int32)  # the last place serves the code -1
        order[[self._codes[label] for label in labels]] = np.arange(len(labels), dtype=np.int32)
        for start in range(0, len(codes), _CHUNK):
            codes[start : start + _CHUNK] = order[codes[start : start + _CHUNK]]

    def _give_up(self) -> None:
        if self.spool is not None:
            self.spool.remove()
        self.spool = None
        self._codes.clear()
        self._counts.clear()
