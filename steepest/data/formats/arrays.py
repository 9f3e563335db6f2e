"""Arrays as columns: X (n, d) and y (n,) or (n, targets), from whatever file they come."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from steepest.data.arrays import array_problems, target_names
from steepest.data.formats.archive import BROKEN
from steepest.data.formats.reader import Cells, Fault, Texts, checked, number_texts
from steepest.data.formats.stored import StoredArray, idx_array, npy_array
from steepest.data.limits import IngestLimits
from steepest.data.unusable import unusable
from steepest.spec.columns import ColumnKind
from steepest.spec.errors import DataUnusable, FieldProblem
from steepest.spec.problems import pointer_to

_BATCH_BYTES: Final = 4 << 20
_PICTURES: Final = (3, 4)
"""Dimensions of an array of pictures: rows, height, width, and perhaps channels."""


class ArraysReader:
    """Arrays as batches of columns x0, x1, ... and y, or y0, y1, ....

    Raises:
        DataUnusable: an array cannot be used.
    """

    def __init__(self, X: StoredArray, y: StoredArray | None, limits: IngestLimits) -> None:
        problems = _problems(X, y)
        if problems:
            raise unusable(problems)
        self._X, self._y = X, y
        self._most = limits.problems
        features = int(np.prod(X.shape[1:], dtype=np.int64))
        targets = () if y is None else _targets(y)
        columns = features + len(targets)
        if columns > limits.columns:
            raise _problem("/X", f"X has {features:,} columns; the limit is {limits.columns - len(targets):,}")
        if X.shape[0] > limits.rows:
            raise _problem("/X", f"X has {X.shape[0]:,} rows; the limit is {limits.rows:,}")
        if 8 * X.shape[0] * columns > limits.unpacked_bytes:
            numbers = X.shape[0] * features
            raise _problem("/X", f"X has {numbers:,} numbers, more than the {limits.unpacked_bytes:,} bytes allowed")
        self._features = features
        self.names: Sequence[str] = [*(f"x{index}" for index in range(features)), *targets]
        self.image_shape = X.shape[1:] if len(X.shape) > 2 else None

    def batches(self, start: int = 0, most: int | None = None) -> Iterator[Sequence[Cells]]:
        """Batches of rows."""
        rows = max(1, _BATCH_BYTES // (8 * len(self.names)))
        rows = min(rows, most) if most else rows
        for first in range(start, self._X.shape[0], rows):
            target = [] if self._y is None else _cells(self._y.rows(first, rows))
            yield [*_numbers(self._X.rows(first, rows)), *target]

    def problems(self, faults: Sequence[Fault]) -> list[FieldProblem]:
        """The given faults by row, in NumPy's indices."""
        return [self._place(fault) for fault in sorted(faults)[: self._most]]

    def _place(self, fault: Fault) -> FieldProblem:
        name = self.names[fault.column]
        target = fault.column - self._features
        place = f"X[{fault.row}, {fault.column}]" if target < 0 else f"y[{fault.row}]"
        place = f"y[{fault.row}, {target}]" if target >= 0 and name != "y" else place
        return FieldProblem(pointer=pointer_to(["rows", fault.row, name]), detail=f"{place}: {fault.detail}")


@dataclass(frozen=True)
class Part:
    """One of several files that make one data set."""

    name: str
    """`features` or `labels`; empty for a file that came alone."""
    file: BinaryIO


def open_arrays(parts: Sequence[Part], form: str, limits: IngestLimits) -> ArraysReader:
    """The reader of npy or IDX files, one or a pair.

    Raises:
        DataUnusable: one of them cannot be used; the detail names the part.
    """
    arrays = {}
    for part in parts:
        with within_part(part.name):
            arrays[part.name] = _array(part, form)
    X = arrays.get("features") or arrays.get("")
    if X is None:
        raise _problem("/features", 'there is no part "features"')
    try:
        return ArraysReader(X, arrays.get("labels"), limits)
    except BROKEN as error:  # a shape that no array can have
        raise _problem("", f"the arrays cannot be read: {error}") from None
    except DataUnusable as error:
        if "labels" not in arrays:
            raise
        raise unusable([_in_part(problem) for problem in error.problems]) from None


@contextmanager
def within_part(name: str) -> Iterator[None]:
    """Problems are told with the part of a form that they are in; nothing is added where the name is empty."""
    try:
        yield
    except DataUnusable as error:
        if not name:
            raise
        raise unusable(
            [
                FieldProblem(pointer=f"/{name}{problem.pointer}", detail=f"part {name}: {problem.detail}")
                for problem in error.problems
            ]
        ) from None


