"""The byte by which a worker's main process asks its children to hand their jobs back.

SIGTERM reaches the main process, which then waits for its children without limit; the children hear nothing of it.
A mapped file does reach them, whether they are forked (Linux) or spawned (macOS).
"""

import mmap
import os
from pathlib import Path
from typing import Self


class Drain:
    """Asked for once by the main process, read by every child."""

    def __init__(self, path: Path) -> None:
        """Map the file that `make` made."""
        self.path = path
        with path.open("r+b") as file:
            self._byte = mmap.mmap(file.fileno(), 1)

    @classmethod
    def make(cls, folder: Path) -> Self:
        """A new file of one byte, for the main process to make before its children.

        It is named by the process, so that files which killed workers left in `folder` are no more than their pids.
        """
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{os.getpid()}.drain"
        path.unlink(missing_ok=True)  # a new file: nobody maps it yet
        path.write_bytes(b"\0")
        return cls(path)

    def ask(self) -> None:
        """Ask every child to checkpoint and hand its job back. Safe in a signal handler."""
        self._byte[0] = 1

    @property
    def asked(self) -> bool:
        """Whether the worker is shutting down."""
        return self._byte[0] == 1

    def remove(self) -> None:
        """Remove the file, once the children are gone."""
        self.path.unlink(missing_ok=True)
