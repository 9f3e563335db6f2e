"""Lines of a text from any byte on, which know where they end."""

import io
from collections.abc import Iterator
from typing import BinaryIO, Final

from steepest.data.formats.text import SUBSTITUTE

_WIDE: Final = ("utf-16", "utf-32")
"""Encodings in which the byte of a newline may be half of another character."""
_MARK: Final = "\ufeff"


class Lines:
    """Lines from a byte on; knows the byte after the last one that was taken."""

    def __init__(self, source: BinaryIO, offset: int, encoding: str, most: int) -> None:
        """`most` is the longest line, in bytes; a longer one comes in pieces."""
        self._source = source
        self._encoding = encoding
        self._most = most
        self._wide = encoding.replace("_", "-").startswith(_WIDE)
        self._offset = 0 if self._wide else offset

    @property
    def offset(self) -> int | None:
        """Where the next line begins; None where no line can be read alone."""
        return None if self._wide else self._offset

    def __iter__(self) -> Iterator[str]:
        self._source.seek(self._offset)
        return self._of_characters() if self._wide else self._of_bytes()

    def _of_bytes(self) -> Iterator[str]:
        while block := self._source.readline(self._most):
            for line in block.splitlines(keepends=True):
                first = self._offset == 0
                self._offset += len(line)
                text = line.decode(self._encoding, "replace")
                yield text.removeprefix(_MARK) if first else text

    def _of_characters(self) -> Iterator[str]:
        text = io.TextIOWrapper(self._source, self._encoding, SUBSTITUTE, newline="")
        try:
            while line := text.readline(self._most):
                yield line
        finally:
            text.detach()
