"""Bodies that are streamed from a file, from the first byte again when the connection broke."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

CHUNK = 1 << 20
UNKNOWN = "application/octet-stream"
CONTENT_TYPES = {
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".tab": "text/tab-separated-values",
    ".jsonl": "application/x-ndjson",
    ".ndjson": "application/x-ndjson",
    ".parquet": "application/vnd.apache.parquet",
    ".arrow": "application/vnd.apache.arrow.file",
    ".feather": "application/vnd.apache.arrow.file",
    ".arrows": "application/vnd.apache.arrow.stream",
    ".npz": "application/x-npz",
    ".npy": "application/x-npy",
    ".zip": "application/zip",
    "-ubyte": "application/x-idx",
}
"""The format that a name's end tells. Any other file travels as bytes, and the service looks at the content."""

PACKED = (".gz", ".zst")
"""Ends of a name that say only how the file is packed, which the service sees by itself."""

Source = str | os.PathLike[str] | BinaryIO
"""A path, or an open binary file."""

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
    def of(cls, source: Source, on_progress: OnProgress | None) -> Iterator["Upload"]:
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
        return content_type_of(self.name or "")

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


@dataclass(frozen=True)
class Pair:
    """Two open files on their way to the service in one form, in the parts `features` and `labels`."""

    features: Upload
    labels: Upload
    boundary: str
    on_progress: OnProgress | None

    @classmethod
    @contextmanager
    def of(cls, features: Source, labels: Source, on_progress: OnProgress | None) -> Iterator["Pair"]:
        """Both files, opened for as long as the context lasts where they are paths."""
        with Upload.of(features, None) as first, Upload.of(labels, None) as second:
            yield cls(first, second, uuid4().hex, on_progress)

    @property
    def name(self) -> str | None:
        """The name of the file of features."""
        return self.features.name

    @property
    def replayable(self) -> bool:
        """Whether the bytes of both can be sent a second time."""
        return self.features.replayable and self.labels.replayable

    @property
    def content_type(self) -> str:
        """The form's, with its boundary."""
        return f"multipart/form-data; boundary={self.boundary}"

    @property
    def size(self) -> int | None:
        """Bytes of the form; None when a file's are not known."""
        if self.features.size is None or self.labels.size is None:
            return None
        around = sum(len(self._head(name, file)) + len(_END_OF_PART) for name, file in self._files())
        return around + len(self._end) + self.features.size + self.labels.size

    def chunks(self) -> Iterator[bytes]:
        """All bytes of the form, from the first one."""
        sent, size = 0, self.size
        for chunk in self._pieces():
            if self.on_progress:
                self.on_progress(sent, size)
            yield chunk
            sent += len(chunk)
        if self.on_progress:
            self.on_progress(sent, size)

    def _pieces(self) -> Iterator[bytes]:
        for name, file in self._files():
            yield self._head(name, file)
            yield from file.chunks()
            yield _END_OF_PART
        yield self._end

    def _files(self) -> tuple[tuple[str, Upload], tuple[str, Upload]]:
        return ("features", self.features), ("labels", self.labels)

    def _head(self, name: str, file: Upload) -> bytes:
        # The names that a form gives its files are in quotes, and end there (HTML, multipart/form-data encoding).
        called = (file.name or name).replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
        return (
            f"--{self.boundary}\r\n"
            f'Content-Disposition: form-data; name="{name}"; filename="{called}"\r\n'
            f"Content-Type: {file.content_type}\r\n\r\n"
        ).encode()

    @property
    def _end(self) -> bytes:
        return f"--{self.boundary}--\r\n".encode()


_END_OF_PART = b"\r\n"


def content_type_of(name: str) -> str:
    """The format that a file's name tells, packed or not."""
    name = name.lower()
    for end in PACKED:
        name = name.removesuffix(end)
    return next((found for end, found in CONTENT_TYPES.items() if name.endswith(end)), UNKNOWN)


def sending(
    source: Source, labels: Source | None, on_progress: OnProgress | None
) -> AbstractContextManager[Upload | Pair]:
    """One file, or two that belong together."""
    return Upload.of(source, on_progress) if labels is None else Pair.of(source, labels, on_progress)
