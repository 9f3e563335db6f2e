"""CSV: a header line, then rows; read by pyarrow block by block, every cell as text at first.

A cell that is empty or a known marker is missing, quoted or not. Lines may end in any of the three usual ways, blank
lines do not count, and a byte order mark is skipped (RFC 4180, and what spreadsheets write).
"""

import codecs
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import BinaryIO, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv

from steepest.data.formats.reader import Cells, Fault, Texts, checked
from steepest.data.formats.records import LONGEST_RECORD, BrokenRecord, records
from steepest.data.labels import LONGEST_LABEL, MISSING, NOT_UTF8, SURROGATE, objection, shorten
from steepest.data.limits import IngestLimits
from steepest.data.unusable import unusable
from steepest.spec.errors import FieldProblem
from steepest.spec.problems import pointer_to

_LARGEST_BLOCK: Final = 32 << 20
_BYTES_PER_COLUMN: Final = 16 << 10
_MARKERS: Final = pa.array(sorted(MISSING))
_ZERO, _PLUS, _MINUS = (np.uint8(code) for code in b"0+-")


class CsvReader:
    """A CSV file as batches of columns.

    Raises:
        DataUnusable: the header names no usable columns.
    """

    def __init__(self, source: BinaryIO, limits: IngestLimits) -> None:
        self._source = source
        self._most = limits.problems
        self._ragged: list[tuple[int, int]] = []  # record, counted from 1 with the header; cells found
        self.names: Sequence[str] = _header(source, limits)

    def batches(self) -> Iterator[Sequence[Cells]]:
        """Batches of rows. Rows of a wrong length are left out; the file is given up once there are too many.

        Raises:
            DataUnusable: the rest of the file cannot be told apart into rows.
        """
        self._source.seek(0)
        stream = _Stream(self._source)
        skip = 1  # the header arrives as the first row, so that its names may be anything
        try:
            for batch in self._open(stream):
                columns = [_CsvCells(column.slice(skip)) for column in batch.columns]
                if len(columns[0]):
                    yield columns
                if len(self._ragged) == self._most:
                    return
                skip = 0
        except pa.ArrowInvalid as error:
            if "Empty CSV" in str(error):  # a header line and nothing else
                return
            raise unusable([self._broken_record() or FieldProblem(pointer="/rows", detail=str(error))]) from None
        if stream.quotes % 2 and (problem := self._broken_record()):
            raise unusable([problem])

    def problems(self, faults: Sequence[Fault]) -> list[FieldProblem]:
        """Rows of a wrong length and the given faults, by line."""
        found: list[tuple[int, str | int, str]] = [
            (record, self._ragged_cell(cells), self._ragged_detail(cells)) for record, cells in self._ragged
        ]
        found += [(self._record(fault.row), self.names[fault.column], fault.detail) for fault in faults]
        found = sorted(found, key=lambda item: item[0])[: self._most]
        lines, broken = self._lines({record for record, _, _ in found})
        problems = [_problem(lines[record], column, detail) for record, column, detail in found if record in lines]
        return problems if broken is None else [*problems, _problem(broken.line, None, broken.detail)]

    def _open(self, stream: "_Stream") -> Iterator[pa.RecordBatch]:
        blocks: Iterator[pa.RecordBatch] = csv.open_csv(
            pa.PythonFile(stream, mode="r"),
            # One thread: only then are the numbers of bad rows known.
            csv.ReadOptions(use_threads=False, block_size=self.block_bytes, autogenerate_column_names=True),
            csv.ParseOptions(newlines_in_values=True, invalid_row_handler=self._on_ragged),
            csv.ConvertOptions(
                default_column_type=pa.string(),
                check_utf8=False,  # the stream saw to it
                strings_can_be_null=True,
                null_values=_MARKERS.to_pylist(),
            ),
        )
        return blocks

    @property
    def block_bytes(self) -> int:
        """Larger for wide files, since each column of each block has its cost."""
        return max(LONGEST_RECORD, min(_LARGEST_BLOCK, _BYTES_PER_COLUMN * len(self.names)))

    def _on_ragged(self, row: csv.InvalidRow) -> str:
        if len(self._ragged) < self._most:
            self._ragged.append((row.number, row.actual_columns))
        return "skip"

    def _ragged_cell(self, cells: int) -> str | int:
        """The first column that is missing, or the number of the first cell too many."""
        return self.names[cells] if cells < len(self.names) else len(self.names) + 1

    def _ragged_detail(self, cells: int) -> str:
        return f"the row has {cells} {'cell' if cells == 1 else 'cells'}, the header {len(self.names)}"

    def _record(self, row: int) -> int:
        """The record behind a row: the header and the rows left out count too."""
        record = row + 2
        for ragged, _ in self._ragged:
            record += ragged <= record
        return record

    def _lines(self, wanted: set[int]) -> tuple[dict[int, int], BrokenRecord | None]:
        """The lines of records, and the broken record that comes before one of them, if any."""
        found: dict[int, int] = {}
        with closing(records(self._source)) as every:
            for record in range(1, max(wanted, default=0) + 1):
                try:
                    line, _ = next(every)
                except BrokenRecord as broken:
                    return (found | {record: broken.line}, None) if record in wanted else (found, broken)
                if record in wanted:
                    found[record] = line
        return found, None

    def _broken_record(self) -> FieldProblem | None:
        try:
            for line, cells in records(self._source):
                if sum(map(len, cells)) > LONGEST_RECORD:
                    return _problem(line, None, f"a row of more than {LONGEST_RECORD:,} characters")
        except BrokenRecord as broken:
            return _problem(broken.line, None, broken.detail)
        return None


