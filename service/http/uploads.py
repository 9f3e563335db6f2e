"""An uploaded file as a stream, raw or multipart: a piece at a time from the socket, never whole in memory."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

from steepest.data.formats.sniff import HEAD_BYTES
from steepest.spec.errors import InvalidRequest, RequestTooLarge

PIECE: Final = 1 << 16
"""Bytes read from the socket at once."""

HEAD: Final = HEAD_BYTES
"""Bytes by which a format is told."""

FIELD_BYTES: Final = 1 << 16
"""Bytes of the form fields beside the file."""

MOST_PARTS: Final = 100
"""Parts of a form."""

HEADER_BYTES: Final = 1 << 20
"""Bytes before the first part, between two of them or of a part's header, which are in memory until they end."""

PAIR: Final = ("features", "labels")
"""Parts of a form that make one data set together."""


@dataclass
class SentFile:
    """A file of a body, as far as it has been read."""

    name: str
    """Of its part in a form; empty for a body that is the file."""
    content_type: str | None
    filename: str | None
    head: bytearray = field(default_factory=bytearray)
    """Its first `HEAD` bytes, or all of it."""
    size: int = 0


@dataclass
class Upload:
    """A file on its way in, or a pair of files, one behind the other."""

    files: list[SentFile]
    """The first, read up to its head; the second is there for sure once `rest` is exhausted."""
    read: list[bytes]
    """The pieces that were read for the head."""
    rest: Iterator[bytes]
    fields: dict[str, str] = field(default_factory=dict)
    """Form fields beside the files; complete once `rest` is exhausted."""

    @property
    def first(self) -> SentFile:
        """The file, or the first of the pair."""
        return self.files[0]

    @property
    def is_pair(self) -> bool:
        """Whether a second file belongs to it."""
        return self.first.name in PAIR

    @property
    def parts(self) -> dict[str, int] | None:
        """The bytes of each file of a pair, in order; None for one file."""
        return {file.name: file.size for file in self.files} if self.is_pair else None

    def __iter__(self) -> Iterator[bytes]:
        """All pieces, from the first byte."""
        yield from self.read
        yield from self.rest


def receive(limit: int) -> Upload:
    """The request's file, read up to its head.

    Args:
        limit: Bytes that the request's body may have, whether it says its length beforehand or not.

    Raises:
        RequestTooLarge: at once when the stated length is over the limit, else while the pieces are read.
        InvalidRequest: a multipart body that is malformed or holds no file.
    """
    if request.content_length is not None and request.content_length > limit:
        raise _too_large(limit)
    request.max_content_length = limit
    pieces = _pieces(limit)
    if request.mimetype == "multipart/form-data":
        return _multipart(pieces)
    file = SentFile("", request.content_type, None)
    return _upload([file], _watched(file, pieces), {})


def _too_large(limit: int) -> RequestTooLarge:
    return RequestTooLarge(f"the upload is over the limit of {limit:,} bytes (upload_bytes)")


def _pieces(limit: int) -> Iterator[bytes]:
    """The body's bytes. A client that goes away in the middle ends in an error, not in a short file."""
    total = 0
    try:
        stream = request.stream
        while piece := stream.read(PIECE):
            total += len(piece)
            yield piece
    except RequestEntityTooLarge:
        raise _too_large(limit) from None
    if request.content_length is not None and total < request.content_length:
        raise InvalidRequest(f"the body ended after {total:,} of {request.content_length:,} bytes")


def _upload(files: list[SentFile], pieces: Iterator[bytes], fields: dict[str, str]) -> Upload:
    read: list[bytes] = []
    held = 0
    for piece in pieces:
        read.append(piece)
        held += len(piece)
        if held >= HEAD or len(files) > 1:  # the first may end long before, and the second is not for memory
            break
    return Upload(files, read, pieces, fields)


def _watched(file: SentFile, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same pieces; the file's size and head grow with them."""
    for piece in pieces:
        file.size += len(piece)
        file.head += piece[: HEAD - len(file.head)]
        yield piece


def _multipart(pieces: Iterator[bytes]) -> Upload:
    boundary = request.mimetype_params.get("boundary", "")
    if not boundary:
        raise InvalidRequest("a multipart body needs a boundary in its Content-Type")
    fields: dict[str, str] = {}
    parts = _Parts(boundary, pieces, fields)
    if not parts.next_file():
        raise InvalidRequest("the multipart body holds no file; send it as a part with a filename")
    return _upload(parts.files, parts.contents(), fields)


class _Parts:
    """The parts of a multipart body, in order: fields are put aside, the file or files are handed on in pieces."""

    def __init__(self, boundary: str, pieces: Iterator[bytes], fields: dict[str, str]) -> None:
        self._events = self._decode(
            MultipartDecoder(boundary.encode(), max_form_memory_size=HEADER_BYTES, max_parts=MOST_PARTS), pieces
        )
        self._fields = fields
        self.files: list[SentFile] = []

    def next_file(self) -> bool:
        """Whether there is a further file, after putting aside the fields that come before it."""
        for event in self._events:
            if isinstance(event, File):
                self.files.append(SentFile(event.name or "", event.headers.get("Content-Type"), event.filename))
                return True
            if isinstance(event, Field):
                name = event.name or ""  # werkzeug takes a part without one
                self._fields[name] = self._text(name)
        return False

    def contents(self) -> Iterator[bytes]:
        """The bytes of the file, and of the other one of a pair; a file beyond is refused."""
        yield from _watched(self.files[0], self._data())
        first = self.files[0].name
        while self.next_file():
            if sorted(file.name for file in self.files) != sorted(PAIR):
                raise InvalidRequest(
                    f'the multipart body holds a file too many, in the part "{self.files[-1].name}"; a data set is one'
                    f" file, or a pair in the parts {' and '.join(PAIR)}"
                )
            yield from _watched(self.files[-1], self._data())
        if first in PAIR and len(self.files) < len(PAIR):
            other = PAIR[1 - PAIR.index(first)]
            raise InvalidRequest(f'the multipart body has the part "{first}" alone; the part "{other}" is missing')

    def _data(self) -> Iterator[bytes]:
        for event in self._events:
            if isinstance(event, Data):
                if event.data:
                    yield event.data
                if not event.more_data:
                    return

    def _text(self, name: str) -> str:
        value = bytearray()
        for piece in self._data():
            value += piece
            if len(value) > FIELD_BYTES:
                raise InvalidRequest(f'the form field "{name}" is over {FIELD_BYTES:,} bytes')
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise InvalidRequest(f'the form field "{name}" is not UTF-8') from None

    @staticmethod
    def _decode(decoder: MultipartDecoder, pieces: Iterator[bytes]) -> Iterator[Event]:
        try:
            for piece in pieces:
                decoder.receive_data(piece)
                yield from _ready(decoder)
            decoder.receive_data(None)
            yield from _ready(decoder)
        except RequestEntityTooLarge:
            raise InvalidRequest(
                f"the multipart body has over {MOST_PARTS} parts, or a header that does not end within"
                f" {HEADER_BYTES:,} bytes"
            ) from None
        except (ValueError, UnicodeError) as error:
            raise InvalidRequest(f"the multipart body is malformed: {error}") from None


def _ready(decoder: MultipartDecoder) -> Iterator[Event]:
    while not isinstance(event := decoder.next_event(), NeedData | Epilogue):
        yield event
