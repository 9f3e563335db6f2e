"""Rows of an npz archive: a slice of each array, read at its place in the file."""

import struct
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, cast

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from service.preview.rows import Row, Rows, Value, number, position
from steepest.spec.answers import Column

LOCAL_HEADER: Final = struct.Struct("<26xHH")
"""The end of a member's header: the lengths of its name and of its extra field (ZIP APPNOTE 4.3.7)."""


@dataclass(frozen=True)
class _Array:
    """An array within the archive."""

    file: BinaryIO
    start: int
    """The byte of `file` at which its numbers begin."""
    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype[Any]

    def rows(self, first: int, count: int) -> NDArray[Any]:
        """(count, columns) of its rows, or fewer at its end."""
        length, width = self.shape[0], self.shape[1] if len(self.shape) == 2 else 1
        count = max(0, min(count, length - first))
        if not self.fortran_order:
            return self._read(first * width, count * width).reshape(count, width)
        return np.stack([self._read(column * length + first, count) for column in range(width)], axis=1)

    def _read(self, item: int, count: int) -> NDArray[Any]:
        self.file.seek(self.start + item * self.dtype.itemsize)
        return np.frombuffer(self.file.read(count * self.dtype.itemsize), self.dtype)


def npz_rows(source: BinaryIO, columns: Sequence[Column], limit: int, after: str | None) -> Rows:
    """Rows of `X`, and of `y` where the archive has one."""
    passed, _ = position(after)
    with zipfile.ZipFile(source) as archive:
        names = [name for name in ("X.npy", "y.npy") if name in archive.namelist()]
        arrays = [_open(source, archive, name) for name in names]
        length = arrays[0].shape[0]
        first = min(passed, length)  # a place further on may be beyond what a file can seek
        values: list[list[Any]] = []
        for array in arrays:
            values += [column.tolist() for column in array.rows(first, limit).T]
    rows = [
        Row({column.name: _value(column, cell) for column, cell in zip(columns, cells, strict=True)})
        for cells in zip(*values, strict=True)
    ]
    end = first + len(rows)
    return Rows(rows, str(end) if rows and end < length else None)


def _open(source: BinaryIO, archive: zipfile.ZipFile, name: str) -> _Array:
    """An array's place: within the archive itself where it is stored as it is, else within the unpacked stream."""
    info = archive.getinfo(name)
    file, base = cast(BinaryIO, archive.open(info)), 0
    if info.compress_type == zipfile.ZIP_STORED:
        source.seek(info.header_offset)
        base = info.header_offset + LOCAL_HEADER.size + sum(LOCAL_HEADER.unpack(source.read(LOCAL_HEADER.size)))
        file = source
        file.seek(base)
    version = npy.read_magic(file)
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran_order, dtype = read_header(file)
    return _Array(file, file.tell(), shape, fortran_order, dtype)


def _value(column: Column, value: Any) -> Value:
    if column.kind == "numeric":
        return number(float(value), whole=column.whole)
    text = value.decode() if isinstance(value, bytes) else str(value)
    return text or None
