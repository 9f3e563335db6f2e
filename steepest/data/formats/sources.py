"""A source of bytes as pyarrow takes it, and whose fault it is when reading fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final

import pyarrow as pa

from steepest.data.unusable import unusable
from steepest.spec.errors import FieldProblem

MOST_UNPACKED: Final = 256 << 20
"""Bytes that compressed batches or pages, in memory together, may unpack to."""
ALWAYS_UNPACKED: Final = 24 << 20
"""What any data may unpack to."""
MOST_RATIO: Final = 20
"""Bytes that a compressed byte may become beyond that. Tables become 2 to 10."""

_BATCH_BYTES: Final = 4 << 20
_MOST_ROWS: Final = 1 << 16

_HOSTILE: Final = (pa.ArrowException, ArithmeticError, LookupError, MemoryError, OSError, TypeError, ValueError)
"""What pyarrow makes of bytes that are not what they should be."""


def batch_rows(columns: int, most: int | None = None) -> int:
    """Rows of a batch that takes little memory: some 4 MiB as numbers."""
    return max(1, min(_MOST_ROWS, most or _MOST_ROWS, _BATCH_BYTES // (8 * columns)))


def most_unpacked(size: int) -> int:
    """Bytes that compressed data of `size` bytes may become at once, so that little data never fill the memory."""
    return min(MOST_UNPACKED, max(ALWAYS_UNPACKED, MOST_RATIO * size))


def arrow_file(source: BinaryIO) -> pa.PythonFile:
    """A source as pyarrow reads it."""
    return pa.PythonFile(_Source(source), mode="r")


@contextmanager
def blamed(what: str) -> Iterator[None]:
    """Errors are the data's fault, but for those of the source itself, which pass.

    Raises:
        DataUnusable: `what` cannot be read.
    """
    try:
        yield
    except _HOSTILE as error:
        if came_from_the_source(error):
            raise
        said = str(error).split(" In file ")[0].strip().rstrip(".") or type(error).__name__
        problem = FieldProblem(pointer="", detail=f"{what} is damaged or cut off: {said[:300]}")
        raise unusable([problem]) from None


_MARK: Final = "source"


def came_from_the_source(error: BaseException) -> bool:
    """Whether the source itself failed, rather than what was made of its bytes."""
    return _MARK in error.__dict__


class _Source:
    """A file that pyarrow reads but does not close, and whose errors can be told from pyarrow's."""

    closed = False

    def __init__(self, source: BinaryIO) -> None:
        self._source = source

    def read(self, size: int = -1) -> bytes:
        with _marked():
            return self._source.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        with _marked():
            return self._source.seek(offset, whence)

    def tell(self) -> int:
        return self._source.tell()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def close(self) -> None:
        """The source belongs to the caller."""


@contextmanager
def _marked() -> Iterator[None]:
    try:
        yield
    except ValueError:  # a place that is none: the data's fault
        raise
    except BaseException as error:
        error.__dict__[_MARK] = True
        raise
