"""What a Parquet file says of itself, read before pyarrow unpacks any of it (parquet.thrift).

pyarrow takes as much memory as a page declares, and a few bytes of a codec can declare and fill gigabytes. And some of
the footer's lies, which pyarrow's reader refuses, end the process when its metadata objects are asked instead: so they
are not asked.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from steepest.data.formats.sources import most_unpacked
from steepest.data.formats.thrift import BrokenThrift, Struct, read_struct
from steepest.data.unusable import unusable
from steepest.spec.errors import FieldProblem

_LONGEST_FOOTER: Final = 16 << 20
_LONGEST_HEADER: Final = 64 << 10
_DELTA_LENGTHS: Final = 6
_DELTA_TEXTS: Final = 7
"""Encodings: DELTA_LENGTH_BYTE_ARRAY, and DELTA_BYTE_ARRAY, whose texts each begin like the one before."""


@dataclass(frozen=True)
class Chunk:
    """One column's pages in one row group."""

    start: int
    end: int
    encodings: frozenset[int]


@dataclass(frozen=True)
class Footer:
    """Rows and chunks of each row group."""

    rows: Sequence[int]
    groups: Sequence[Sequence[Chunk]]

    @property
    def by_differences(self) -> set[int]:
        """Columns whose texts are told by their differences, which pyarrow cannot read as a dictionary."""
        return {
            column
            for group in self.groups
            for column, chunk in enumerate(group)
            if chunk.encodings & {_DELTA_LENGTHS, _DELTA_TEXTS}
        }


def read_footer(source: BinaryIO) -> Footer:
    """The footer.

    Raises:
        DataUnusable: the file is cut off, or the footer is damaged or would fill the memory.
    """
    size = source.seek(0, 2)
    source.seek(max(0, size - 8))
    tail = source.read(8)
    length = int.from_bytes(tail[:4], "little")
    if size < 12 or tail[4:] != b"PAR1":
        raise _problem("the Parquet file is cut off: its footer is missing")
    if length > min(size - 12, _LONGEST_FOOTER):
        raise _problem(f"the Parquet file is damaged: its footer has {length:,} bytes, the file {size:,}")
    source.seek(size - 8 - length)
    try:
        footer, _ = read_struct(source.read(length))
    except BrokenThrift:
        raise _problem("the Parquet file is damaged: its footer cannot be read") from None
    groups = footer.structs(4)
    rows = [group.number(3) for group in groups]
    if any(count < 0 for count in rows) or sum(rows) != footer.number(3):
        raise _problem("the Parquet file is damaged: its row groups have other rows than the file")
    return Footer(rows, [[_chunk(column) for column in group.structs(1)] for group in groups])


def check_pages(source: BinaryIO, footer: Footer, most_bytes: int) -> None:
    """Refuse columns whose largest pages unpack to more than `most_bytes` together, for they are in memory.

    Raises:
        DataUnusable: they are too large, or their headers cannot be read.
    """
    largest: dict[int, int] = {}
    for number, group in enumerate(footer.groups):
        for column, chunk in enumerate(group):
            place = f"row group {number}, column {column + 1}"
            largest[column] = max(largest.get(column, 0), *_pages(source, chunk, place), 0)
    size = source.seek(0, 2)
    if sum(largest.values()) > (most := min(most_bytes, most_unpacked(size))):  # they are in memory at once
        raise _problem(
            f"the largest pages of the columns unpack to {sum(largest.values()):,} bytes together; the limit is"
            f" {most:,} for {size:,} bytes. Write the file with smaller pages"
        )


def longest_text(source: BinaryIO, footer: Footer) -> int:
    """Bytes that a text may have which begins like the one before: no more than the rest of its page.

    0 where there are none. A page of a few bytes may hold many such texts, so that a batch of them is to be small.
    """
    found = [0]
    for number, group in enumerate(footer.groups):
        for column, chunk in enumerate(group):
            if _DELTA_TEXTS in chunk.encodings:
                found += _pages(source, chunk, f"row group {number}, column {column + 1}")
    return max(found)


def _chunk(column: Struct) -> Chunk:
    data = column.struct(3)
    if column.has(1):
        raise _problem("the Parquet file keeps its columns in other files")
    start, dictionary = data.number(9), data.number(11)
    start = dictionary if 0 < dictionary < start else start
    if start < 0 or data.number(7) < 0:
        raise _problem("the Parquet file is damaged: a column begins before it")
    return Chunk(start, start + data.number(7), frozenset(data.numbers(2)))


def _pages(source: BinaryIO, chunk: Chunk, place: str) -> Iterator[int]:
    """The unpacked bytes of each page of a column chunk, from its header."""
    start = chunk.start
    while start < chunk.end:
        source.seek(start)
        try:
            header, length = read_struct(source.read(min(_LONGEST_HEADER, chunk.end - start)))
        except BrokenThrift:
            header, length = None, 0
        # Old writers forgot a header in a chunk's size; pyarrow takes memory for all that a page says it has.
        if header is None or not _is_sound(header) or start + header.number(3) > chunk.end + _LONGEST_HEADER:
            raise _problem(f"{place}: a page is damaged or cut off")
        start += length + header.number(3)
        yield header.number(2)


def _is_sound(header: Struct) -> bool:
    """Whether the sizes can be true: levels of a page of the second version are a part of it (DataPageHeaderV2)."""
    unpacked, packed = header.number(2), header.number(3)
    levels = header.struct(8).number(5), header.struct(8).number(6)
    return packed >= 0 and min(levels) >= 0 and sum(levels) <= min(unpacked, packed)


def _problem(detail: str) -> Exception:
    return unusable([FieldProblem(pointer="", detail=detail)])
