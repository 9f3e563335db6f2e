"""Arrow IPC, as a file or as a stream: record batches, each a column's values one behind the other."""

import io
import shutil
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final, cast

import pyarrow as pa

from steepest.data.formats.columns import ArrowCells, type_problems
from steepest.data.formats.ipc_messages import RECORDS, BrokenMessage, Live, Message, messages
from steepest.data.formats.names import checked_names
from steepest.data.formats.places import place_by_row
from steepest.data.formats.reader import Cells, Fault
from steepest.data.formats.scratch import Scratch
from steepest.data.formats.sources import arrow_file, batch_rows, blamed, most_unpacked
from steepest.data.limits import IngestLimits
from steepest.data.unusable import unusable
from steepest.spec.errors import FieldProblem

_MAPPED: Final = 16 << 20
"""From here on a batch and its dictionaries are mapped from a file of their own instead of being read."""
_MAGIC: Final = b"ARROW1"


class ArrowReader:
    """Arrow IPC as batches of columns.

    The file format is the stream format between two marks, so both are read as a stream; what each batch unpacks to is
    checked before it is unpacked.

    Raises:
        DataUnusable: the file is damaged, or holds what cannot be a column.
    """

    image_shape = None

    def __init__(self, source: BinaryIO, limits: IngestLimits, scratch: Scratch) -> None:
        self._most = limits.problems
        self._messages = _checked(source, limits)
        live = Live()
        largest = max(live.with_next(message, message.end - message.body) for message in self._messages)
        self._source = _spooled(source, scratch) if largest > _MAPPED else source
        self._mapped = largest > _MAPPED
        with blamed("the Arrow data"):
            schema = pa.ipc.open_stream(self._stream([self._messages[0]])).schema
            names = list(schema.names)  # they may be no UTF-8
        self.names: Sequence[str] = checked_names(names, limits)
        if problems := type_problems(schema):
            raise unusable(problems[: limits.problems])

    def batches(self, start: int = 0, most: int | None = None) -> Iterator[Sequence[Cells]]:
        """Batches of rows; the record batches before `start` are not touched.

        Raises:
            DataUnusable: a batch is damaged.
        """
        wanted = self._messages
        if not self._mapped:
            wanted, start = _without(wanted, start)
        rows = batch_rows(len(self.names), most)
        with blamed("the Arrow data"):
            stream = pa.ipc.open_stream(self._stream(wanted))
        number = 0
        while True:
            with blamed(f"record batch {number}"):
                batch = next(stream, None)
                if batch is not None and start < len(batch):
                    batch.validate(full=True)
            if batch is None:
                return
            for first in range(min(start, len(batch)), len(batch), rows):
                yield [ArrowCells(column) for column in batch.slice(first, rows).columns]
            start = max(0, start - len(batch))
            number += 1

    def problems(self, faults: Sequence[Fault]) -> list[FieldProblem]:
        """The given faults by row, counted from 0."""
        return [place_by_row(fault, self.names) for fault in sorted(faults)[: self._most]]

    def _stream(self, wanted: Sequence[Message]) -> pa.NativeFile:
        """A stream of those messages alone; of all of them where they are mapped."""
        if self._mapped:
            mapped = pa.memory_map(cast(io.FileIO, self._source).name)
            mapped.seek(wanted[0].start)
            return mapped
        return arrow_file(cast(BinaryIO, io.BufferedReader(_Ranges(self._source, wanted), 1 << 16)))


def _without(every: Sequence[Message], rows: int) -> tuple[list[Message], int]:
    """The messages but for those record batches that lie wholly within the first rows, and the rows still to pass."""
    wanted: list[Message] = []
    passing = True
    for message in every:
        passing = passing and (message.kind != RECORDS or message.rows <= rows)
        if passing and message.kind == RECORDS:
            rows -= message.rows
        else:
            wanted.append(message)
    return wanted, rows


def _checked(source: BinaryIO, limits: IngestLimits) -> list[Message]:
    size = source.seek(0, 2)
    source.seek(0)
    is_file = source.read(len(_MAGIC)) == _MAGIC
    if is_file:
        source.seek(max(0, size - len(_MAGIC)))
        if size < 2 * len(_MAGIC) + 10 or source.read() != _MAGIC:
            raise _problem("the Arrow file is cut off: its end is missing")
    rows, most, live = 0, min(limits.page_bytes, most_unpacked(size)), Live()
    found: list[Message] = []
    try:
        for message in messages(source, 8 if is_file else 0):
            if (unpacked := live.with_next(message, message.unpacked_bytes)) > most:
                raise _problem(
                    f"a record batch unpacks to {unpacked:,} bytes with its dictionaries; the limit is {most:,} for"
                    f" {size:,} bytes. Write the file in batches of fewer rows, or uncompressed"
                )
            rows += message.rows if message.kind == RECORDS else 0
            if message.rows < 0 or rows > limits.rows:
                raise _problem(f"more rows than the limit of {limits.rows:,}")
            found.append(message)
    except BrokenMessage as broken:
        raise _problem(f"the Arrow data cannot be read: {broken}") from None
    if not found:
        raise _problem("the Arrow data hold no schema")
    return found


def _problem(detail: str) -> Exception:
    return unusable([FieldProblem(pointer="", detail=detail)])


def _spooled(source: BinaryIO, scratch: Scratch) -> BinaryIO:
    source.seek(0)
    file = scratch.file("batches.arrow")
    shutil.copyfileobj(source, file, 1 << 20)
    file.flush()
    return file


class _Ranges(io.RawIOBase):
    """The bytes of some messages, one behind the other."""

    def __init__(self, source: BinaryIO, wanted: Sequence[Message]) -> None:
        super().__init__()
        self._source = source
        self._left = [[message.start, message.end] for message in wanted][::-1]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # narrower than WriteableBuffer
        while self._left and self._left[-1][0] == self._left[-1][1]:
            self._left.pop()
        if not self._left or not len(buffer):
            return 0
        start, end = self._left[-1]
        self._source.seek(start)
        piece = self._source.read(min(len(buffer), end - start))
        if not piece:
            raise EOFError("the data ended early")
        buffer[: len(piece)] = piece
        self._left[-1][0] += len(piece)
        return len(piece)
