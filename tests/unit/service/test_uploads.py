"""Uploads as streams: whatever the parts of a form are, only a head of them is in memory."""

from collections.abc import Iterator
from itertools import chain, repeat
from typing import Final

import pytest
from flask import Flask
from flask.ctx import RequestContext
from werkzeug.test import create_environ

from service.http.uploads import HEAD, HEADER_BYTES, PIECE, receive
from steepest.spec.errors import InvalidRequest

MIB: Final = 1 << 20


class Body:
    """Pieces as a socket would give them; it knows how much was asked of it."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left, self._more = b"", True
        self.taken = 0

    def read(self, size: int) -> bytes:
        while not self._left and self._more:
            self._more = (piece := next(self._pieces, None)) is not None
            self._left = piece or b""
        piece, self._left = self._left[:size], self._left[size:]
        self.taken += len(piece)
        return piece

    def readinto(self, buffer: bytearray | memoryview) -> int:
        piece = self.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)


def part(name: str) -> bytes:
    return f'\r\n--B\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n\r\n'.encode()


def pair(first: int, second: int) -> Iterator[bytes]:
    yield part("features")
    yield b"x" * first + part("labels")
    for _ in range(second // PIECE):
        yield b"y" * PIECE
    yield b"\r\n--B--\r\n"


def receiving(body: Body) -> RequestContext:
    environ = create_environ("/", method="POST")
    environ["CONTENT_TYPE"] = "multipart/form-data; boundary=B"
    return Flask(__name__).request_context(environ | {"wsgi.input": body, "wsgi.input_terminated": True})


@pytest.mark.parametrize("first", [0, 100, HEAD // 2, HEAD, 3 * HEAD])
def test_no_file_of_a_pair_is_held(first: int) -> None:
    body = Body(pair(first, 4 * MIB))
    with receiving(body):
        upload = receive(1 << 30)
        assert body.taken <= max(first, HEAD) + 2 * PIECE
        assert bytes(upload.first.head) == b"x" * min(first, HEAD)
        assert sum(map(len, upload)) == first + 4 * MIB
        assert upload.parts == {"features": first, "labels": 4 * MIB}


@pytest.mark.parametrize(
    "start", [b"", b"\r\n--B\r\nX: ", part("features") + b"x\r\n--B\r\nX: "], ids=["preamble", "header", "second"]
)
def test_a_header_that_never_ends_is_not_kept(start: bytes) -> None:
    body = Body(chain([start], repeat(b"x" * PIECE, 128)))
    with receiving(body), pytest.raises(InvalidRequest, match="does not end within 1,048,576 bytes"):
        list(receive(1 << 30))
    assert body.taken <= HEADER_BYTES + 2 * PIECE


@pytest.mark.parametrize("piece", [b"x", b"\n", b"\r\n", b"\r\n-", b"\r\n--", b"--B", b"--B "])
def test_a_large_file_is_a_stream(piece: bytes) -> None:
    """Whatever it holds, even the beginnings of a boundary without end."""
    pieces = chain([part("")], repeat(piece * (PIECE // len(piece)), 64), [b"\r\n--B--\r\n"])
    with receiving(Body(pieces)):
        upload = receive(1 << 30)
        assert sum(map(len, upload)) == upload.first.size == PIECE // len(piece) * len(piece) * 64


def test_parts_have_an_end() -> None:
    field = b'\r\n--B\r\nContent-Disposition: form-data; name="a"\r\n\r\nx'
    with receiving(Body(repeat(field, 1_000))), pytest.raises(InvalidRequest, match="over 100 parts"):
        receive(1 << 30)
