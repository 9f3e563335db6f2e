"""A shim that numbers what a process asks of database, broker and disk, and makes one of these fail."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from kombu.exceptions import OperationalError as BrokerAway

from steepest.spec.errors import Unavailable
from store.database import Database, sqlite_module
from store.queue import Queue


class Fault(StrEnum):
    """What goes wrong at a site."""

    ERROR = "error"  # an error, and nothing was done
    LOST = "lost"  # done, and the answer did not arrive
    DEATH = "death"  # the process ends before it


class Death(BaseException):
    """The end of the process: no handler of the code under test may catch it, and what it still tries has no effect."""


class Sites:
    """Counts the sites, and fails the one of number `at`, once or until `repair`."""

    def __init__(self, at: int | None = None, fault: Fault = Fault.ERROR, *, lasting: bool = False) -> None:
        self.names: list[str] = []
        self.fired = False
        self._at, self._fault, self._lasting = at, fault, lasting
        self._broken = self._dead = self._unwatched = False

    def repair(self) -> None:
        """End what lasts, and start the process anew."""
        self._broken = self._dead = False

    @contextmanager
    def unwatched(self) -> Iterator[None]:
        """Count and fail nothing: what is done here is the test's own."""
        before, self._unwatched = self._unwatched, True
        try:
            yield
        finally:
            self._unwatched = before

    def pass_through(self, name: str, act: Callable[[], Any], error: Callable[[], Exception]) -> Any:
        """Do `act`, unless this is where it goes wrong."""
        if self._unwatched:
            return act()
        if self._dead:
            raise Death
        self.names.append(name)
        if len(self.names) == self._at:
            self.fired = self._broken = True
        if not self._broken:
            return act()
        self._broken = self._lasting
        if self._fault is Fault.DEATH:
            self._dead = True
            raise Death
        if self._fault is Fault.LOST:
            act()
        raise error()

    def watch_database(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        """Every statement, BEGIN and COMMIT of a SQLite database. A dead process's transactions are rolled back."""
        dialect: Any = database.engine.dialect
        error = sqlite_module().OperationalError

        def watched(method: str) -> Callable[..., Any]:
            act = getattr(dialect, method)

            def call(*args: Any, **named: Any) -> Any:
                statement = "COMMIT" if method == "do_commit" else str(args[1])
                name = " ".join(statement.split())[:60]
                return self.pass_through(name, lambda: act(*args, **named), lambda: error("no answer"))

            return call

        for method in ("do_execute", "do_executemany", "do_execute_no_params", "do_commit"):
            monkeypatch.setattr(dialect, method, watched(method))

    def watch_files(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What makes the cache's files last. A dead process clears nothing away."""
        for place, name in ((os, "fsync"), (os, "utime"), (Path, "rename"), (shutil, "rmtree")):
            monkeypatch.setattr(place, name, self._file(name, getattr(place, name)))

    def _file(self, name: str, act: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            return self.pass_through(f"file {name}", lambda: act(*args, **named), lambda: OSError("the disk is away"))

        return call


class Broker:
    """In place of the Celery application: messages in a list, sent through the shim."""

    def __init__(self, sites: Sites) -> None:
        self.messages: list[tuple[str, str]] = []
        self.early: list[str] = []
        """What was announced before it was committed."""
        self.is_committed: Callable[[str], bool] = lambda _: True
        self._sites = sites

    def send_task(self, task: str, *, args: tuple[str], **_: Any) -> None:
        """Put a message in its queue."""
        if not self.is_committed(args[0]):
            self.early.append(args[0])
        act = lambda: self.messages.append((task, args[0]))  # noqa: E731
        self._sites.pass_through(f"send {task}", act, lambda: BrokerAway("away"))


class WatchedQueue(Queue):
    """The queue's own code over a broker in memory."""

    def __init__(self, broker: Broker, sites: Sites) -> None:
        self.broker = broker
        self._app: Any = broker
        self._sites = sites

    def waiting(self) -> frozenset[str]:
        """The ids that wait, asked through the shim."""
        act = lambda: frozenset(subject for _, subject in self.broker.messages)  # noqa: E731
        found: frozenset[str] = self._sites.pass_through("waiting", act, lambda: Unavailable("The broker is away."))
        return found
