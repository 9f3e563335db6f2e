"""npz: a zip archive of NumPy arrays, X (n, d) and y (n,) or (n, targets). Nothing in it is ever unpickled."""

import lzma
import shutil
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from steepest.data.arrays import array_problems, target_names
from steepest.data.formats.reader import Cells, Fault, Texts, checked
from steepest.data.limits import IngestLimits
from steepest.data.unusable import unusable
from steepest.spec.errors import FieldProblem
from steepest.spec.problems import pointer_to

_MEMBERS: Final = {"X": "X.npy", "y": "y.npy"}
_BATCH_BYTES: Final = 4 << 20
_BROKEN: Final = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError),
    *(ArithmeticError, LookupError, RuntimeError, TypeError, ValueError),  # what the parsers make of hostile bytes
)


class NpzReader:
    """The arrays of an npz file as batches of columns x0, x1, ... and y, or y0, y1, ....

    The members are unpacked into `scratch`, once their declared sizes are within the limit, and memory-mapped.

    Raises:
        DataUnusable: the archive, or an array in it, cannot be used.
    """

    def __init__(self, source: BinaryIO, limits: IngestLimits, scratch: Path) -> None:
        self._X, self._y = _unpack(source, limits, scratch)
        self._most = limits.problems
        rows, features = self._X.shape
        targets = target_names(self._y)
        columns = features + len(targets)
        if columns > limits.columns:
            raise _problem("/X", f"X has {features:,} columns; the limit is {limits.columns - len(targets):,}")
        if 8 * rows * columns > limits.unpacked_bytes:
            raise _problem(
                "/X", f"X has {rows * features:,} numbers, more than the {limits.unpacked_bytes:,} bytes allowed"
            )
        self.names: Sequence[str] = [*(f"x{index}" for index in range(features)), *targets]

    def batches(self) -> Iterator[Sequence[Cells]]:
        """Batches of rows."""
        step = max(1, _BATCH_BYTES // (8 * len(self.names)))
        for start in range(0, len(self._X), step):
            rows = np.array(self._X[start : start + step], np.float64)
            yield [*(_Numbers(column) for column in rows.T), *_cells(self._y[start : start + step])]

    def problems(self, faults: Sequence[Fault]) -> list[FieldProblem]:
        """The given faults by row, in NumPy's indices."""
        return [self._place(fault) for fault in sorted(faults)[: self._most]]

    def _place(self, fault: Fault) -> FieldProblem:
        name = self.names[fault.column]
        target = fault.column - self._X.shape[1]
        place = f"X[{fault.row}, {fault.column}]" if target < 0 else f"y[{fault.row}]"
        place = f"y[{fault.row}, {target}]" if target >= 0 and name != "y" else place
        return FieldProblem(pointer=pointer_to(["rows", fault.row, name]), detail=f"{place}: {fault.detail}")


class _Numbers:
    """Cells that are numbers."""

    def __init__(self, values: NDArray[np.float64]) -> None:
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    def numbers(self) -> NDArray[np.float64]:
        return self._values

    def texts(self) -> Texts:
        raise AssertionError("numbers never turn into text")


class _Labels:
    """Cells that are text, or booleans in NumPy's words."""

    def __init__(self, values: NDArray[Any]) -> None:
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    def numbers(self) -> None:
        return None

    def texts(self) -> Texts:
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
    if y.ndim == 1:
        return [_Labels(y) if y.dtype.kind in "bU" else _Numbers(np.array(y, np.float64))]
    return [_Numbers(column) for column in np.array(y, np.float64).T]


def _unpack(source: BinaryIO, limits: IngestLimits, scratch: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    try:
        with zipfile.ZipFile(source) as archive:
            members = {info.filename: info for info in archive.infolist()}
            _check_members(members, limits)
            arrays = {name: _array(archive, members[_MEMBERS[name]], scratch) for name in _MEMBERS}
    except _BROKEN as error:
        raise _problem("", f"the archive cannot be read: {error}") from None
    problems = array_problems(arrays["X"], arrays["y"])
    if problems:
        raise unusable(problems)
    y = arrays["y"]
    return arrays["X"], y.reshape(len(y)) if len(target_names(y)) == 1 else y


def _check_members(members: dict[str, zipfile.ZipInfo], limits: IngestLimits) -> None:
    missing = [name for name, member in _MEMBERS.items() if member not in members]
    if missing:
        there = ", ".join(sorted(members)[:10]) or "nothing"
        raise unusable(
            [
                FieldProblem(pointer=f"/{name}", detail=f'there is no array "{name}"; the archive holds {there}')
                for name in missing
            ]
        )
    declared = sum(members[member].file_size for member in _MEMBERS.values())
    if declared > limits.unpacked_bytes:
        raise _problem("", f"X and y unpack to {declared:,} bytes; the limit is {limits.unpacked_bytes:,}")


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, scratch: Path) -> NDArray[Any]:
    """Unpack a member, never more than it declares, and map it."""
    path = scratch / member.filename
    with archive.open(member) as packed, path.open("wb") as file:
        shutil.copyfileobj(packed, file, 1 << 20)
    shape, dtype = _read_header(path)
    name = member.filename.removesuffix(".npy")
    if dtype.hasobject:
        detail = f"{name} holds Python objects, which are never unpickled; give it a dtype of numbers or text"
        raise _problem(f"/{name}", detail)
    if not all(shape):
        return np.empty(shape, dtype)
    mapped: NDArray[Any] = npy.open_memmap(path, mode="r")
    return mapped


def _read_header(path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    with path.open("rb") as file:
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
        version = npy.read_magic(file)
        if version not in read:
            raise ValueError(f"{path.name} has the unknown format version {version}")
        shape, _, dtype = read[version](file)
        return shape, dtype


def _problem(pointer: str, detail: str) -> Exception:
    return unusable([FieldProblem(pointer=pointer, detail=detail)])
