"""A column of labels while it is read: its distinct labels, how often each came, and the file of codes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steepest.data.formats.reader import Texts
from steepest.data.hashing import MISSING_HASH, Hashes, HashSample, number_hashes, text_hashes
from steepest.data.labels import LONGEST_LABEL, read_cell
from steepest.data.spool import Spool
from steepest.data.tally import MOST_VALUES, NumberTally, Room, most_frequent
from steepest.spec.columns import Column, ColumnKind, ValueCount
from steepest.spec.labels import number_label

_CHUNK: Final = 1 << 18

_BOOLEANS: Final = ({"false", "true"}, {"no", "yes"})

Read = Sequence[float | str | None]
"""What `read_cell`, or `read_label`, says of distinct texts."""


@dataclass
class LabelBudget:
    """Characters of labels that all columns of a data set may hold in memory together."""

    left: int = 64 << 20


class Categories:
    """Labels by code, in the order they came, until there are too many: then the column is free text, without data."""

    def __init__(
        self,
        spool: Spool,
        room: Room,
        budget: LabelBudget,
        read: Callable[[str], float | str | None] = read_cell,
    ) -> None:
        self.spool: Spool | None = spool
        """The codes, -1 for a missing value; None for free text."""
        self.longest = 0
        """Characters of the longest label."""
        self._room = room
        self._budget = budget
        self._read = read
        self._codes: dict[str, int] = {}
        self._counts: list[int] = []
        self._present = 0
        self._hashes = HashSample(room.hashed)

    @classmethod
    def from_numbers(cls, numbers: Spool, tally: NumberTally, room: Room, budget: LabelBudget) -> "Categories":
        """Go on from a column of numbers, whose file is replaced by one of the numbers' labels."""
        categories = cls(Spool(numbers.path.with_suffix(".codes"), np.int32), room, budget)
        if tally.hashes is not None:
            categories._present = tally.count
            categories._hashes = tally.hashes
            categories.give_up()
        for value, count in zip(tally.values.tolist(), tally.counts.tolist(), strict=True):
            categories._code(number_label(value), count)
        values = numbers.map()
        for start in range(0, len(values), _CHUNK):
            chunk = values[start : start + _CHUNK]
            if categories.spool is not None:
                categories.spool.append(np.where(np.isnan(chunk), -1, np.searchsorted(tally.values, chunk)))
        numbers.remove()
        return categories

    def add(self, texts: Texts, read: Read) -> Hashes:
        """Take in the next (k,) cells; their hashes come back."""
        counts = np.bincount(texts.codes[texts.codes >= 0], minlength=len(read))
        there = np.fromiter((value is not None for value in read), bool, len(read))
        hashes = np.append(label_hashes(texts.distinct, read), MISSING_HASH)
        if self.spool is not None:
            mapping = np.full(len(read) + 1, -1, np.int32)  # the last place serves the code -1
            for code in np.flatnonzero(there).tolist():
                mapping[code] = self._code(label_of(texts.distinct[code], read[code]), int(counts[code]))
            if self.spool is not None:
                self.spool.append(mapping[texts.codes])
        else:
            self._present += int(counts[there].sum())
            self.longest = max(self.longest, max(map(len, texts.distinct), default=0))
        if self.spool is None:
            self._hashes.add(hashes[:-1][there])
        cells: Hashes = hashes[texts.codes]
        return cells

    def _code(self, label: str, count: int) -> int:
        """The code of a label that came `count` more times; -1 in free text."""
        self._present += count
        self.longest = max(self.longest, len(label))
        if self.spool is None:
            return -1
        code = self._codes.setdefault(label, len(self._codes))
        if code == len(self._counts):
            self._counts.append(0)
            self._budget.left -= len(label)
            if code >= self._room.distinct or len(label) > LONGEST_LABEL or self._budget.left < 0:
                self.give_up()
                return -1
        self._counts[code] += count
        return code

    def give_up(self) -> None:
        """Become free text."""
        if self.spool is not None:
            self.spool.remove()
            self._hashes.add_different(label_hashes(list(self._codes), [self._read(label) for label in self._codes]))
        self.spool = None
        self._codes.clear()
        self._counts.clear()

    def is_third(self, label: str) -> bool:
        """Whether two other labels came before this one."""
        return self.spool is None or self._codes[label] > 1

    def finish(self, name: str, rows: int) -> tuple[Column, list[str]]:
        """Put the codes in the order of their labels, by code point.

        Returns: the schema's entry, and the labels by code.
        """
        if self.spool is None:
            text = Column(
                name=name,
                kind="text",
                count=self._present,
                missing=rows - self._present,
                distinct=min(self._hashes.distinct, self._present),
                distinct_exact=False,
                distinct_error=self._hashes.error,
            )
            return text, []
        labels = sorted(self._codes)
        counts = [self._counts[self._codes[label]] for label in labels]
        self._renumber(self.spool.map(), labels)
        return label_column(name, labels, counts, rows), labels

    def _renumber(self, codes: NDArray[Any], labels: list[str]) -> None:
        order = np.full(len(labels) + 1, -1, np.int32)  # the last place serves the code -1
        order[[self._codes[label] for label in labels]] = np.arange(len(labels), dtype=np.int32)
        for start in range(0, len(codes), _CHUNK):
            codes[start : start + _CHUNK] = order[codes[start : start + _CHUNK]]


def label_column(name: str, labels: Sequence[str], counts: Sequence[int], rows: int) -> Column:
    """The schema's entry of a column of labels, which ascend, among `rows` rows."""
    listed = len(labels) <= MOST_VALUES
    return Column(
        name=name,
        kind=_kind(labels),
        count=sum(counts),
        missing=rows - sum(counts),
        distinct=len(labels),
        values=list(labels) if listed else None,
        value_counts=list(counts) if listed else None,
        top=[ValueCount(value=labels[place], count=counts[place]) for place in most_frequent(counts)],
    )


def label_of(text: str, value: float | str | None) -> str:
    """The label of a text that `value` was read from: a number is written in the one way that numbers are."""
    if isinstance(value, str):
        return value
    return number_label(value) if value is not None and np.isfinite(value) else text


def label_hashes(labels: Sequence[str], read: Read) -> Hashes:
    """(k,) hashes of texts; a number has its own, however it is written, and so has a missing value."""
    numbers = np.array([value if isinstance(value, float) else np.nan for value in read], np.float64)
    is_text = np.array([isinstance(value, str) for value in read], bool)
    return np.where(is_text, text_hashes(labels), number_hashes(numbers))


def _kind(labels: Sequence[str]) -> ColumnKind:
    lowered = {label.lower() for label in labels}
    two = len(lowered) == len(labels) > 0 and any(lowered <= pair for pair in _BOOLEANS)
    return "boolean" if two else "categorical"
