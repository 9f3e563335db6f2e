"""Text in any encoding as the UTF-8 that pyarrow reads."""

import codecs
from typing import BinaryIO, Final

from steepest.data.labels import NOT_UTF8, SURROGATE
from steepest.data.unusable import unusable
from steepest.spec.errors import FieldProblem

SUBSTITUTE: Final = "steepest.substitute"
"""The error handler that puts `NOT_UTF8` in the place of bytes that are no text."""

_BLOCK: Final = 1 << 20

codecs.register_error(SUBSTITUTE, lambda error: (NOT_UTF8, getattr(error, "end", 0)))


class Utf8Stream:
    """What pyarrow reads from: always UTF-8, with a mark in the place of every byte that was no text.

    pyarrow may not close the source, and the quotes that pass are counted.
    """

    closed = False

    def __init__(self, source: BinaryIO, encoding: str = "utf-8") -> None:
        self._source = source
        self._encoding = encoding
        self._is_utf8 = encoding == "utf-8"
        errors = "surrogateescape" if self._is_utf8 else SUBSTITUTE
        self._decoder = codecs.getincrementaldecoder(encoding)(errors)
        self._waiting = b""
        self._ended = False
        self.quotes = 0

    def read(self, size: int = -1) -> bytes:
        """`size` bytes; fewer only at the end."""
        pieces, missing = [], size if size >= 0 else 1 << 62
        while missing:
            if not self._waiting:
                if self._ended:
                    break
                self._waiting = self._decoded(self._source.read(min(missing, _BLOCK)))
            piece = self._waiting[:missing]
            self._waiting = self._waiting[missing:]
            missing -= len(piece)
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> None:
        """The source belongs to the caller."""

    def _decoded(self, block: bytes) -> bytes:
        """The block as UTF-8. The decoder may hold back a part of a character."""
        self._ended = not block
        whole = self._is_utf8 and block.isascii() and not self._decoder.getstate()[0]
        try:
            text = block if whole else _marked(self._decoder.decode(block, final=self._ended))
        except UnicodeError as error:  # UTF-16 that does not tell its byte order
            raise unusable([FieldProblem(pointer="/rows", detail=f"not {self._encoding}: {error}")]) from None
        self.quotes += text.count(b'"')
        return text


def _marked(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return SURROGATE.sub(NOT_UTF8, text).encode()