def _in_part(problem: FieldProblem) -> FieldProblem:
    """A problem of X or y as one of the part that it was sent in."""
    name = {"/X": "features", "/y": "labels"}.get(problem.pointer)
    detail = f"part {name}: {problem.detail}" if name else problem.detail
    return FieldProblem(pointer=f"/{name}" if name else problem.pointer, detail=detail)


def _array(part: Part, form: str) -> StoredArray:
    size = part.file.seek(0, 2)
    part.file.seek(0)
    try:
        array = npy_array(part.file) if form == "npy" else idx_array(part.file)
    except BROKEN as error:
        raise _problem("", f"the array cannot be read: {error}") from None
    check_whole(array, size, "", "", exact=form == "idx")
    return array


def check_whole(array: StoredArray, size: int, pointer: str, what: str, *, exact: bool = False) -> None:
    """Refuse an array whose file does not hold all of it, or holds Python objects.

    Raises:
        DataUnusable: it does not.
    """
    if array.dtype.hasobject:
        detail = f"{what}Python objects, which are never unpickled; save it with a dtype of numbers or text"
        raise _problem(pointer, detail)
    if array.end > size or (exact and array.end < size):
        end = "cut off: " if array.end > size else ""
        detail = f"{what}{end}the shape {array.shape} takes {array.end:,} bytes with its header, the file has {size:,}"
        raise _problem(pointer, detail)


class Numbers:
    """Cells that are numbers."""

    kind: ColumnKind | None = None

    def __init__(self, values: NDArray[np.float64], whole: NDArray[np.integer[Any]] | None = None) -> None:
        self._values = values
        self._whole = whole

    def __len__(self) -> int:
        return len(self._values)

    def numbers(self) -> NDArray[np.float64]:
        """All of them."""
        return self._values

    def datetimes(self) -> None:
        """None."""
        return

    def texts(self) -> Texts:
        """As labels; whole numbers by their digits, which floats may lack."""
        if self._whole is None:
            return number_texts(self._values)
        distinct, codes = np.unique(self._whole, return_inverse=True)
        return Texts(codes.astype(np.int32), [str(value) for value in distinct.tolist()])


class Labels:
    """Cells that are text, or booleans in NumPy's words."""

    kind: ColumnKind | None = None

    def __init__(self, values: NDArray[Any]) -> None:
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    def numbers(self) -> None:
        """None."""
        return

    def datetimes(self) -> None:
        """None."""
        return

    def texts(self) -> Texts:
        """All of them."""
        if self._values.dtype.kind == "U" and _has_strange_characters(self._values):
            raise _problem("/y", "y holds characters that Unicode does not have")
        distinct, codes = np.unique(self._values, return_inverse=True)
        return checked(codes.astype(np.int32), [str(value) for value in distinct.tolist()])


def _has_strange_characters(values: NDArray[np.str_]) -> bool:
    """Whether a text cannot become a Python string: NumPy stores a character as 32 bits and checks none."""
    characters = np.dtype(np.uint32).newbyteorder(values.dtype.byteorder)
    return values.itemsize > 0 and bool((np.ascontiguousarray(values).view(characters) > sys.maxunicode).any())


def _cells(y: NDArray[Any]) -> list[Cells]:
    """The target's columns. One of booleans is two classes; several are labels that a row has or has not, 1 or 0."""
    if y.shape[1] == 1:
        column = y[:, 0]
        if y.dtype.kind in "bU":
            return [Labels(column)]
    return _numbers(y)


def _numbers(values: NDArray[Any]) -> list[Cells]:
    """The columns of (k, columns) numbers."""
    columns = np.array(values, np.float64).T
    if values.dtype.kind not in "iu":
        return [Numbers(column) for column in columns]
    return [Numbers(column, whole) for column, whole in zip(columns, values.T, strict=True)]


def _targets(y: StoredArray) -> tuple[str, ...]:
    return target_names(y.blank)


def _problems(X: StoredArray, y: StoredArray | None) -> list[FieldProblem]:
    """As `array_problems`; an array of pictures has rows as well."""
    features = X
    if len(X.shape) in _PICTURES:
        features = replace(X, shape=(X.shape[0], int(np.prod(X.shape[1:], dtype=np.int64))))
    return array_problems(features.blank, None if y is None else y.blank)


def _problem(pointer: str, detail: str) -> Exception:
    return unusable([FieldProblem(pointer=pointer, detail=detail)])
