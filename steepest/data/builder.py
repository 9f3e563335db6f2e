"""One column while it is read: it starts as numbers, and turns into categories at the first text."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steepest.data.categories import Categories, LabelBudget
from steepest.data.formats.reader import Cells, Fault, Texts
from steepest.data.labels import is_code, read_cell, shorten
from steepest.data.spool import Spool
from steepest.data.tally import NumberTally
from steepest.spec.answers import Column
from steepest.spec.labels import number_label

NUMERIC_SHARE: Final = 0.9
"""A column with at least this share of numbers, and ..."""
NUMERIC_DISTINCT: Final = 50
"""... more than this many distinct ones, is numeric: a text in it is a mistake."""

_LARGEST_EXACT: Final = 2.0**53


@dataclass(frozen=True)
class BuiltColumn:
    """A finished column."""

    schema: Column
    faults: list[Fault]
    warnings: list[str]
    spool: Spool | None
    """Numbers or codes; None for free text."""
    labels: list[str] | None
    """By code; None for numbers."""


class ColumnBuilder:
    """Statistics, kind and file of one column, from batches of its cells."""

    def __init__(
        self, name: str, index: int, path: Path, budget: LabelBudget, *, most_distinct: int, most_faults: int
    ) -> None:
        self._name = name
        self._index = index
        self._budget = budget
        self._most_distinct = most_distinct
        self._most_faults = most_faults
        self._rows = 0
        self._spool = Spool(path, np.float64)
        self._numbers = NumberTally(most_distinct)
        self._categories: Categories | None = None
        self._text_cells = 0
        self._code_example: str | None = None
        self._unreadable: list[Fault] = []
        self._infinite: list[Fault] = []
        self._texts: list[Fault] = []

    def add(self, cells: Cells) -> None:
        """Take in the next cells."""
        numbers = cells.numbers() if self._categories is None else None
        if numbers is not None:
            self._add_numbers(numbers)
        else:
            self._add_texts(cells.texts())
        self._rows += len(cells)

    def finish(self) -> BuiltColumn:
        """Decide the kind and complete the file."""
        if self._categories is None or self._is_numeric():
            schema = self._numbers.column(self._name, self._rows)
            faults = self._unreadable + self._infinite + self._texts
            return BuiltColumn(schema, faults, self._number_warnings(), self._spool, None)
        schema, labels = self._categories.finish(self._name, self._rows)
        return BuiltColumn(schema, self._unreadable, self._text_warnings(), self._categories.spool, labels)

    def _is_numeric(self) -> bool:
        """Whether a column with texts is one of numbers with mistakes in it."""
        if self._code_example is not None:
            return False
        if not self._text_cells:
            return True
        many = not self._numbers.distinct_exact or len(self._numbers.values) > NUMERIC_DISTINCT
        return many and self._numbers.count >= NUMERIC_SHARE * (self._numbers.count + self._text_cells)

    def _number_warnings(self) -> list[str]:
        if not self._numbers.count:
            return [f'column "{self._name}" has no values']
        if self._numbers.whole and max(self._numbers.max, -self._numbers.min) >= _LARGEST_EXACT:
            return [f'column "{self._name}" has whole numbers from 2^53 on, which are rounded']
        return []

    def _text_warnings(self) -> list[str]:
        if self._code_example is not None:
            example = shorten(self._code_example)
            return [f'column "{self._name}" has numbers with a leading zero ({example}): it is read as text']
        if self._numbers.count > self._text_cells:
            return [
                f'column "{self._name}" is read as text: {self._numbers.count:,} of its values are numbers,'
                f" {self._text_cells:,} are not"
            ]
        return []

    def _add_numbers(self, numbers: NDArray[np.float64]) -> None:
        self._spool.append(numbers)
        finite = np.isfinite(numbers)
        if finite.all():
            self._numbers.add(numbers)
            return
        self._numbers.add(numbers[finite])
        for index in np.flatnonzero(np.isinf(numbers))[: self._most_faults].tolist():
            self._note(self._infinite, index, f"{number_label(float(numbers[index]))} is not finite")

    def _add_texts(self, texts: Texts) -> None:
        for index, detail in texts.faults:
            self._note(self._unreadable, index, detail)
        read = [read_cell(text) for text in texts.distinct]
        if self._categories is None:
            if all(value is None or isinstance(value, float) for value in read):
                numbers = np.array([np.nan if value is None else value for value in read] + [np.nan])
                self._add_numbers(numbers[texts.codes])  # the last place serves the code -1
                return
            self._categories = Categories.from_numbers(self._spool, self._numbers, self._most_distinct, self._budget)
        self._add_labels(self._categories, texts, read)

    def _add_labels(self, categories: Categories, texts: Texts, read: list[float | str | None]) -> None:
        counts = np.bincount(texts.codes[texts.codes >= 0], minlength=len(read))
        mapping = np.full(len(read) + 1, -1, np.int32)  # the last place serves the code -1
        finite: list[int] = []
        infinite: list[int] = []
        strange: list[int] = []
        for code, value in enumerate(read):
            if value is None:
                continue
            kind = strange if isinstance(value, str) else finite if np.isfinite(value) else infinite
            kind.append(code)
            label = number_label(value) if isinstance(value, float) and kind is finite else texts.distinct[code]
            mapping[code] = categories.code(label, int(counts[code]))
        categories.append(mapping[texts.codes])
        self._numbers.add(np.array([read[code] for code in finite], np.float64), counts[finite])
        self._text_cells += int(counts[strange].sum())
        self._code_example = self._code_example or next(
            (texts.distinct[code] for code in strange if is_code(texts.distinct[code])), None
        )
        self._note_cells(self._infinite, texts, infinite, "is not finite")
        self._note_cells(self._texts, texts, strange, "is no number, and the column is one of numbers")

    def _note_cells(self, faults: list[Fault], texts: Texts, wanted: list[int], detail: str) -> None:
        room = self._most_faults - len(faults)
        if not wanted or room <= 0:
            return
        is_wanted = np.zeros(len(texts.distinct) + 1, bool)  # the last place serves the code -1
        is_wanted[wanted] = True
        for index in np.flatnonzero(is_wanted[texts.codes])[:room].tolist():
            self._note(faults, index, f"{shorten(texts.distinct[texts.codes[index]])} {detail}")

    def _note(self, faults: list[Fault], index: int, detail: str) -> None:
        if len(faults) < self._most_faults:
            faults.append(Fault(self._rows + index, self._index, detail))
