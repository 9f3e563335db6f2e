"""A column whose kind is known before it is read, from its file or from a person: what does not fit is a fault."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from steepest.data.builder import InferredColumn
from steepest.data.built import Builder, BuiltColumn, Faults, Site
from steepest.data.categories import Categories, label_of
from steepest.data.formats.reader import Cells, Texts
from steepest.data.hashing import Hashes
from steepest.data.identifiers import with_identifier
from steepest.data.labels import is_code, read_cell, read_label
from steepest.data.moments import Moments, read_moments
from steepest.data.numbers import Numbers
from steepest.data.spool import Spool
from steepest.spec.columns import ColumnKind
from steepest.spec.labels import number_label


def builder_of(kind: ColumnKind | None, site: Site) -> Builder:
    """What reads a column of this kind; None for one whose kind is to be seen."""
    if kind is None:
        return InferredColumn(site)
    if kind in ("numeric", "integer"):
        return DeclaredNumbers(site, whole=kind == "integer")
    if kind == "datetime":
        return DeclaredMoments(site)
    return DeclaredLabels(site, boolean=kind == "boolean", text=kind == "text")


class DeclaredNumbers:
    """Numbers; one with a leading zero counts as one too."""

    def __init__(self, site: Site, *, whole: bool) -> None:
        self._site = site
        self._whole = whole
        self._rows = 0
        self._numbers = Numbers(site)
        self._faults = Faults(site)

    def add(self, cells: Cells) -> Hashes:
        """Take in the next (k,) cells; a hash of each comes back, equal for equal values."""
        numbers = cells.numbers()
        if numbers is None:
            numbers = self._read(cells.texts())
        if self._whole:
            parts = (np.floor(numbers) != numbers) & ~np.isnan(numbers)
            for index in np.flatnonzero(parts)[: self._site.most_faults].tolist():
                self._faults.note(self._rows + index, f"{number_label(float(numbers[index]))} is not whole")
        self._rows += len(cells)
        return self._numbers.add(numbers)

    def finish(self) -> BuiltColumn:
        """The column."""
        tally = self._numbers.tally
        schema = tally.column(self._site.name, self._rows)
        schema = schema.model_copy(update={"kind": "integer" if self._whole else "numeric"})
        faults = [*self._faults, *self._numbers.infinite]
        return BuiltColumn(
            with_identifier(schema, tally.increasing), faults, self._numbers.warnings, self._numbers.spool
        )

    def _read(self, texts: Texts) -> NDArray[np.float64]:
        self._faults.note_all(self._rows, texts.faults)
        read = [float(text) if is_code(text) else read_cell(text) for text in texts.distinct]
        strange = [code for code, value in enumerate(read) if isinstance(value, str)]
        self._faults.note_texts(self._rows, texts, strange, "is no number, and the column is one of numbers")
        values = np.array([value if isinstance(value, float) else np.nan for value in read] + [np.nan])
        found: NDArray[np.float64] = values[texts.codes]  # the last place serves the code -1
        return found


class DeclaredMoments:
    """Date-times."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._rows = 0
        self._moments = Moments(site)
        self._faults = Faults(site)

    def add(self, cells: Cells) -> Hashes:
        """Take in the next (k,) cells; a hash of each comes back, equal for equal values."""
        moments = cells.datetimes()
        if moments is None:
            texts = cells.texts()
            self._faults.note_all(self._rows, texts.faults)
            moments, strange = read_moments(texts, [read_cell(text) for text in texts.distinct])
            self._faults.note_texts(self._rows, texts, strange, "is no date-time (ISO 8601, such as 2026-01-31T12:00)")
        self._rows += len(cells)
        return self._moments.add(moments)

    def finish(self) -> BuiltColumn:
        """The column."""
        schema = self._moments.tally.moments_column(self._site.name, self._rows)
        return BuiltColumn(schema, [*self._faults], [], self._moments.spool)


class DeclaredLabels:
    """Labels: two for `boolean`, any number for `categorical`; for `text` none is kept."""

    def __init__(self, site: Site, *, boolean: bool = False, text: bool = False) -> None:
        self._site = site
        self._boolean = boolean
        self._text = text
        self._rows = 0
        spool = Spool(site.path.with_suffix(".codes"), np.int32)
        self._labels = Categories(spool, site.room, site.budget, read_label)
        self._faults = Faults(site)
        if text:
            self._labels.give_up()

    def add(self, cells: Cells) -> Hashes:
        """Take in the next (k,) cells; a hash of each comes back, equal for equal values."""
        texts = cells.texts()  # not the numbers, for no float has all the digits of an id
        self._faults.note_all(self._rows, texts.faults)
        read = [read_label(text) for text in texts.distinct]
        texts = replace(texts, distinct=list(map(label_of, texts.distinct, read)))
        hashes = self._labels.add(texts, read)
        if self._boolean:
            more = [
                code
                for code, label in enumerate(texts.distinct)
                if read[code] is not None and self._labels.is_third(label)
            ]
            self._faults.note_texts(self._rows, texts, more, "is a third value, and the column is boolean")
        self._rows += len(cells)
        return hashes

    def finish(self) -> BuiltColumn:
        """The column."""
        schema, labels = self._labels.finish(self._site.name, self._rows)
        warnings = []
        if self._boolean:
            schema = schema.model_copy(update={"kind": "boolean"})
        elif not self._text and schema.kind == "text":
            warnings = [f'column "{self._site.name}" has too many or too long texts to be categories: it stays text']
        elif not self._text:
            schema = schema.model_copy(update={"kind": "categorical"})
        schema = with_identifier(schema, longest=self._labels.longest)
        return BuiltColumn(schema, [*self._faults], warnings, self._labels.spool, labels)
