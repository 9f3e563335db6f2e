"""Where each record of a CSV file begins: a slow second look, taken only to say where a problem is.

A record may span several lines (quoted newlines), and blank lines are no records, so a row's number is not its line's.
"""

import csv
import io
from collections.abc import Generator, Iterator
from typing import BinaryIO, Final

from steepest.data.labels import LONGEST_CELL

LONGEST_RECORD: Final = 4 << 20
"""Characters; a file is read in blocks of at least as many bytes."""

_END: Final = "\x00the end of the file"


class BrokenRecord(Exception):
    """The record that begins at `line` cannot be read."""

    def __init__(self, line: int, detail: str) -> None:
        super().__init__(line, detail)
        self.line = line
        self.detail = detail


def records(source: BinaryIO) -> Generator[tuple[int, list[str]], None, None]:
    """Each record's first line, counted from 1, and its cells. Bytes that are not UTF-8 become surrogates.

    Raises:
        BrokenRecord: a cell is too long, or the file ends inside a quoted cell.
    """
    source.seek(0)
    text = io.TextIOWrapper(source, "utf-8-sig", "surrogateescape", newline="")
    reader = csv.reader(_lines(text))
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
    except csv.Error:
        detail = f"a cell of more than {LONGEST_CELL:,} characters; is a quote left open?"
        raise BrokenRecord(line, detail) from None
    finally:
        text.detach()


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    while line := text.readline(2 * LONGEST_RECORD):
        yield line
    yield _END
