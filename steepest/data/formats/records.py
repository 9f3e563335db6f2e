"""Where each record of a CSV file begins: a slow second look, taken only to say where a problem is.

A record may span several lines (quoted newlines), and blank lines are no records, so a row's number is not its line's.
"""

import csv
import io
import re
from collections.abc import Generator, Iterator
from typing import BinaryIO, Final

from steepest.data.formats.text import SUBSTITUTE
from steepest.data.labels import LONGEST_CELL

LONGEST_RECORD: Final = 4 << 20
"""Characters; a file is read in blocks of at least as many bytes."""

_END: Final = "\x00the end of the file"


class BrokenRecord(Exception):
    """The record that begins at `line` cannot be read."""

    def __init__(self, line: int, detail: str, column: int | None = None) -> None:
        super().__init__(line, detail, column)
        self.line = line
        self.detail = detail
        self.column = column
        """Counted from 1, where one cell is to blame."""


def records(
    source: BinaryIO, delimiter: str = ",", encoding: str = "utf-8"
) -> Generator[tuple[int, list[str]], None, None]:
    """Each record's first line, counted from 1, and its cells. Bytes that are no text are marked, as pyarrow gets them.

    Raises:
        BrokenRecord: a cell is too long, or the file ends inside a quoted cell.
    """
    source.seek(0)
    name, errors = ("utf-8-sig", "surrogateescape") if encoding == "utf-8" else (encoding, SUBSTITUTE)
    text = io.TextIOWrapper(source, name, errors, newline="")
    current: list[str] = []
    reader = csv.reader(_lines(text, current), delimiter=delimiter)
    line = 1
    try:
        for cells in reader:
            if cells == [_END]:
                return
            if cells and cells[-1].endswith(_END):
                raise BrokenRecord(line, "a quote that opens in this row is never closed")
            if cells:
                yield line, cells
            line = reader.line_num + 1
            current.clear()
    except csv.Error:
        detail = f"a cell of more than {LONGEST_CELL:,} characters; is a quote left open?"
        raise BrokenRecord(line, detail, _long_cell("".join(current), delimiter)) from None
    finally:
        text.detach()


def _lines(text: io.TextIOWrapper, current: list[str]) -> Iterator[str]:
    """The lines; those of the current record are kept."""
    while line := text.readline(2 * LONGEST_RECORD):
        current.append(line)
        yield line
    yield _END


def _long_cell(record: str, delimiter: str) -> int:
    """The first column whose cell is too long."""
    column, start, quoted = 1, 0, False
    for mark in re.finditer(f'["{re.escape(delimiter)}]', record):
        if mark[0] == '"':
            quoted = not quoted
        elif not quoted:
            if mark.start() - start > LONGEST_CELL:
                break
            column, start = column + 1, mark.end()
    return column
