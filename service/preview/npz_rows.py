"""Rows of an npz archive: a slice of each array, read at its place in the file."""

import struct
import zipfile
from collections.abc import Sequence
from typing import Any, BinaryIO, Final, cast

from service.preview.rows import Row, Rows, Value, number, position
from steepest.data.formats.stored import StoredArray, npy_array
from steepest.spec.columns import Column

LOCAL_HEADER: Final = struct.Struct("<26xHH")
"""The end of a member's header: the lengths of its name and of its extra field (ZIP APPNOTE 4.3.7)."""


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


def _open(source: BinaryIO, archive: zipfile.ZipFile, name: str) -> StoredArray:
    """An array's place: within the archive itself where it is stored as it is, else within the unpacked stream."""
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED:
        return npy_array(cast(BinaryIO, archive.open(info)))
    source.seek(info.header_offset)
    start = info.header_offset + LOCAL_HEADER.size + sum(LOCAL_HEADER.unpack(source.read(LOCAL_HEADER.size)))
    source.seek(start)
    return npy_array(source)


def _value(column: Column, value: Any) -> Value:
    if column.is_number:
        return number(float(value), whole=column.whole)
    text = value.decode() if isinstance(value, bytes) else str(value)
    return text or None
