"""Arrays that are maps of files: what of them is wanted soon, and what no longer.

A map may be larger than memory. The system reads what is touched, page by page, and forgets pages when it has to;
whoever knows what comes next says so, and the disk is read in long stretches while other work goes on. All of this is
advice: it changes when bytes are read, never what they are.
"""

import mmap
from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_SOON: Final = getattr(mmap, "MADV_WILLNEED", None)
_NO_MORE: Final = getattr(mmap, "MADV_DONTNEED", None)
_AS_TOLD: Final = getattr(mmap, "MADV_RANDOM", None)
_AROUND: Final = 2 << 20
"""Bytes before and behind a page that Linux may map with it, where they are in its cache: a large page's."""


class Pages:
    """The pages of a file behind the rows of an array."""

    def __init__(self, file: mmap.mmap, array: NDArray[Any]) -> None:
        """`array` (n, ...) is a C-contiguous view of `file`, which is mapped for reading alone."""
        self._file = file
        self._first = _address(array) - _address(np.frombuffer(file, np.uint8))
        self._row = array.strides[0]
        self._end = self._first + array.nbytes

    def as_told(self) -> None:
        """Have no more read than is touched or asked for.

        Else a system may read megabytes about each page that it misses, and where memory is short and many places are
        read in turn, forget them before they are used.
        """
        self._advise(_AS_TOLD, self._first, self._end)

    def ahead(self, start: int, stop: int) -> None:
        """Have the rows from `start` to `stop` read, without waiting for them."""
        if stop > start:
            self._advise(_SOON, self._first + start * self._row, self._first + stop * self._row)

    def release(self, start: int, stop: int) -> None:
        """Let go of the memory of rows; whoever touches them again reads them again."""
        if stop > start:
            first, end = self._first + start * self._row, self._first + stop * self._row
            self._advise(_NO_MORE, max(0, first - _AROUND), min(self._end, end + _AROUND))

    def _advise(self, advice: int | None, first: int, end: int) -> None:
        if advice is not None:
            aligned = first - first % mmap.PAGESIZE
            self._file.madvise(advice, aligned, end - aligned)


def pages_of(arrays: Iterable[NDArray[Any] | None]) -> tuple[Pages, ...]:
    """The pages of those of the arrays that are read-only maps of files; of arrays in memory, none."""
    return tuple(_found(arrays))


def _found(arrays: Iterable[NDArray[Any] | None]) -> Iterator[Pages]:
    for array in arrays:
        if not isinstance(array, np.ndarray) or array.flags.writeable or not array.size:
            continue
        base: Any = array
        while isinstance(base, np.ndarray):
            base = base.base
        if isinstance(base, mmap.mmap) and array.flags.c_contiguous:
            yield Pages(base, array)


def _address(array: NDArray[Any]) -> int:
    return int(array.__array_interface__["data"][0])
