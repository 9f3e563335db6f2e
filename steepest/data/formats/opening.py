"""The one place that opens a file of any format, packed or not, in one part or two."""

import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Final, cast

from steepest.data.formats.packed import Unpacked, compression_of, unpack
from steepest.data.formats.reader import PagedReader, Reader
from steepest.data.formats.scratch import Scratch
from steepest.data.formats.types import Format
from steepest.data.limits import IngestLimits
from steepest.spec.ingest import IngestOptions

_BUFFER: Final = 1 << 20
_MAGIC_BYTES: Final = 4


@contextmanager
def open_reader(
    source: BinaryIO, form: Format, options: IngestOptions, limits: IngestLimits, scratch: Path
) -> Iterator[Reader]:
    """The reader of an upload, for as long as the context lasts.

    Each format's module is imported when it is needed: a light install has no columnar parser.

    Args:
        source: Seekable bytes; it stays open.
        form: As `format_of` decided.
        options: As it was sent and found out.
        limits: Upper bounds.
        scratch: A folder that does not exist; used where something is to be unpacked, and removed.

    Raises:
        DataUnusable: the file cannot be read, or holds no columns.
    """
    with Scratch(scratch) as folder, ExitStack() as files:
        if form in ("csv", "tsv", "jsonl"):
            yield _text_reader(_plain(source, limits), form, options, limits)
            return
        yield _paged(source, form, options, limits, folder, files)


@contextmanager
def open_paged(
    source: BinaryIO,
    form: Format,
    options: IngestOptions,
    limits: IngestLimits,
    scratch: Path,
    image_shape: tuple[int, ...] | None,
) -> Iterator[PagedReader]:
    """As `open_reader`, for the formats that can be read from any row on, which is all but texts.

    The file has been read before, and its pictures are known to have `image_shape`: so not all of it is looked at.
    """
    with Scratch(scratch) as folder, ExitStack() as files:
        yield _paged(source, form, options, limits, folder, files, again=True, image_shape=image_shape)


def open_text(source: BinaryIO, limits: IngestLimits) -> BinaryIO:
    """A text, unpacked where it is packed."""
    return _plain(source, limits)


def _text_reader(source: BinaryIO, form: Format, options: IngestOptions, limits: IngestLimits) -> Reader:
    if form == "jsonl":
        from steepest.data.formats.jsonl import JsonLinesReader

        return JsonLinesReader(source, limits, options)
    from steepest.data.formats.csv import CsvReader

    return CsvReader(source, limits, options)


def _paged(
    source: BinaryIO,
    form: Format,
    options: IngestOptions,
    limits: IngestLimits,
    scratch: Scratch,
    files: ExitStack,
    *,
    again: bool = False,
    image_shape: tuple[int, ...] | None = None,
) -> PagedReader:
    if form in ("npy", "idx"):
        from steepest.data.formats.arrays import Part, open_arrays, within_part

        parts = []
        for number, (name, part) in enumerate(_parts(source, options)):
            with within_part(name):
                parts.append(Part(name, _spread(part, limits, scratch, f"part-{number}")))
        return open_arrays(parts, form, limits)
    source = _spread(source, limits, scratch, "content")
    if form == "npz":
        from steepest.data.formats.npz import open_npz

        return open_npz(source, limits, scratch)
    if form == "images":
        from steepest.data.formats.images import ImagesReader

        return ImagesReader(source, limits, options, files, image_shape)
    if form == "parquet":
        from steepest.data.formats.parquet import ParquetReader

        return ParquetReader(source, limits, again=again)
    from steepest.data.formats.ipc import ArrowReader

    return ArrowReader(source, limits, scratch)


def _plain(source: BinaryIO, limits: IngestLimits) -> BinaryIO:
    """The content as a stream that can begin anew."""
    source.seek(0)
    compression = compression_of(source.read(_MAGIC_BYTES))
    if compression is None:
        return source
    return cast(BinaryIO, io.BufferedReader(Unpacked(source, compression, limits), _BUFFER))


def _spread(source: BinaryIO, limits: IngestLimits, scratch: Scratch, name: str) -> BinaryIO:
    """The content as a file that can be read here and there."""
    source.seek(0)
    compression = compression_of(source.read(_MAGIC_BYTES))
    if compression is None:
        return source
    limits = replace(limits, unpacked_bytes=min(limits.unpacked_bytes, limits.spread_bytes))
    return unpack(source, compression, scratch.file(name), limits)


def _parts(source: BinaryIO, options: IngestOptions) -> Iterator[tuple[str, BinaryIO]]:
    """The files that lie one behind the other, by the name they were sent under; else the one file."""
    if not options.parts:
        yield "", source
        return
    start = 0
    for name, size in options.parts.items():
        yield name, cast(BinaryIO, io.BufferedReader(Section(source, start, size), _BUFFER))
        start += size


class Section(io.RawIOBase):
    """Some bytes of a file, as a file of its own."""

    def __init__(self, source: BinaryIO, start: int, size: int) -> None:
        super().__init__()
        self._source, self._start, self.size = source, start, size
        self._position = 0

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to `offset` from the start, the position or the end."""
        position = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence] + offset
        if position < 0:
            raise ValueError("a position before the start")
        self._position = position
        return position

    def tell(self) -> int:
        """The position in bytes."""
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # narrower than WriteableBuffer
        """Fill `buffer` as far as the section reaches."""
        left = min(len(buffer), max(0, self.size - self._position))
        if not left:
            return 0
        self._source.seek(self._start + self._position)
        piece = self._source.read(left)
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)
