"""The messages of an Arrow IPC stream: where each lies and what it unpacks to, before any of it is unpacked.

Messages are FlatBuffers behind a marker and a length (Arrow columnar format, "Encapsulated message format").
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

SCHEMA, DICTIONARY, RECORDS = 1, 2, 3

_CONTINUES: Final = b"\xff\xff\xff\xff"
_LONGEST_METADATA: Final = 32 << 20


@dataclass(frozen=True)
class Message:
    """One message."""

    kind: int
    start: int
    """Of its marker, in the file."""
    body: int
    end: int
    rows: int = 0
    unpacked_bytes: int = 0
    """What a compressed body becomes; 0 when it is not compressed."""
    dictionary: int | None = None
    """The dictionary's number; None for other messages."""
    is_delta: bool = False
    """Whether it is added to the dictionary of that number, which it replaces otherwise."""


class Live:
    """Bytes that are in memory together: all dictionaries in use and the batch, or what replaces a dictionary."""

    def __init__(self) -> None:
        self._dictionaries: dict[int, int] = {}
        self._total = 0

    def with_next(self, message: Message, size: int) -> int:
        """The bytes once the next message, of `size` bytes, is there."""
        peak = self._total + size
        if message.dictionary is not None:
            before = self._dictionaries.get(message.dictionary, 0)
            self._dictionaries[message.dictionary] = size + (before if message.is_delta else 0)
            self._total += self._dictionaries[message.dictionary] - before
        return peak


class BrokenMessage(Exception):
    """A message that cannot be read; says which."""


def messages(source: BinaryIO, start: int) -> Iterator[Message]:
    """All messages from the byte `start` on, up to the end of the stream.

    Raises:
        BrokenMessage: one is damaged or cut off.
    """
    size = source.seek(0, 2)
    number = 0
    while True:
        source.seek(start)
        head = source.read(8)
        length = int.from_bytes(head[4:8], "little")
        if (not head and number) or (len(head) == 8 and head[:4] == _CONTINUES and not length):
            return
        if len(head) < 8 or head[:4] != _CONTINUES or length > min(size - start - 8, _LONGEST_METADATA):
            raise BrokenMessage(f"message {number} is damaged or cut off")
        try:
            message = _read(source, start, source.read(length))
        except (struct.error, OverflowError, ValueError):
            raise BrokenMessage(f"message {number} is damaged") from None
        if not start < message.end <= size:
            raise BrokenMessage(f"message {number} is damaged or cut off")
        yield message
        start = message.end
        number += 1


def _read(source: BinaryIO, start: int, metadata: bytes) -> Message:
    table = _Table(metadata, _number("<I", metadata, 0))
    kind, header, body_bytes = table.scalar(1, "<B"), table.table(2), table.scalar(3, "<q")
    body = start + 8 + len(metadata)
    dictionary, is_delta = None, False
    if header is not None and kind == DICTIONARY:
        dictionary, is_delta = header.scalar(0, "<q"), bool(header.scalar(2, "<B"))
        header = header.table(1)
    if header is None or kind not in (DICTIONARY, RECORDS) or body_bytes < 0:
        return Message(kind, start, body, body + body_bytes)
    unpacked = 0
    if header.table(3) is not None:
        for offset, length in header.pairs(2):
            if length >= 8:
                source.seek(body + offset)
                # -1 marks a buffer that is stored as it is.
                unpacked += max(length, int.from_bytes(source.read(8), "little", signed=True))
    return Message(kind, start, body, body + body_bytes, header.scalar(0, "<q"), unpacked, dictionary, is_delta)


def _number(form: str, data: bytes, place: int) -> int:
    if place < 0:
        raise ValueError("a place before the start")
    value: int = struct.unpack_from(form, data, place)[0]
    return value


class _Table:
    """A FlatBuffers table: its fields are found through a table of offsets."""

    def __init__(self, data: bytes, place: int) -> None:
        self._data, self._place = data, place
        self._fields = place - _number("<i", data, place)
        self._fields_bytes = _number("<H", data, self._fields)

    def scalar(self, field: int, form: str) -> int:
        """A number; 0 when it is not there."""
        place = self._at(field)
        return 0 if place is None else _number(form, self._data, place)

    def table(self, field: int) -> "_Table | None":
        """A table within this one."""
        place = self._at(field)
        return None if place is None else _Table(self._data, place + _number("<I", self._data, place))

    def pairs(self, field: int) -> Iterator[tuple[int, int]]:
        """A vector of structs of two 64-bit numbers."""
        place = self._at(field)
        if place is None:
            return
        place += _number("<I", self._data, place)
        for index in range(_number("<I", self._data, place)):
            offset, length = struct.unpack_from("<qq", self._data, place + 4 + 16 * index)
            if offset < 0 or length < 0:
                raise ValueError("a buffer before the start")
            yield offset, length

    def _at(self, field: int) -> int | None:
        entry = 4 + 2 * field
        offset = _number("<H", self._data, self._fields + entry) if entry < self._fields_bytes else 0
        return self._place + offset if offset else None
