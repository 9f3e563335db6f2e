"""Files from the service: written aside, resumed after a broken connection, checked, then renamed into place."""

import contextlib
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedRandom
from pathlib import Path
from uuid import uuid4

import httpx

from steepest.client.errors import DamagedDownload
from steepest.client.session import Call, Params, Session

SHA256 = re.compile(r'"([0-9a-f]{64})"')

OnProgress = Callable[[int, int | None], None]
"""Called with the bytes here so far and the bytes in all, if known."""


def download(session: Session, path: str, params: Params, target: Path, on_progress: OnProgress | None) -> Path:
    """Fetch `path` of the API into the file `target`.

    Raises:
        DamagedDownload: the SHA-256 is not that of the ETag, or bytes are missing.
        Unreachable: the connection kept breaking without a byte of progress between.
    """
    with _aside(target) as file:
        transfer = Transfer(file, on_progress)
        while not _fetched(session, path, params, transfer):
            pass
        transfer.check()
    return target


@dataclass
class Transfer:
    """What has arrived so far.

    Attributes:
        here: Bytes in the file.
        total: Bytes in all, once known.
        etag: Which version they belong to; a resumed request insists on it.
        furthest: Bytes that were here at best; a service that cannot resume starts over after every break.
        stalls: Breaks since it last got further.
    """

    file: BufferedRandom
    on_progress: OnProgress | None
    here: int = 0
    total: int | None = None
    etag: str | None = None
    furthest: int = 0
    stalls: int = 0

    def call(self, path: str, params: Params) -> Call:
        """The request for what is missing. Encoded bytes could be neither resumed nor checked."""
        headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
        if self.here and self.etag:
            headers |= {"Range": f"bytes={self.here}-", "If-Range": self.etag}
        return Call("GET", path, params, headers)

    def begin(self, response: httpx.Response) -> None:
        """Go on where the file ends if the answer does, else from the start."""
        resumed = response.headers.get("Content-Range", "").startswith(f"bytes {self.here}-")
        if not (response.status_code == 206 and resumed):
            self.here = 0
            self.file.seek(0)
            self.file.truncate()
        length = response.headers.get("Content-Length")
        self.total = self.here + int(length) if length else None
        self.etag = response.headers.get("ETag")

    def take(self, chunk: bytes) -> None:
        """Keep the next bytes."""
        self.file.write(chunk)
        self.here += len(chunk)
        if self.here > self.furthest:
            self.furthest, self.stalls = self.here, 0
        if self.on_progress:
            self.on_progress(self.here, self.total)

    @property
    def is_whole(self) -> bool:
        """Whether every announced byte is here."""
        return self.here == self.total

    def check(self) -> None:
        """Compare what is here with what was announced.

        Raises:
            DamagedDownload: they differ.
        """
        if self.total is not None and not self.is_whole:
            raise DamagedDownload(f"{self.here} of {self.total} bytes arrived; try again")
        announced = SHA256.fullmatch(self.etag or "")
        self.file.seek(0)
        if announced and hashlib.file_digest(self.file, "sha256").hexdigest() != announced[1]:
            raise DamagedDownload("the bytes that arrived have another SHA-256 than the service announced; try again")


def _fetched(session: Session, path: str, params: Params, transfer: Transfer) -> bool:
    """Fetch what is missing; False when the connection broke and it is worth another request."""
    with session.stream(transfer.call(path, params)) as response:
        transfer.begin(response)
        try:
            for chunk in response.iter_bytes():
                transfer.take(chunk)
        except httpx.TransportError as error:
            if transfer.is_whole:
                return True
            transfer.stalls += 1
            pause = session.retries.pause(transfer.stalls)
            if pause is None:
                raise session.unreachable(error) from error
            session.retries.sleep(pause)
            return False
    return True


@contextmanager
def _aside(target: Path) -> Iterator[BufferedRandom]:
    """A new file that becomes `target` when all went well, and is gone otherwise."""
    part = target.with_name(f".{target.name}.{uuid4().hex[:8]}.part")
    try:
        opened = part.open("xb+")
    except OSError as error:
        error.filename = str(target)  # the name that the caller knows
        raise
    try:
        with opened as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
