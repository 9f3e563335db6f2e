"""Blocks of CSV parsed by several threads, in the file's order: numbers at once where a column holds nothing else."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv

from steepest.data.formats.reader import Cells, Texts
from steepest.data.labels import MISSING

THREADS: Final = max(1, min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2))
"""That parse at a time; what they find does not depend on it."""

Floats = NDArray[np.float64]
Read = tuple[list[pa.ChunkedArray], list[tuple[int, int]]]
"""Columns, and the records of another number of cells, from 1, with these."""

FromTexts = Callable[[pa.StringArray], Cells]
"""Cells of a column as pyarrow reads texts: null where a value is missing."""

PIECE_BYTES: Final = 512 << 10
"""That pyarrow parses at a time: what fits into a core's own cache with what is made of it."""

PIECE_BYTES_OF_A_COLUMN: Final = 8 << 10
"""Of a wide file it parses more, since each column of each piece has its cost."""

SCAN_BYTES: Final = 128 << 10
"""That are looked through at a time."""

_POINT: Final = np.uint8(ord("."))
_ZERO: Final = np.uint8(ord("0"))
_DIGITS: Final = np.uint8(10)


class Layout:
    """What blocks have in common, and what is known of their columns so far."""

    def __init__(self, columns: int, delimiter: str, from_texts: FromTexts) -> None:
        self.names = [str(index) for index in range(columns)]
        self.delimiter = delimiter
        self.from_texts = from_texts
        self.texts: frozenset[int] = frozenset()
        """Columns that were seen to hold other things than plain numbers: an advice, for others are found out."""

    def has_texts(self, columns: Iterable[int]) -> None:
        """Note that columns hold texts."""
        self.texts = self.texts.union(columns)

    @cached_property
    def _starts_a_cell(self) -> NDArray[np.bool_]:
        before = np.zeros(256, bool)
        before[[ord(character) for character in f'{self.delimiter}"\r\n\t ']] = True
        return before

    def codes_in(self, block: bytes) -> set[int] | None:
        """Columns with a cell such as 007 in a block; None: there may be some, in any column."""
        data = np.frombuffer(block, np.uint8)
        places = _zeros_before_digits(data)
        if len(places):
            signs = np.isin(data[np.maximum(places - 1, 0)], np.frombuffer(b"+-", np.uint8)) & (places > 0)
            starts = places - signs
            places = places[(starts == 0) | self._starts_a_cell[data[np.maximum(starts - 1, 0)]]]
        if not len(places):
            return set()
        if b'"' in block:
            return None
        breaks = np.flatnonzero((data == ord("\n")) | (data == ord("\r")))
        delimiters = np.flatnonzero(data == ord(self.delimiter))
        before = np.searchsorted(breaks, places)
        line = np.where(before > 0, breaks[before - 1] if len(breaks) else 0, -1)
        return set((np.searchsorted(delimiters, places) - np.searchsorted(delimiters, line)).tolist())


@dataclass(frozen=True)
class Parsed:
    """What a block came to."""

    columns: Sequence[Cells]
    records: int
    ragged: Sequence[tuple[int, int]]
    """Records of another number of cells than there are columns, from 1, and their cells: they are left out."""


