"""An uploaded file as a stream, raw or multipart: a piece at a time from the socket, never whole in memory."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

from steepest.spec.errors import InvalidRequest, RequestTooLarge

PIECE: Final = 1 << 16
"""Bytes read from the socket at once."""

HEAD: Final = 1 << 16
"""Bytes by which a format is told."""

FIELD_BYTES: Final = 1 << 16
"""Bytes of the form fields beside the file."""


@dataclass
class Upload:
    """A file on its way in."""

    content_type: str | None
    filename: str | None
    head: bytes
    """Its first 64 KiB, or all of it."""
    rest: Iterator[bytes]
    fields: dict[str, str] = field(default_factory=dict)
    """Form fields beside the file; complete once `rest` is exhausted."""

    def __iter__(self) -> Iterator[bytes]:
        """All pieces, from the first byte."""
        if self.head:
            yield self.head
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
    return _upload(request.content_type, None, pieces, {})


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


def _upload(content_type: str | None, filename: str | None, pieces: Iterator[bytes], fields: dict[str, str]) -> Upload:
    head = bytearray()
    for piece in pieces:
        head += piece
        if len(head) >= HEAD:
            break
    return Upload(content_type, filename, bytes(head), pieces, fields)


def _multipart(pieces: Iterator[bytes]) -> Upload:
    boundary = request.mimetype_params.get("boundary", "")
    if not boundary:
        raise InvalidRequest("a multipart body needs a boundary in its Content-Type")
    fields: dict[str, str] = {}
    parts = _Parts(boundary, pieces, fields)
    file = parts.next_file()
    if file is None:
        raise InvalidRequest("the multipart body holds no file; send it as a part with a filename")
    return _upload(file.headers.get("Content-Type"), file.filename, parts.contents(), fields)


class _Parts:
    """The parts of a multipart body, in order: fields are put aside, the one file is handed on in pieces."""

    def __init__(self, boundary: str, pieces: Iterator[bytes], fields: dict[str, str]) -> None:
        self._events = self._decode(
            MultipartDecoder(boundary.encode(), max_form_memory_size=None, max_parts=100), pieces
        )
        self._fields = fields

    def next_file(self) -> File | None:
        """The next file, after putting aside the fields that come before it."""
        for event in self._events:
            if isinstance(event, File):
                return event
            if isinstance(event, Field):
                self._fields[event.name] = self._text(event.name)
        return None

    def contents(self) -> Iterator[bytes]:
        """The file's bytes; then the fields after it are put aside, and a second file is refused."""
        yield from self._data()
        if self.next_file() is not None:
            raise InvalidRequest("the multipart body holds more than one file; a data set is one file")

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
        except (ValueError, UnicodeError) as error:
            raise InvalidRequest(f"the multipart body is malformed: {error}") from None


def _ready(decoder: MultipartDecoder) -> Iterator[Event]:
    while not isinstance(event := decoder.next_event(), NeedData | Epilogue):
        yield event
