"""A shim that numbers what processes ask of database, broker and disk, and makes one of these fail."""

import builtins
import errno
import io
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import pytest

from store.database import Database, sqlite_module


class Fault(StrEnum):
    """What goes wrong at a site."""

    ERROR = "error"  # an error, and nothing was done
    LOST = "lost"  # done, and the answer did not arrive
    DEATH = "death"  # the process ends before it


class Kind(StrEnum):
    """What a site is; its name begins so."""

    STATEMENT = "statement"
    COMMIT = "commit"
    BROKER = "broker call"
    FILE = "file operation"


PART: Final = {Kind.STATEMENT: "database", Kind.COMMIT: "database", Kind.BROKER: "broker", Kind.FILE: "disk"}
"""What fails together, if it fails for good."""


def kind_of(name: str) -> Kind:
    """The kind of the site of this name."""
    return Kind(name.partition(":")[0])


class Death(BaseException):
    """The end of a process: no handler of the code under test may catch it, and what it still tries has no effect."""


@dataclass
class _Fate:
    """Of one process: whether it is dead, and the part that does not answer it."""

    dead: bool = False
    without: str | None = None


_fate: ContextVar[_Fate | None] = ContextVar("fate", default=None)
"""Of the process whose turn it is; None while the test itself looks, which is not watched."""


class Sites:
    """Counts the sites, and fails the one of number `at`, once or until the end of the process that meets it."""

    def __init__(self, at: int | None = None, fault: Fault = Fault.ERROR, *, lasting: bool = False) -> None:
        self.names: list[str] = []
        self.hit: Kind | None = None
        """What has failed."""
        self.commits = 0
        """Of whomever, watched or not."""
        self.disturbs = at is not None
        self._at, self._fault, self._lasting = at, fault, lasting

    @contextmanager
    def process(self) -> Iterator[None]:
        """A process; if it dies, what follows is another one's."""
        before = _fate.set(_Fate())
        try:
            with suppress(Death):
                yield
        finally:
            _fate.reset(before)

    @contextmanager
    def unwatched(self) -> Iterator[None]:
        """Count and fail nothing: what is done here is the test's own."""
        before = _fate.set(None)
        try:
            yield
        finally:
            _fate.reset(before)

    def pass_through(
        self, name: str, act: Callable[[], Any], error: Exception, undo: Callable[[Any], object] = lambda _: None
    ) -> Any:
        """Do `act`, unless this is where it goes wrong; `undo` frees what was got in vain."""
        fate = _fate.get()
        if fate is None:
            return act()
        if fate.dead:
            raise Death
        self.names.append(name)
        kind = kind_of(name)
        if len(self.names) == self._at:
            self.hit = kind
            if self._lasting:
                fate.without = PART[kind]
        elif fate.without != PART[kind]:
            return act()
        if self._fault is Fault.DEATH:
            fate.dead = True
            raise Death
        if self._fault is Fault.LOST:
            undo(act())
        raise error

    def watch_database(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        """Every statement, BEGIN and COMMIT of a SQLite database. A dead process's transactions are rolled back."""
        dialect: Any = database.engine.dialect
        error = sqlite_module().OperationalError

        def watched(method: str) -> Callable[..., Any]:
            act = getattr(dialect, method)

            def call(*args: Any, **named: Any) -> Any:
                if method == "do_commit":
                    self.commits += 1
                    name = f"{Kind.COMMIT}"
                else:
                    name = f"{Kind.STATEMENT}: {' '.join(str(args[1]).split())[:60]}"
                return self.pass_through(name, lambda: act(*args, **named), error("no answer"))

            return call

        for method in ("do_execute", "do_executemany", "do_execute_no_params", "do_commit"):
            monkeypatch.setattr(dialect, method, watched(method))

    def watch_files(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """What opens, makes, moves, removes and syncs files in `home` and temporary ones. The dead clear none away."""
        temporary = Path(tempfile.gettempdir())

        def watched(name: str, act: Callable[..., Any], undo: Callable[[Any], object]) -> Callable[..., Any]:
            def call(*args: Any, **named: Any) -> Any:
                there = args[0] if args else next(iter(named.values()))
                if isinstance(there, int):
                    ours = name != "open"  # to wrap what is open already asks the disk for nothing
                else:
                    path = Path(there)
                    # A name in a folder that is open belongs to a tree that is removed.
                    ours = "dir_fd" in named or home in path.parents or temporary in (path, path.parent)
                if not ours:
                    return act(*args, **named)
                away = OSError(errno.EIO, "the disk is away")
                return self.pass_through(f"{Kind.FILE}: {name}", lambda: act(*args, **named), away, undo)

            return call

        for place, name, undo in (
            (os, "open", os.close),
            (io, "open", lambda file: file.close()),
            (builtins, "open", lambda file: file.close()),
            *((os, name, lambda _: None) for name in ("mkdir", "rename", "unlink", "rmdir", "utime", "fsync")),
        ):
            monkeypatch.setattr(place, name, watched(name, getattr(place, name), undo))
