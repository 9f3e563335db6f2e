"""CSV and its like: a header line or none, then rows; read by pyarrow block by block, every cell as text at first.

A cell that is empty or a known marker is missing, quoted or not. Lines may end in any of the three usual ways, blank
lines do not count, and a byte order mark is skipped (RFC 4180, and what spreadsheets write).
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from typing import BinaryIO, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from steepest.data.formats.arrow import moments
from steepest.data.formats.csv_blocks import Layout, parsed
from steepest.data.formats.csv_cuts import TooLong, cut
from steepest.data.formats.names import name_objections
from steepest.data.formats.reader import Cells, Fault, Texts, checked
from steepest.data.formats.records import LONGEST_RECORD, BrokenRecord, records
from steepest.data.formats.text import Utf8Stream
from steepest.data.labels import MISSING
from steepest.data.limits import IngestLimits
from steepest.data.unusable import unusable
from steepest.spec.errors import FieldProblem
from steepest.spec.ingest import IngestOptions
from steepest.spec.problems import pointer_to

_SMALLEST_BLOCK: Final = 512 << 10
_LARGEST_BLOCK: Final = 32 << 20
_BYTES_PER_NARROW_COLUMN: Final = 256 << 10
_BYTES_PER_COLUMN: Final = 16 << 10
_MARKERS: Final = pa.array(sorted(MISSING))
_ZERO, _PLUS, _MINUS = (np.uint8(code) for code in b"0+-")


class CsvReader:
    """A table of text as batches of columns.

    Raises:
        DataUnusable: the header names no usable columns.
    """

    image_shape = None

    def __init__(self, source: BinaryIO, limits: IngestLimits, options: IngestOptions | None = None) -> None:
        options = options or IngestOptions()
        self._source = source
        self._most = limits.problems
        self._delimiter = options.delimiter or ","
        self._encoding = options.encoding or "utf-8"
        self._header = options.header is not False
        self._ragged: list[tuple[int, int]] = []  # record, counted from 1 with the header; cells found
        self.names: Sequence[str] = ()
        self.names = self._names(limits)

    def batches(self) -> Iterator[Sequence[Cells]]:
        """Batches of rows. Rows of a wrong length are left out; the file is given up once there are too many.

        Raises:
            DataUnusable: the rest of the file cannot be told apart into rows.
        """
        self._source.seek(0)
        stream = Utf8Stream(self._source, self._encoding)
        most = max(self.block_bytes, LONGEST_RECORD)
        contents = cut(stream.read, self.block_bytes, self._delimiter, header=self._header, most=most)
        records = int(self._header)
        try:
            for block in parsed(contents, Layout(len(self.names), self._delimiter, _CsvCells)):
                ragged = [(records + record, cells) for record, cells in block.ragged]
                self._ragged += ragged[: self._most - len(self._ragged)]
                records += block.records
                if len(block.columns[0]):
                    yield block.columns
                if len(self._ragged) == self._most:
                    return
        except TooLong:
            detail = f"a row of more than {most:,} bytes"
            raise unusable([self._broken_record() or FieldProblem(pointer="/rows", detail=detail)]) from None
        except pa.ArrowInvalid as error:
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
        problems = [
            _problem(lines[record], column, self._said(detail)) for record, column, detail in found if record in lines
        ]
        return problems if broken is None else [*problems, self._broken(broken)]

    @property
    def block_bytes(self) -> int:
        """Larger for wide files, since each column of each block has its cost; small for those of few columns.

        A block of short cells takes 25 times its bytes in memory while it is parsed.
        """
        columns = len(self.names)
        narrow = min(LONGEST_RECORD, max(_SMALLEST_BLOCK, _BYTES_PER_NARROW_COLUMN * columns))
        return max(narrow, min(_LARGEST_BLOCK, _BYTES_PER_COLUMN * columns))

    def _ragged_cell(self, cells: int) -> str | int:
        """The first column that is missing, or the number of the first cell too many."""
        return self.names[cells] if cells < len(self.names) else len(self.names) + 1

    def _ragged_detail(self, cells: int) -> str:
        others = "the header" if self._header else "the first"
        return f"the row has {cells} {'cell' if cells == 1 else 'cells'}, {others} {len(self.names)}"

    def _record(self, row: int) -> int:
        """The record behind a row: the header and the rows left out count too."""
        record = row + 1 + self._header
        for ragged, _ in self._ragged:
            record += ragged <= record
        return record

    def _lines(self, wanted: set[int]) -> tuple[dict[int, int], BrokenRecord | None]:
        """The lines of records, and the broken record that comes before one of them, if any."""
        found: dict[int, int] = {}
        with closing(self._records()) as every:
            for record in range(1, max(wanted, default=0) + 1):
                try:
                    line, _ = next(every)
                except BrokenRecord as broken:
                    return (found | {record: broken.line}, None) if record in wanted else (found, broken)
                if record in wanted:
                    found[record] = line
        return found, None

    def _records(self) -> Generator[tuple[int, list[str]], None, None]:
        return records(self._source, self._delimiter, self._encoding)

    def _names(self, limits: IngestLimits) -> list[str]:
        """The header's names, or x0, x1, ... where there is none."""
        try:
            with closing(self._records()) as every:
                line, cells = next(every, (0, []))
        except BrokenRecord as broken:
            raise unusable([self._broken(broken)]) from None
        except UnicodeError as error:  # UTF-16 whose byte order nobody knows, for one
            raise unusable([FieldProblem(pointer="/rows", detail=f"not {self._encoding}: {error}")]) from None
        if not cells:
            raise unusable([FieldProblem(pointer="/rows", detail="a file without a header line")])
        if len(cells) > limits.columns:
            what = "the header names" if self._header else "the first row has"
            detail = f"{what} {len(cells):,} columns; the limit is {limits.columns:,}"
            raise unusable([_problem(line, limits.columns + 1, detail)])
        if not self._header:
            return [f"x{index}" for index in range(len(cells))]
        names = [cell.strip() for cell in cells]
        problems = [_problem(line, place, self._said(why)) for place, why in name_objections(names)]
        if problems:
            raise unusable(problems[: limits.problems])
        return names

    def _broken(self, broken: BrokenRecord) -> FieldProblem:
        column: str | int | None = broken.column
        if broken.column and broken.column <= len(self.names):  # there are none yet in the header
            column = self.names[broken.column - 1]
        return _problem(broken.line, column, broken.detail)

    def _said(self, detail: str) -> str:
        return detail if self._encoding == "utf-8" else detail.replace("not UTF-8", f"not {self._encoding}")

    def _broken_record(self) -> FieldProblem | None:
        try:
            for line, cells in self._records():
                if sum(len(cell.encode("utf-8", "replace")) for cell in cells) > self.block_bytes - 2 * len(cells):
                    return _problem(line, None, f"a row of more than {self.block_bytes:,} characters")
        except BrokenRecord as broken:
            return self._broken(broken)
        return None


class _CsvCells:
    """Cells of one column, as pyarrow read them: strings, and null where a value is missing."""

    kind = None

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

    def datetimes(self) -> NDArray[np.float64] | None:
        return moments(self._cells)

    def texts(self) -> Texts:
        encoded = self._cells.dictionary_encode()
        codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int32, copy=False)
        return checked(codes, encoded.dictionary.to_pylist())


def _cast(cells: pa.StringArray) -> NDArray[np.float64] | None:
    try:
        return np.asarray(cells.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)
    except pa.ArrowInvalid:
        return None


def _has_leading_zero(cells: pa.StringArray) -> bool:
    """Whether a number is written like 007, looked up in the bytes themselves: a regular expression is slower."""
    _, offsets_buffer, data_buffer = cells.buffers()
    if not data_buffer:  # none, or an empty one: no cell has a character
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
