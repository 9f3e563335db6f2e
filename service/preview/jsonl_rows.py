"""Rows of JSON lines from any byte at which a line begins."""

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Final

from service.preview.lines import Lines
from service.preview.paged_rows import shown_text
from service.preview.rows import Row, Rows, Value, number, place, position
from steepest.data.formats.jsonl import parse_line
from steepest.spec.columns import Column
from steepest.spec.errors import InvalidRequest
from steepest.spec.ingest import IngestOptions
from steepest.spec.labels import number_label

_BLANK: Final = " \t\r\n\ufeff"


def jsonl_rows(
    source: BinaryIO, columns: Sequence[Column], options: IngestOptions, limit: int, after: str | None
) -> Rows:
    """Rows of JSON lines, which `next` finds again by their byte."""
    passed, offset = position(after)
    lines = Lines(source, offset or 0, options.encoding or "utf-8", most=8 << 20)
    if lines.offset is None:
        offset = None
    records = (text for line in lines if (text := line.strip(_BLANK)))
    if offset is None and not _pass(records, passed):
        return Rows([], None)
    rows: list[Row] = []
    following = None
    for text in records:
        rows.append(_row(columns, text))
        if len(rows) == limit:
            following = lines.offset
            break
    if len(rows) < limit or next(records, None) is None:
        return Rows(rows, None)
    return Rows(rows, place(passed + len(rows), following))


def _pass(records: Iterator[str], rows: int) -> bool:
    """Whether there were so many rows to pass over."""
    return all(next(records, None) is not None for _ in range(rows))


def _row(columns: Sequence[Column], text: str) -> Row:
    try:
        found = parse_line(text.encode())
    except ValueError:
        raise InvalidRequest('after does not point to the beginning of a row; take it from "next"') from None
    return Row({column.name: _value(column, found.get(column.name)) for column in columns})


def _value(column: Column, value: Any) -> Value:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        shown = number(value, whole=column.whole)
        return shown if column.is_number or shown is None else number_label(value)
    return shown_text(column, value)
