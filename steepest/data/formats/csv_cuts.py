"""A stream of CSV cut into blocks of whole records, so that each can be parsed on its own.

A quote opens a cell at its very start alone; anywhere else it is a character like others, as pyarrow reads it. Where
all quotes of a block stand at borders of cells, counting them tells which lines end inside of one; else a slow second
look takes them one by one.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

_BREAKS: Final = b"\r\n"
_MARK: Final = b"\xef\xbb\xbf"
"""A byte order mark: at the start of what it is given, pyarrow takes one for no part of the text."""


class TooLong(Exception):
    """A record is longer than a block."""


def cut(
    read: Callable[[int], bytes], block_bytes: int, delimiter: str, *, header: bool, most: int = 0
) -> Iterator[bytes]:
    """The blocks of what `read` gives; without the first record, if that is a header.

    They have `block_bytes` at most, or as many as a longer record needs.

    Raises:
        TooLong: a record needs more than `most` bytes.
    """
    rest, first, size = b"", True, block_bytes
    while True:
        block, ended = _filled(rest, read, size)
        end = len(block) if ended else record_end(block, delimiter)
        if not end and block:
            if size >= most:
                raise TooLong
            rest, size = block, min(2 * size, most)
            continue
        if end:
            start = first_record_end(block, delimiter) if header and first else 0
            whole = block[start:end] if start or end < len(block) else block
            if whole:
                yield _MARK + whole if (start or not first) and whole.startswith(_MARK) else whole
        if ended:
            return
        rest, first, size = block[end:], False, block_bytes


def record_end(block: bytes, delimiter: str) -> int:
    """Bytes of the whole records that a block begins with; the block begins with one."""
    if b'"' not in block:
        return _line_end(block, len(block))
    data = np.frombuffer(block, np.uint8)
    quotes = np.flatnonzero(data == ord('"'))
    if not _at_borders(data, quotes, ord(delimiter)):
        return max(_walk(block, delimiter), default=0)
    end = len(block)
    while end := _line_end(block, end):
        before = int(np.searchsorted(quotes, end))
        if before % 2 == 0:
            return end
        end = int(quotes[before - 1])
    return 0


def first_record_end(block: bytes, delimiter: str) -> int:
    """Behind the first record and its line break; lines without a character are none."""
    ends = (end for end in _walk(block, delimiter) if block[:end].strip(_BREAKS))
    end = next(ends, len(block))
    return end + (block[end - 1 : end + 1] == _BREAKS)


def _filled(rest: bytes, read: Callable[[int], bytes], size: int) -> tuple[bytes, bool]:
    """A block that begins with `rest`, and whether it is the last."""
    pieces, missing = [rest], size - len(rest)
    while missing > 0 and (piece := read(missing)):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces), missing > 0


def _line_end(block: bytes, stop: int) -> int:
    """Behind the last line break before `stop`; 0 without one. Of a CR at the end it is not known if a LF follows."""
    newline = block.rfind(b"\n", 0, stop)
    return 1 + (newline if newline >= 0 else block.rfind(b"\r", 0, min(stop, len(block) - 1)))


def _at_borders(data: NDArray[np.uint8], quotes: NDArray[np.intp], delimiter: int) -> bool:
    """Whether quotes, counted from the first, open and close cells in turn; one that is doubled does both."""
    border = np.zeros(256, bool)
    border[[delimiter, *_BREAKS, ord('"')]] = True
    opening, closing = quotes[::2], quotes[1::2]
    before = data[opening[opening > 0] - 1]
    after = data[closing[closing < len(data) - 1] + 1]
    return bool(border[before].all() and border[after].all())


def _walk(block: bytes, delimiter: str) -> Iterator[int]:
    """Behind each line break that no quotes are about, but for a CR at the end."""
    quote, separator = ord('"'), ord(delimiter)
    start = skipped = 0
    quoted = False
    for match in re.finditer(b'["\r\n%s]' % re.escape(delimiter.encode()), block):
        place = match.start()
        character = block[place]
        if quoted:
            if character == quote and place >= skipped:
                quoted = block[place + 1 : place + 2] == b'"'
                skipped = place + 2
        elif character == quote:
            quoted, skipped = place == start, 0
        else:
            start = place + 1
            if character != separator and (character != _BREAKS[0] or start < len(block)):
                yield start
