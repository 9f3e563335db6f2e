"""What a format's reader gives to the ingest, whatever the file looks like."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from steepest.data.labels import objection
from steepest.spec.errors import FieldProblem


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


class Cells(Protocol):
    """One column's cells in one batch of rows."""

    def __len__(self) -> int: ...

    def numbers(self) -> NDArray[np.float64] | None:
        """(k,) numbers with NaN where a value is missing; None when a cell is no number."""
        ...

    def texts(self) -> Texts:
        """The same cells as texts."""
        ...


class Reader(Protocol):
    """A file as batches of columns."""

    names: Sequence[str]

    def batches(self) -> Iterator[Sequence[Cells]]:
        """Batches of rows; each holds one `Cells` per column."""
        ...

    def problems(self, faults: Sequence[Fault]) -> list[FieldProblem]:
        """The reader's own problems and the given faults, in the file's order, each with its place in the file."""
        ...
