"""Reading a blob: any part of it, lazily, and never a byte that is not the one that was written."""

import hashlib
import io
import zlib
from collections.abc import Iterator
from typing import Final

from sqlalchemy import select

from steepest.spec.errors import InternalError
from store.database import Database
from store.models import BlobRow, ChunkRow

CHUNK: Final = 1 << 20
"""Bytes of every chunk of a blob but the last."""


_REMEDY: Final = "A backup may have them whole; `make fsck` lists all that is damaged."


class BlobDamaged(InternalError):
    """The stored bytes are not those that were written."""

    code, title, retryable = "blob_damaged", "Stored bytes are damaged", False


class BlobReader(io.RawIOBase):
    """A complete blob as a seekable binary file; each chunk is fetched when it is needed, in a short transaction.

    Every chunk is checked before a byte of it is handed out, and the SHA-256 when the blob has been read whole.

    Raises:
        BlobDamaged: on reading bytes that are not those that were written.
    """

    def __init__(self, database: Database, blob: BlobRow) -> None:
        super().__init__()
        self._database = database
        self._account_id, self._blob_id = blob.account_id, blob.id
        self.size, self.sha256 = blob.size, blob.sha256
        self._position = 0
        self._number, self._chunk = -1, b""
        self._digest, self._digested = hashlib.sha256(), 0

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """The position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to `offset` from the start, the position or the end."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise ValueError("a position before the start")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # narrower than WriteableBuffer
        """Fill `buffer`, or as much of it as the current chunk has; the number of bytes, 0 at the end."""
        if self._position >= self.size or not len(buffer):
            return 0
        chunk, offset = self._at_position()
        piece = memoryview(chunk)[offset : offset + len(buffer)]
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def pieces(self) -> Iterator[bytes]:
        """The rest of the blob, chunk by chunk."""
        while self._position < self.size:
            chunk, offset = self._at_position()
            self._position += len(chunk) - offset
            yield chunk[offset:]

    def _at_position(self) -> tuple[bytes, int]:
        """The chunk that the position lies in, and where in it."""
        number, offset = divmod(self._position, CHUNK)
        if number != self._number:
            self._fetch(number)
        return self._chunk, offset

    def _fetch(self, number: int) -> None:
        place = (ChunkRow.account_id == self._account_id, ChunkRow.blob_id == self._blob_id, ChunkRow.number == number)
        with self._database.read() as session:
            found = session.execute(select(ChunkRow.data, ChunkRow.crc32).where(*place)).first()
        expected = min(CHUNK, self.size - number * CHUNK)
        if found is None or len(found[0]) != expected or zlib.crc32(found[0]) != found[1]:
            raise BlobDamaged(f"Part {number} of the stored bytes {self._blob_id} is missing or damaged. {_REMEDY}")
        self._number, self._chunk = number, bytes(found[0])
        self._verify(number)

    def _verify(self, number: int) -> None:
        if number * CHUNK != self._digested:
            return
        self._digest.update(self._chunk)
        self._digested += len(self._chunk)
        if self._digested == self.size and self._digest.hexdigest() != self.sha256:
            raise BlobDamaged(
                f"The stored bytes {self._blob_id} do not have the hash they were stored under. {_REMEDY}"
            )