@dataclass(frozen=True)
class Block:
    """Records of a file."""

    layout: Layout
    content: bytes

    def parse(self) -> Parsed:
        """Find the columns, and the records that are left out.

        Raises:
            ArrowInvalid: the rest cannot be told apart into rows.
        """
        texts = set(self.layout.texts)
        codes = self.layout.codes_in(self.content)
        if codes is None or codes - texts:
            texts |= set(range(len(self.layout.names))) if codes is None else codes
            self.layout.has_texts(codes or ())
        try:
            arrays, ragged = self._read(texts)
        except pa.ArrowInvalid as error:
            if "conversion error" not in str(error):
                raise
            texts = set(range(len(self.layout.names)))
            arrays, ragged = self._read(texts)
            self.layout.has_texts(index for index, array in enumerate(arrays) if not _holds_numbers(array))
        columns: list[Cells] = [
            self.layout.from_texts(_whole(array)) if index in texts else NumberCells(self, index, array)
            for index, array in enumerate(arrays)
        ]
        return Parsed(columns, len(arrays[0]) + len(ragged), ragged)

    def as_texts(self, index: int) -> Cells:
        """A column that was read as numbers, once more; from now on it will be read so at once."""
        self.layout.has_texts([index])
        return self.layout.from_texts(_whole(self._read({index}, only=index)[0][0]))

    def _read(self, texts: set[int], only: int | None = None) -> Read:
        try:
            return self._read_in_pieces(texts, only, max(PIECE_BYTES, PIECE_BYTES_OF_A_COLUMN * len(self.layout.names)))
        except pa.ArrowInvalid as error:
            if "straddling" not in str(error):
                raise
            return self._read_in_pieces(texts, only, len(self.content) + 1)

    def _read_in_pieces(self, texts: set[int], only: int | None, size: int) -> Read:
        names = self.layout.names
        ragged: list[tuple[int, int]] = []

        def on_ragged(row: csv.InvalidRow) -> str:
            ragged.append((row.number, row.actual_columns))
            return "skip"

        try:
            table = csv.read_csv(
                pa.BufferReader(pa.py_buffer(self.content)),
                # One thread: only then are the numbers of bad rows known.
                csv.ReadOptions(use_threads=False, block_size=size, column_names=names),
                csv.ParseOptions(
                    delimiter=self.layout.delimiter,
                    newlines_in_values=b'"' in self.content,
                    invalid_row_handler=on_ragged,
                ),
                csv.ConvertOptions(
                    column_types={
                        name: pa.string() if index in texts else pa.float64() for index, name in enumerate(names)
                    },
                    include_columns=[] if only is None else [names[only]],
                    check_utf8=False,  # the stream saw to it
                    strings_can_be_null=True,
                    null_values=sorted(MISSING),
                ),
            )
        except pa.ArrowInvalid as error:
            if "Empty CSV" not in str(error):
                raise
            return [pa.chunked_array([], pa.string()) for _ in names], []
        return table.columns, ragged


class NumberCells:
    """Cells of one column that are numbers, or missing."""

    kind = None

    def __init__(self, block: Block, index: int, cells: pa.ChunkedArray) -> None:
        self._block, self._index, self._cells = block, index, cells

    def __len__(self) -> int:
        return len(self._cells)

    def numbers(self) -> Floats | None:
        """(k,) numbers, NaN where a value is missing; None when one is infinite."""
        numbers = _floats(self._cells)
        return None if np.isinf(numbers).any() else numbers

    def datetimes(self) -> Floats | None:
        """(k,) NaN where all values are missing; None: a number is no date-time."""
        numbers = _floats(self._cells)
        return numbers if np.isnan(numbers).all() else None

    def texts(self) -> Texts:
        """The same cells as texts."""
        return self._as_texts.texts()

    @cached_property
    def _as_texts(self) -> Cells:
        return self._block.as_texts(self._index)


def parsed(contents: Iterable[bytes], layout: Layout) -> Iterator[Parsed]:
    """The blocks of a file in their order, parsed while those before them are worked on; ended by whoever has enough.

    Raises:
        ArrowInvalid: a block cannot be told apart into rows; those before it have been given.
    """
    pool = ThreadPoolExecutor(THREADS)
    waiting: deque[Future[Parsed]] = deque()
    try:
        for content in contents:
            waiting.append(pool.submit(Block(layout, content).parse))
            if len(waiting) > THREADS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _zeros_before_digits(data: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Places of a 0 before a digit, and behind neither a digit nor the point of a fraction: in most texts, nowhere."""
    found: list[NDArray[np.intp]] = []
    if data[:1].tobytes() == b"0" and data[1:2].tobytes().isdigit():
        found.append(np.zeros(1, np.intp))
    scratch, others, right = np.empty(SCAN_BYTES, np.uint8), np.empty(SCAN_BYTES, bool), np.empty(SCAN_BYTES, bool)
    for start in range(0, len(data) - 2, SCAN_BYTES):
        part = data[start : start + SCAN_BYTES + 2]
        size = len(part) - 2
        number, other, is_found = scratch[:size], others[:size], right[:size]
        np.equal(part[1:-1], _ZERO, is_found)
        np.less(np.subtract(part[2:], _ZERO, number), _DIGITS, other)
        np.logical_and(is_found, other, is_found)
        np.greater(np.subtract(part[:-2], _POINT, number), _ZERO + _DIGITS - 1 - _POINT, other)
        np.logical_and(is_found, other, is_found)
        if is_found.any():
            found.append(np.flatnonzero(is_found) + start + 1)
    return np.concatenate(found) if found else np.empty(0, np.intp)


def _holds_numbers(cells: pa.ChunkedArray) -> bool:
    try:
        cells.cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def _floats(cells: pa.ChunkedArray) -> Floats:
    pieces = [chunk.to_numpy(zero_copy_only=False) for chunk in cells.chunks]
    return np.concatenate(pieces) if pieces else np.empty(0)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
