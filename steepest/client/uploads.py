"""Bodies that are streamed from a file, from the first byte again when the connection broke."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

CHUNK = 1 << 20
CONTENT_TYPES = {".csv": "text/csv", ".npz": "application/x-npz"}
"""The format that a suffix names. Any other file travels as bytes, and the service looks at the content."""

OnProgress = Callable[[int, int | None], None]
"""Called with the bytes sent so far and the bytes in all, if known."""


@dataclass(frozen=True)
class Upload:
    """An open file on its way to the service.

    Attributes:
        start: Where the file stood when it was handed over; everything behind it is sent.
        size: Bytes from there to its end; None for a pipe, which can be sent only once.
    """

    file: BinaryIO
    name: str | None
    start: int
    size: int | None
    on_progress: OnProgress | None

    @classmethod
    @contextmanager
    def of(cls, source: str | os.PathLike[str] | BinaryIO, on_progress: OnProgress | None) -> Iterator["Upload"]:
        """A path, opened for as long as the context lasts, or a binary file, left open."""
        if isinstance(source, str | os.PathLike):
            with Path(source).open("rb") as file:
                yield cls(file, Path(source).name, 0, os.fstat(file.fileno()).st_size, on_progress)
            return
        given = getattr(source, "name", None)
        name = Path(given).name if isinstance(given, str) else None
        if not source.seekable():
            yield cls(source, name, 0, None, on_progress)
            return
        start = source.tell()
        size = source.seek(0, os.SEEK_END) - start
        yield cls(source, name, start, size, on_progress)

    @property
    def replayable(self) -> bool:
        """Whether the bytes can be sent a second time."""
        return self.size is not None

    @property
    def content_type(self) -> str:
        """The format that the file's name tells."""
        return CONTENT_TYPES.get(Path(self.name or "").suffix.lower(), "application/octet-stream")

    def chunks(self) -> Iterator[bytes]:
        """All bytes, from the first one."""
        if self.replayable:
            self.file.seek(self.start)
        sent = 0
        self._report(sent)
        while chunk := self.file.read(CHUNK):
            yield chunk
            sent += len(chunk)
            self._report(sent)

    def _report(self, sent: int) -> None:
        if self.on_progress:
            self.on_progress(sent, self.size)
