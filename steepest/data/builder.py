"""A column whose kind shows while it is read: it starts as numbers, and turns into date-times or labels at a text."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from steepest.data.built import BuiltColumn, Faults, Site
from steepest.data.categories import Categories, Read
from steepest.data.formats.reader import Cells, Texts
from steepest.data.hashing import Hashes
from steepest.data.identifiers import with_identifier
from steepest.data.labels import is_code, read_cell, shorten
from steepest.data.moments import Moments, read_moments
from steepest.data.numbers import Numbers
from steepest.data.tally import NumberTally

MOST: Final = 0.9
"""A column with at least this share of numbers, or of date-times, and ..."""
MANY: Final = 50
"""... more than this many distinct ones, is a column of these: a text in it is a mistake."""


_CODES: Final = ("0", "+", "-")
"""How a number with a leading zero begins."""


class InferredColumn:
    """Numbers as long as there is no text; from the first date-times on both moments and labels, until it is clear."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._rows = 0
        self._numbers = Numbers(site)
        self._moments: Moments | None = None
        self._categories: Categories | None = None
        self._text_cells = 0
        """Those that are no numbers, or no date-times."""
        self._code_example: str | None = None
        self._unreadable = Faults(site)
        self._misfits = Faults(site)

    def add(self, cells: Cells) -> Hashes:
        """Take in the next (k,) cells; a hash of each comes back, equal for equal values."""
        hashes = self._add(cells)
        self._rows += len(cells)
        return hashes

    def finish(self) -> BuiltColumn:
        """Decide the kind and complete the file."""
        name, rows = self._site.name, self._rows
        if self._moments is not None and self._is_of(self._moments.tally):
            if self._categories is not None:
                self._categories.give_up()
            schema = self._moments.tally.moments_column(name, rows)
            return BuiltColumn(schema, [*self._unreadable, *self._misfits], [], self._moments.spool)
        if self._categories is None or (self._moments is None and self._is_of(self._numbers.tally)):
            schema = with_identifier(self._numbers.tally.column(name, rows), self._numbers.tally.increasing)
            faults = [*self._unreadable, *self._numbers.infinite, *self._misfits]
            return BuiltColumn(schema, faults, self._numbers.warnings, self._numbers.spool)
        if self._moments is not None:
            self._moments.spool.remove()
        schema, labels = self._categories.finish(name, rows)
        schema = with_identifier(schema, longest=self._categories.longest)
        return BuiltColumn(schema, [*self._unreadable], self._warnings(), self._categories.spool, labels)

    def _is_of(self, tally: NumberTally) -> bool:
        """Whether a column with texts is one of numbers, or of date-times, with mistakes in it."""
        if self._code_example is not None:
            return False
        return not self._text_cells or (
            tally.distinct > MANY and tally.count >= MOST * (tally.count + self._text_cells)
        )

    def _warnings(self) -> list[str]:
        column = f'column "{self._site.name}"'
        if self._code_example is not None:
            example = shorten(self._code_example)
            return [f"{column} has numbers with a leading zero ({example}): it is read as text"]
        tally, what = (self._moments.tally, "date-times") if self._moments else (self._numbers.tally, "numbers")
        if tally.count > self._text_cells:
            return [f"{column} is read as text: {tally.count:,} of its values are {what}, {self._text_cells:,} are not"]
        return []

    @property
    def _may_be_moments(self) -> bool:
        return self._moments is not None or (self._categories is None and not self._numbers.tally.count)

    def _add(self, cells: Cells) -> Hashes:
        if self._categories is None and (numbers := cells.numbers()) is not None:
            return self._numbers.add(numbers)
        moments = cells.datetimes() if self._may_be_moments else None
        if moments is not None and self._moments and self._categories and self._categories.spool is None:
            return self._moments.add(moments)  # too many to be labels: the texts are needed no more
        texts = cells.texts()
        self._unreadable.note_all(self._rows, texts.faults)
        read = [read_cell(text) for text in texts.distinct]
        if self._categories is None and not any(isinstance(value, str) for value in read):
            values = np.array([np.nan if value is None else value for value in read] + [np.nan], np.float64)
            return self._numbers.add(values[texts.codes])  # the last place serves the code -1
        if self._may_be_moments:
            return self._add_moments(texts, read, moments)
        return self._add_labels(texts, read)

    def _add_moments(self, texts: Texts, read: Read, moments: NDArray[np.float64] | None) -> Hashes:
        strange: list[int] = []
        if moments is None:
            moments, strange = read_moments(texts, read)
        strange_cells = int(np.isin(texts.codes, strange).sum())
        if self._moments is None:
            if strange_cells and strange_cells > (1 - MOST) * (texts.codes >= 0).sum():
                return self._add_labels(texts, read)
            self._moments = Moments(self._site, self._rows)
        self._text_cells += strange_cells
        self._misfits.note_texts(self._rows, texts, strange, "is no date-time, and the column is one of date-times")
        labels = self._labels().add(texts, read)
        hashes = self._moments.add(moments)
        return np.where(np.isnan(moments), labels, hashes)

    def _add_labels(self, texts: Texts, read: Read) -> Hashes:
        hashes = self._labels().add(texts, read)
        counts = np.bincount(texts.codes[texts.codes >= 0], minlength=len(read))
        values = np.array([value if isinstance(value, float) else np.nan for value in read], np.float64)
        finite = np.isfinite(values)
        strange = [code for code, value in enumerate(read) if isinstance(value, str)]
        self._numbers.tally.add(values[finite], counts[finite])
        self._text_cells += int(counts[strange].sum())
        self._code_example = self._code_example or next(
            (text for code in strange if (text := texts.distinct[code]).lstrip()[:1] in _CODES and is_code(text)), None
        )
        self._numbers.infinite.note_texts(self._rows, texts, np.flatnonzero(np.isinf(values)).tolist(), "is not finite")
        self._misfits.note_texts(self._rows, texts, strange, "is no number, and the column is one of numbers")
        return hashes

    def _labels(self) -> Categories:
        if self._categories is None:
            site = self._site
            self._categories = Categories.from_numbers(self._numbers.spool, self._numbers.tally, site.room, site.budget)
        return self._categories
