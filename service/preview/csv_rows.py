"""Rows of a CSV file from any byte at which a row begins, so that a page costs the same wherever it lies."""

import csv
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import BinaryIO, Final

from service.preview.rows import Row, Rows, Value, number, position
from steepest.data.labels import MISSING, read_cell
from steepest.spec.answers import Column
from steepest.spec.errors import InvalidRequest

BYTE_ORDER_MARK: Final = "\ufeff"
MOST_LINE_BYTES: Final = 1 << 20


class _Lines:
    """Lines of text from a byte on; knows the byte after the last one that was taken."""

    def __init__(self, source: BinaryIO, offset: int) -> None:
        source.seek(offset)
        self._source = source
        self.offset = offset

    def __iter__(self) -> Iterator[str]:
        while block := self._source.readline(MOST_LINE_BYTES):
            for line in block.splitlines(keepends=True):
                first = self.offset == 0
                self.offset += len(line)
                text = line.decode("utf-8", "replace")
                yield text.removeprefix(BYTE_ORDER_MARK) if first else text


def csv_rows(source: BinaryIO, columns: Sequence[Column], limit: int, after: str | None) -> Rows:
    """Rows of a CSV file, which `next` finds again by their byte."""
    passed, offset = position(after)
    lines = _Lines(source, offset or 0)
    records = _records(lines)
    if offset is None:
        next(records, None)  # the header
        next(islice(records, passed, passed), None)  # passes over them, and ends where the file does
    rows: list[Row] = []
    following = None
    for cells in records:
        rows.append(_row(columns, cells))
        if len(rows) == limit:
            following = lines.offset
            break
    if following is None or next(records, None) is None:
        return Rows(rows, None)
    return Rows(rows, f"{passed + len(rows)}.{following}")


def _records(lines: _Lines) -> Iterator[list[str]]:
    try:
        yield from (cells for cells in csv.reader(lines) if cells)
    except csv.Error:
        raise InvalidRequest('after does not point to the beginning of a row; take it from "next"') from None


def _row(columns: Sequence[Column], cells: Sequence[str]) -> Row:
    return Row({column.name: _value(column, cell) for column, cell in zip(columns, cells, strict=False)})


def _value(column: Column, cell: str) -> Value:
    if column.kind == "numeric":
        found = read_cell(cell)
        return number(found, whole=column.whole) if isinstance(found, float) else found
    return None if cell in MISSING else cell
