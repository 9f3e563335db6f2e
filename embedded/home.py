"""The home: the folder with everything that outlives a process. One supervisor holds it at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from embedded.refusal import Refused

LOCK = "lock"


@contextmanager
def held(home: Path) -> Iterator[None]:
    """Hold the home, made if it is missing, until the block ends.

    The lock is the kernel's and goes with the process, however it dies. Everything made from here on, by this process
    and its children, is for the user alone.

    Raises:
        Refused: another process holds it, or it cannot be written to.
    """
    os.umask(0o077)
    try:
        _make_private(home)
        lock = (home / LOCK).open("a+")
    except OSError as problem:
        raise Refused(f"The home {home} cannot be used: {problem.strerror}.") from problem
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            lock.seek(0)
            holder = lock.read().strip()
            raise Refused(
                f"The home {home} is already in use{f' by process {holder}' if holder else ''}. "
                "Stop that one, or choose another home with STEEPEST_HOME."
            ) from taken
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def _make_private(home: Path) -> None:
    """Make the home with mode 0700. A folder that was there and holds other things keeps its mode: it is not ours."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (home / LOCK).exists() or not any(home.iterdir()):
        home.chmod(0o700)


def write_private(path: Path, text: str) -> None:
    """Write a file that only the user can read, whole or not at all."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    aside.rename(path)
