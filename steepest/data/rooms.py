"""Where the arrays of a prepared data set are put: in memory, or block by block in files that are then mapped.

Both give equal arrays, to the bit. Files are for data that may be larger than memory: no array of inputs is ever whole.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

import numpy as np
from numpy.lib import format as npy
from numpy.typing import DTypeLike, NDArray

from steepest.data.preprocessing import Preprocessing
from steepest.data.table import CategoricalColumn, Rows, Table
from steepest.data.target import Target
from steepest.paging import pages_of

AHEAD_BYTES: Final = 16 << 20
"""Of all columns that are read side by side, asked for ahead of their use: a small part of any memory, for what the
system has to forget before it is used is read again and again."""

LEAST_AHEAD: Final = 16 << 10
"""Of a column: some pages."""

Watch = Callable[[], None]
"""Called often while something long goes on; raises to end it."""

BLOCK_BYTES: Final = 8 << 20
"""Of inputs that are worked out together."""

LEAST_ROWS: Final = 1_024
"""Worked out together, however wide they are: each block looks at each column."""


class Room(Protocol):
    """Where arrays are put. Names tell them apart."""

    def inputs(
        self, name: str, preprocessing: Preprocessing, table: Table, rows: Rows, dtype: DTypeLike
    ) -> NDArray[Any]:
        """`preprocessing.transform(table, rows, dtype)`."""
        ...

    def targets(self, name: str, codec: Target, table: Table, rows: Rows, dtype: DTypeLike) -> NDArray[Any]:
        """`codec.encode(table, rows, dtype)`."""
        ...

    def keep(self, name: str, values: NDArray[Any]) -> NDArray[Any]:
        """An array of numbers that each belong to a row."""
        ...


class Memory:
    """Arrays stay in memory."""

    def inputs(
        self, name: str, preprocessing: Preprocessing, table: Table, rows: Rows, dtype: DTypeLike
    ) -> NDArray[Any]:
        """(n, width) inputs."""
        return preprocessing.transform(table, rows, dtype)

    def targets(self, name: str, codec: Target, table: Table, rows: Rows, dtype: DTypeLike) -> NDArray[Any]:
        """(n,) or (n, columns) targets."""
        return codec.encode(table, rows, dtype)

    def keep(self, name: str, values: NDArray[Any]) -> NDArray[Any]:
        """The array itself."""
        return values


class Files:
    """Each array is a `.npy` file of a folder."""

    def __init__(self, folder: Path, watch: Watch) -> None:
        self._folder, self._watch = folder, watch

    def inputs(
        self, name: str, preprocessing: Preprocessing, table: Table, rows: Rows, dtype: DTypeLike
    ) -> NDArray[Any]:
        """(n, width) inputs, mapped for reading."""
        width = preprocessing.width
        labelled = [name for name in preprocessing.names if isinstance(table[name], CategoricalColumn)]
        step = max(LEAST_ROWS, BLOCK_BYTES // max(1, width * np.dtype(dtype).itemsize))
        with self._path(name).open("wb") as file:
            _begin(file, (len(rows), width), dtype)
            for start in range(0, len(rows), step):
                self._watch()
                if isinstance(table, Passed):
                    table.ahead(rows[start : start + step], labelled)
                _append(file, preprocessing.transform(table, rows[start : start + step], dtype))
        return mapped(self._path(name))

    def targets(self, name: str, codec: Target, table: Table, rows: Rows, dtype: DTypeLike) -> NDArray[Any]:
        """(n,) or (n, columns) targets, mapped for reading."""
        step = max(LEAST_ROWS, BLOCK_BYTES // (16 * len(codec.names)))
        with self._path(name).open("wb") as file:
            for start in range(0, max(1, len(rows)), step):
                self._watch()
                if isinstance(table, Passed):
                    table.ahead(rows[start : start + step], codec.names)
                block = codec.encode(table, rows[start : start + step], dtype)
                if not start:
                    _begin(file, (len(rows), *block.shape[1:]), block.dtype)
                _append(file, block)
        return mapped(self._path(name))

    def keep(self, name: str, values: NDArray[Any]) -> NDArray[Any]:
        """The array, mapped for reading."""
        with self._path(name).open("wb") as file:
            _begin(file, values.shape, values.dtype)
            _append(file, values)
        return mapped(self._path(name))

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.npy"


def mapped(path: Path) -> NDArray[Any]:
    """A `.npy` file, mapped for reading: a plain view, for a memmap's own are slow to make."""
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


class _Stretches:
    """Columns that are read side by side, each in stretches: what follows a block is asked for before its turn."""

    def __init__(self, columns: Sequence[NDArray[Any] | None], rows: int) -> None:
        self._pages, self._rows = pages_of(columns), rows
        self._size = max(LEAST_AHEAD, AHEAD_BYTES // max(1, len(self._pages))) // 8
        self._start = self._stop = 0
        for pages in self._pages:
            pages.as_told()

    def at(self, first: int, stop: int) -> None:
        """Note that the rows from `first` to `stop` are next; blocks come in order, and then from the first again."""
        if first < self._start:
            self._start = self._stop = first
        if self._stop < min(self._rows, stop + self._size):
            begin, end = max(first, self._stop), min(self._rows, stop + 2 * self._size)
            for pages in self._pages:
                pages.release(self._start, first)
                pages.ahead(begin, end)
            self._start, self._stop = first, end


@dataclass(frozen=True)
class Passed(Table):
    """A table of mapped columns that is read from its first row to its last, again and again.

    Rows that have been read make room for others, and the work is watched.
    """

    watch: Watch = lambda: None
    _stretches: dict[tuple[str, ...], _Stretches] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, table: Table, watch: Watch) -> "Passed":
        """The same columns."""
        return cls(table.rows, table.columns, table.matrix, watch)

    def numbers(self, rows: Rows, names: Sequence[str]) -> NDArray[np.float64]:
        """As `Table.numbers`."""
        self.watch()
        self.ahead(rows, names)
        return super().numbers(rows, names)

    def ahead(self, rows: Rows, names: Sequence[str]) -> None:
        """Say that a block of rows of some columns is next."""
        if not len(rows) or self.matrix is not None:
            return
        key = tuple(names)
        if key not in self._stretches:
            columns = [getattr(self[name], "values", getattr(self[name], "codes", None)) for name in names]
            self._stretches[key] = _Stretches(columns, self.rows)
        self._stretches[key].at(int(rows[0]), int(rows[-1]) + 1)


def _begin(file: BinaryIO, shape: tuple[int, ...], dtype: DTypeLike) -> None:
    descr: Any = npy.dtype_to_descr(np.dtype(dtype))
    npy.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})


def _append(file: BinaryIO, block: NDArray[Any]) -> None:
    file.write(np.ascontiguousarray(block).data)
