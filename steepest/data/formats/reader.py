"""What a format's reader gives to the ingest, whatever the file looks like."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from steepest.data.labels import objection
from steepest.spec.columns import ColumnKind
from steepest.spec.errors import FieldProblem
from steepest.spec.labels import number_label

Kind = ColumnKind


@dataclass(frozen=True, order=True)
class Fault:
    """Something wrong with one cell."""

    row: int
    """Rows before it, those that cannot be read left out."""
    column: int
    detail: str


@dataclass(frozen=True)
class Texts:
    """Cells as codes into their distinct texts."""

    codes: NDArray[np.int32]
    """(k,) with -1 where a value is missing."""
    distinct: list[str]
    faults: Sequence[tuple[int, str]] = ()
    """Cells that are no text, by index, with what is wrong; they are coded as missing."""


def checked(codes: NDArray[np.int32], distinct: list[str]) -> Texts:
    """Texts of which those that cannot be labels are taken out and objected to."""
    bad = {code: detail for code, text in enumerate(distinct) if (detail := objection(text))}
    if not bad:
        return Texts(codes, distinct)
    faults = [(index, bad[code]) for index, code in enumerate(codes.tolist()) if code in bad]
    return Texts(np.where(np.isin(codes, list(bad)), np.int32(-1), codes), distinct, faults)


def number_texts(numbers: NDArray[np.float64]) -> Texts:
    """Numbers as labels, canonically; NaN is missing."""
    distinct, codes = np.unique(numbers, return_inverse=True)
    missing = np.isnan(distinct)
    labels = ["" if math.isnan(value) else number_label(value) for value in distinct.tolist()]
    return Texts(np.where(missing[codes], np.int32(-1), codes.astype(np.int32)), labels)


class Cells(Protocol):
    """One column's cells in one batch of rows."""

    @property
    def kind(self) -> ColumnKind | None:
        """What the file says that its column holds; None where that is to be seen from the cells."""
        ...

    def __len__(self) -> int: ...

    def numbers(self) -> NDArray[np.float64] | None:
        """(k,) numbers with NaN where a value is missing; None when a cell is no number."""
        ...

    def datetimes(self) -> NDArray[np.float64] | None:
        """(k,) milliseconds since 1970 UTC with NaN where a value is missing; None when a cell is no date-time."""
        ...

    def texts(self) -> Texts:
        """The same cells as texts."""
        ...


class Reader(Protocol):
    """A file as batches of columns."""

    names: Sequence[str]

    @property
    def image_shape(self) -> tuple[int, ...] | None:
        """(height, width) or (height, width, channels) of the picture that a row is; None for other rows."""
        ...

    def batches(self) -> Iterator[Sequence[Cells]]:
        """Batches of rows; each holds one `Cells` per column."""
        ...

    def problems(self, faults: Sequence[Fault]) -> list[FieldProblem]:
        """The reader's own problems and the given faults, in the file's order, each with its place in the file."""
        ...


class PagedReader(Reader, Protocol):
    """A file that can be read from any row on."""

    def batches(self, start: int = 0, most: int | None = None) -> Iterator[Sequence[Cells]]:
        """Batches of the rows from `start` on, of at most `most` rows each."""
        ...
