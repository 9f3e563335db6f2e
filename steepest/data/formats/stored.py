"""Arrays as they lie in a file, and rows of them, read at their place."""

import struct
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

_IDX_TYPES: Final = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_IDX_MOST: Final = 4
_LONGEST_HEADER: Final = 1 << 16


@dataclass(frozen=True)
class StoredArray:
    """An array within a file."""

    file: BinaryIO
    start: int
    """The byte of `file` at which its values begin."""
    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype[Any]

    @property
    def end(self) -> int:
        """The byte behind its values."""
        values = 1
        for length in self.shape:
            values *= length
        return self.start + values * self.dtype.itemsize

    @property
    def blank(self) -> NDArray[Any]:
        """An array of this shape and type that takes no memory."""
        return np.broadcast_to(np.zeros((), self.dtype), self.shape)

    def rows(self, first: int, count: int) -> NDArray[Any]:
        """(count, columns) of its rows, or fewer at its end; every row as a flat one."""
        length = self.shape[0]
        width = int(np.prod(self.shape[1:], dtype=np.int64))
        count = max(0, min(count, length - first))
        if not self.fortran_order:
            return self._read(first * width, count * width).reshape(count, width)
        columns = [self._read(column * length + first, count) for column in range(width)]
        flat = np.stack(columns, axis=1)
        # Columns come in Fortran's order too, and are wanted in C's.
        order = np.arange(width).reshape(self.shape[1:], order="F").ravel()
        return flat[:, order]

    def _read(self, item: int, count: int) -> NDArray[Any]:
        if not self.dtype.itemsize:
            return np.zeros(count, self.dtype)
        self.file.seek(self.start + item * self.dtype.itemsize)
        return np.frombuffer(self.file.read(count * self.dtype.itemsize), self.dtype)


def npy_array(file: BinaryIO) -> StoredArray:
    """The array of a .npy file, which begins where the file stands.

    Raises:
        ValueError: it is none.
    """
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    version = npy.read_magic(file)
    if version not in read:
        raise ValueError(f"the unknown format version {version}")
    if version == (2, 0):
        _check_header(file)
    shape, fortran_order, dtype = read[version](file)
    if any(length < 0 for length in shape):
        raise ValueError(f"the shape {shape}")
    return StoredArray(file, file.tell(), shape, fortran_order, dtype)


def _check_header(file: BinaryIO) -> None:
    """Refuse a header that is said to be very long: NumPy takes memory for all of it, up to 4 GiB, and then reads it.

    Raises:
        ValueError: it is.
    """
    start = file.tell()
    length = int.from_bytes(file.read(4), "little")
    file.seek(start)
    if length > _LONGEST_HEADER:
        raise ValueError(f"a header of {length:,} bytes; the limit is {_LONGEST_HEADER:,}")


def idx_array(file: BinaryIO) -> StoredArray:
    """The array of an IDX file: a magic number of type and dimensions, the lengths, then the values, big end first.

    Raises:
        ValueError: it is none.
    """
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _IDX_TYPES or not 1 <= magic[3] <= _IDX_MOST:
        raise ValueError("no IDX file: its first four bytes are not 0, 0, a type and 1 to 4 dimensions")
    lengths = file.read(4 * magic[3])
    if len(lengths) < 4 * magic[3]:
        raise ValueError("cut off in its first line of lengths")
    shape = struct.unpack(f">{magic[3]}I", lengths)
    return StoredArray(file, 4 + 4 * magic[3], shape, False, np.dtype(_IDX_TYPES[magic[2]]))
