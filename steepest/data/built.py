"""What every builder of a column is given, collects and returns."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from steepest.data.categories import LabelBudget
from steepest.data.formats.reader import Cells, Fault, Texts
from steepest.data.hashing import Hashes
from steepest.data.labels import shorten
from steepest.data.spool import Spool
from steepest.data.tally import Room
from steepest.spec.columns import Column


@dataclass(frozen=True)
class Site:
    """Where a column is built, and what with."""

    name: str
    index: int
    path: Path
    """Of its file of numbers; others go beside it."""
    budget: LabelBudget
    room: Room
    most_faults: int


@dataclass(frozen=True)
class BuiltColumn:
    """A finished column."""

    schema: Column
    faults: list[Fault]
    warnings: list[str]
    spool: Spool | None
    """Numbers, milliseconds or codes; None for free text."""
    labels: list[str] | None = None
    """By code; None for what has no codes."""


class Builder(Protocol):
    """Statistics, kind and file of one column, from batches of its cells."""

    def add(self, cells: Cells) -> Hashes:
        """Take in the next (k,) cells; a hash of each comes back, equal for equal values."""
        ...

    def finish(self) -> BuiltColumn:
        """Decide what is still open, and complete the file."""
        ...


class Faults(list[Fault]):
    """The first faults of a column."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self._site = site

    def note(self, row: int, detail: str) -> None:
        """Keep a fault, while there is room."""
        if len(self) < self._site.most_faults:
            self.append(Fault(row, self._site.index, detail))

    def note_texts(self, row: int, texts: Texts, wanted: Sequence[int], detail: str) -> None:
        """Keep each cell of `texts`, which begin at `row`, whose code is wanted."""
        room = self._site.most_faults - len(self)
        if not wanted or room <= 0:
            return
        is_wanted = np.zeros(len(texts.distinct) + 1, bool)  # the last place serves the code -1
        is_wanted[list(wanted)] = True
        for index in np.flatnonzero(is_wanted[texts.codes])[:room].tolist():
            self.note(row + index, f"{shorten(texts.distinct[texts.codes[index]])} {detail}")

    def note_all(self, row: int, cells: Sequence[tuple[int, str]]) -> None:
        """Keep cells, by index from `row`, with what is wrong."""
        for index, detail in cells:
            self.note(row + index, detail)
