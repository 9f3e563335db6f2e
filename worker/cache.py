"""Data on this machine's disk: folders of columns and of prepared arrays, named by what they follow from.

Equal bytes have equal columns, and these, prepared in the same way, equal arrays: an entry is never wrong and never
changed. It is built aside, renamed into place and removed when the cache is over its size and nobody reads it. Any
number of processes share the folder: a reader holds a shared lock on the entry, a builder and a remover an exclusive
one; the operating system drops the locks of the dead.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

ASIDE: Final = ".aside-"
"""Begins the name of a folder in which an entry is built or removed."""

LOOK_SECONDS: Final = 0.05
"""Between two tries to take a lock that another process holds."""

Build = Callable[[Path], None]
"""Fills a folder that does not exist yet with an entry's files."""


class Cache:
    """A bounded folder of entries, the least recently used removed first."""

    def __init__(self, root: Path, limit_bytes: int) -> None:
        """`root` is made when first needed; `limit_bytes` counts all entries together."""
        self._root = root
        self._limit_bytes = limit_bytes

    @contextmanager
    def entry(self, key: str, build: Build, watch: Callable[[], None], room: int = 0) -> Iterator[Path]:
        """The folder of `key`, built first where it is missing, and kept as long as the context is open.

        Args:
            key: Names the entry.
            build: Makes it.
            watch: Called while another process builds the entry; may raise to wait no longer.
            room: Bytes that the entry is about to take, for which others make way.

        Raises:
            Whatever `build` and `watch` raise; nothing is kept then.
        """
        self._root.mkdir(parents=True, exist_ok=True)
        folder = self._root / key
        with self._lock(key) as lock:
            _take(lock, fcntl.LOCK_SH, watch)
            while not folder.is_dir():
                # Changing a lock's kind lets go of it for a moment, so the folder is looked for again each time.
                _take(lock, fcntl.LOCK_EX, watch)
                if not folder.is_dir():
                    self._trim(room)
                    self._build(folder, build)
                _take(lock, fcntl.LOCK_SH, watch)
                self._trim()
            os.utime(folder)
            yield folder

    @contextmanager
    def _lock(self, key: str) -> Iterator[int]:
        descriptor = os.open(self._root / f"{key}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _build(self, folder: Path, build: Build) -> None:
        aside = self._aside(folder.name)
        built = aside / "entry"
        try:
            build(built)
            # A renamed folder with lost contents would be taken for a whole one after a power failure.
            for path in built.rglob("*"):
                _sync(path)
            built.rename(folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _trim(self, room: int = 0) -> None:
        """Remove entries, the least recently used first, until the rest and `room` more bytes fit. Those in use stay.

        What killed builders left of other entries goes too.
        """
        for left in self._root.glob(f"{ASIDE}*"):
            self._remove(left.name.removeprefix(ASIDE), the_entry=False)
        entries = sorted(_measured(path) for path in self._root.iterdir() if not path.name.startswith("."))
        excess = sum(size for _, size, _ in entries) + room - self._limit_bytes
        for _, size, name in entries:
            if excess > 0 and size and self._remove(name):
                excess -= size

    def _remove(self, key: str, *, the_entry: bool = True) -> bool:
        with self._lock(key) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            aside = self._aside(key)
            if the_entry:
                with suppress(FileNotFoundError):
                    (self._root / key).rename(aside / key)
            shutil.rmtree(aside, ignore_errors=True)
            return True

    def _aside(self, key: str) -> Path:
        """An empty folder for the holder of the exclusive lock; what a killed one left there is swept away."""
        aside = self._root / f"{ASIDE}{key}"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        return aside


def _take(lock: int, kind: int, watch: Callable[[], None]) -> None:
    """Take a lock of this kind, and go on watching while others have it."""
    while True:
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            watch()
            time.sleep(LOOK_SECONDS)
        else:
            return


def _measured(path: Path) -> tuple[float, int, str]:
    """When an entry was last used, its bytes, its key. A lock file and an entry removed meanwhile have no bytes."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return path.stat().st_mtime, sum(file.stat().st_size for file in path.iterdir() if file.is_file()), path.name
    return 0.0, 0, path.name


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
