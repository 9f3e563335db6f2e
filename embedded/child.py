"""One process of the stack: started under the guard, in a session of its own, its output kept in a log."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO

from embedded import guard

LOG_BYTES = 8 << 20
LOG_FILES = 3


@dataclass(frozen=True)
class Command:
    """What to run. `grace` is how many seconds it has from SIGTERM to its end, before it is killed."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    grace: float
    inherits: tuple[int, ...] = ()


class Child:
    """A command and, once started, its process. Start it from the main thread: on Linux it dies with that thread."""

    def __init__(self, command: Command, logs: Path) -> None:
        self.command = command
        self.name = command.name
        self.log = logs / f"{command.name}.log"
        self.started_at = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._pump: threading.Thread | None = None

    def start(self) -> None:
        """Start the process. Its own session keeps the terminal's Ctrl-C away: the supervisor decides the order."""
        pipe = _pipe()
        guarded = [sys.executable, "-I", "-S", guard.__file__, str(os.getpid()), str(pipe), *self.command.arguments]
        self._process = subprocess.Popen(  # noqa: S603  our own commands
            guarded,
            env=dict(self.command.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(pipe, *self.command.inherits),
        )
        self.started_at = time.monotonic()
        self._pump = threading.Thread(target=pump, args=(self._process.stdout, self.log), daemon=True)
        self._pump.start()

    @property
    def pid(self) -> int | None:
        """The process id, once started."""
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        """Whether the process is there. Also takes in its exit code, so that no zombie stays."""
        return self._process is not None and self._process.poll() is None

    @property
    def ending(self) -> str:
        """How the process ended, in words."""
        code = self._process.returncode if self._process else None
        if code is None:
            return "never started"
        return f"ended with code {code}" if code >= 0 else f"was ended by {signal.Signals(-code).name}"

    def ask_to_stop(self) -> None:
        """Send SIGTERM to the process; it passes the word to its own children in its own way."""
        if self.running and self._process:
            self._process.terminate()

    def clear(self) -> None:
        """Kill whatever is left of the process and of what it started, and wait until it is gone."""
        if self._process is None:
            return
        with suppress(
            ProcessLookupError, PermissionError
        ):  # the group is empty, or (macOS) only zombies are left in it
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None  # its number may soon be another's
        if self._pump:
            self._pump.join(timeout=1)

    def last_words(self, lines: int = 12) -> str:
        """The end of the log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def pump(source: IO[bytes], log: Path) -> None:
    """Copy lines into a log, rotated by size, until the source ends."""
    handler = _Log(log, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8", delay=True)
    with source:
        for line in source:
            handler.emit(logging.makeLogRecord({"msg": line.decode(errors="replace").rstrip("\n")}))
    handler.close()


class _Log(RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  the library's name
        """Lose the line: a full disk must not stop the process that said it."""


@cache
def _pipe() -> int:
    """The read end of a pipe that ends when this process does: nobody else has its write end."""
    read, _write = os.pipe()
    return read