class _CsvCells:
    """Cells of one column, as pyarrow read them: strings, and null where a value is missing."""

    def __init__(self, cells: pa.StringArray) -> None:
        self._cells = cells

    def __len__(self) -> int:
        return len(self._cells)

    def numbers(self) -> NDArray[np.float64] | None:
        cells = self._cells
        numbers = _cast(cells)
        if numbers is None:  # perhaps only for blanks around the numbers
            bare = pc.ascii_trim_whitespace(cells)
            cells = pc.if_else(pc.is_in(bare, value_set=_MARKERS), None, bare)
            numbers = _cast(cells)
        if numbers is None or np.isinf(numbers).any() or _has_leading_zero(cells):
            return None
        return numbers

    def texts(self) -> Texts:
        encoded = self._cells.dictionary_encode()
        codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int32, copy=False)
        return checked(codes, encoded.dictionary.to_pylist())


class _Stream:
    """What pyarrow reads from: always UTF-8, with a mark in the place of every byte that was not.

    pyarrow may not close the source, and the quotes that pass are counted.
    """

    closed = False

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self.quotes = 0

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; nothing at the end. The decoder may hold back up to 3 bytes of a character."""
        while True:
            block = self._source.read(size - 3 if size > 3 else size)
            self.quotes += block.count(b'"')
            if block.isascii() and block and not self._decoder.getstate()[0]:
                return block
            text = self._decoder.decode(block, final=not block)
            if text or not block:
                return _marked(text)

    def close(self) -> None:
        """The source belongs to the caller."""


def _marked(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return SURROGATE.sub(NOT_UTF8, text).encode()


def _header(source: BinaryIO, limits: IngestLimits) -> list[str]:
    try:
        with closing(records(source)) as every:
            line, cells = next(every, (0, []))
    except BrokenRecord as broken:
        raise unusable([_problem(broken.line, None, broken.detail)]) from None
    if not cells:
        raise unusable([FieldProblem(pointer="/rows", detail="a file without a header line")])
    if len(cells) > limits.columns:
        detail = f"the header names {len(cells):,} columns; the limit is {limits.columns:,}"
        raise unusable([_problem(line, limits.columns + 1, detail)])
    names = [cell.strip() for cell in cells]
    first_place: dict[str, int] = {}
    problems = []
    for place, name in enumerate(names, 1):
        if why := _name_objection(name, first_place.setdefault(name, place), place):
            problems.append(_problem(line, place, why))
    if problems:
        raise unusable(problems[: limits.problems])
    return names


def _name_objection(name: str, first_place: int, place: int) -> str | None:
    if not name:
        return "the header has no name here"
    if first_place < place:
        return f"the header has the name {shorten(name)} already in column {first_place}"
    if len(name) > LONGEST_LABEL:
        return f"a name of {len(name):,} characters; the limit is {LONGEST_LABEL:,}"
    return objection(name)


def _cast(cells: pa.StringArray) -> NDArray[np.float64] | None:
    try:
        return np.asarray(cells.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)
    except pa.ArrowInvalid:
        return None


def _has_leading_zero(cells: pa.StringArray) -> bool:
    """Whether a number is written like 007, looked up in the bytes themselves: a regular expression is slower."""
    _, offsets_buffer, data_buffer = cells.buffers()
    if data_buffer is None:
        return False
    data = np.frombuffer(data_buffer, np.uint8)
    offsets = np.frombuffer(offsets_buffer, np.int32)[cells.offset :][: len(cells) + 1]
    start, length = offsets[:-1], np.diff(offsets)
    first, second = data.take(start, mode="clip"), data.take(start + 1, mode="clip")
    if ((first == _ZERO) & _is_digit(second) & (length > 1)).any():
        return True
    signed = ((first == _PLUS) | (first == _MINUS)) & (second == _ZERO) & (length > 2)
    return bool(signed.any() and (signed & _is_digit(data.take(start + 2, mode="clip"))).any())


def _is_digit(characters: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return characters - _ZERO < 10  # what comes before the digits wraps around


def _problem(line: int, column: str | int | None, detail: str) -> FieldProblem:
    if column is None:
        return FieldProblem(pointer=f"/rows/{line}", detail=f"line {line}: {detail}")
    name = column if isinstance(column, int) else f'"{column}"'
    return FieldProblem(pointer=pointer_to(["rows", line, column]), detail=f"line {line}, column {name}: {detail}")
