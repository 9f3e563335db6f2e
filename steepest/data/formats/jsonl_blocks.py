"""Blocks of whole lines of JSON, none of which becomes a table that is much larger than itself."""

import re
from collections.abc import Iterator
from typing import BinaryIO, Final

import numpy as np

from steepest.data.formats.text import Utf8Stream
from steepest.data.unusable import unusable
from steepest.spec.errors import FieldProblem

LONGEST_LINE: Final = 4 << 20
"""Bytes."""

BLANK: Final = b" \t\r\n"

_BLOCK: Final = 4 << 20
_MOST_LINES: Final = 1 << 16
_MOST_CELLS: Final = 4 << 20
_MARK: Final = b"\xef\xbb\xbf"
_KEY: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"\s*+:', re.DOTALL)


def blocks(source: BinaryIO, encoding: str, most_lines: int = _MOST_LINES) -> Iterator[tuple[bytes, int]]:
    """Blocks of at most `most_lines` lines, and the number of the first line of each, counted from 1.

    Raises:
        DataUnusable: a line is too long.
    """
    for block, line in _read(source, encoding):
        if block.count(b"\n") < most_lines:
            yield block, line
            continue
        ends = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n"))[most_lines - 1 :: most_lines].tolist()
        start = 0
        for number, end in enumerate([*ends, len(block)]):
            if block[start:end].strip(BLANK):
                yield block[start:end], line + number * most_lines
            start = end + 1


def with_new_keys(found: Iterator[tuple[bytes, int]]) -> Iterator[tuple[bytes, int]]:
    """Those blocks that have keys which none before had, and how many keys they have, or a few more.

    As a table, every line takes room for every key of its block; so where they are many, the blocks are of fewer lines.
    What looks like a key within a text counts too.
    """
    known: set[bytes] = set()
    for block, _ in found:
        keys = set(_KEY.findall(block))
        if keys <= known:
            continue
        known |= keys
        lines = block.count(b"\n") + 1
        step = max(1, _MOST_CELLS // len(keys))
        if lines <= step:
            yield block, len(keys)
            continue
        pieces = block.split(b"\n")
        for first in range(0, lines, step):
            yield b"\n".join(pieces[first : first + step]), len(keys)


def _read(source: BinaryIO, encoding: str) -> Iterator[tuple[bytes, int]]:
    source.seek(0)
    stream = Utf8Stream(source, encoding)
    line, rest = 1, stream.read(len(_MARK)).removeprefix(_MARK)
    while True:
        block = stream.read(_BLOCK)
        whole, newline, tail = (rest + block).rpartition(b"\n") if block else (rest, b"", b"")
        if whole.strip(BLANK):
            yield whole, line
        if not block:
            return
        line += whole.count(b"\n") + bool(newline)
        if len(tail) > LONGEST_LINE:
            detail = f"line {line}: a line of more than {LONGEST_LINE:,} bytes"
            raise unusable([FieldProblem(pointer=f"/rows/{line}", detail=detail)])
        rest = tail
