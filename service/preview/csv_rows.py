"""Rows of a text table from any byte at which a row begins, so that a page costs the same wherever it lies."""

import csv
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import BinaryIO, Final

from service.preview.lines import Lines
from service.preview.rows import Row, Rows, Value, number, place, position
from steepest.data.labels import MISSING, read_cell
from steepest.spec.columns import Column
from steepest.spec.errors import InvalidRequest
from steepest.spec.ingest import IngestOptions

MOST_LINE_BYTES: Final = 1 << 20


def csv_rows(
    source: BinaryIO, columns: Sequence[Column], options: IngestOptions, limit: int, after: str | None
) -> Rows:
    """Rows of a text table, which `next` finds again by their byte."""
    passed, offset = position(after)
    lines = Lines(source, offset or 0, options.encoding or "utf-8", MOST_LINE_BYTES)
    if lines.offset is None:
        offset = None
    records = _records(lines, options.delimiter or ",")
    if offset is None:
        skipped = passed + (options.header is not False)
        next(islice(records, skipped, skipped), None)  # passes over them, and ends where the file does
    rows: list[Row] = []
    following = None
    for cells in records:
        rows.append(_row(columns, cells))
        if len(rows) == limit:
            following = lines.offset
            break
    if len(rows) < limit or next(records, None) is None:
        return Rows(rows, None)
    return Rows(rows, place(passed + len(rows), following))


def _records(lines: Lines, delimiter: str) -> Iterator[list[str]]:
    try:
        yield from (cells for cells in csv.reader(iter(lines), delimiter=delimiter) if cells)
    except csv.Error:
        raise InvalidRequest('after does not point to the beginning of a row; take it from "next"') from None


def _row(columns: Sequence[Column], cells: Sequence[str]) -> Row:
    return Row({column.name: _value(column, cell) for column, cell in zip(columns, cells, strict=False)})


def _value(column: Column, cell: str) -> Value:
    if column.is_number:
        found = read_cell(cell)
        return number(found, whole=column.whole) if isinstance(found, float) else found
    return None if cell in MISSING else cell
