"""Wake long polls: one thread per process notices that the database changed, and those who wait look again.

Its question is one cheap statement, and it asks none while nobody waits.
"""

import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

import structlog

from steepest.spec.errors import SteepestError
from store.database import Database

log = structlog.get_logger(__name__)

T = TypeVar("T")

INTERVAL: Final = 0.05
"""Seconds between looks at the database's version."""

SECONDS_AFTER_FAILURE: Final = 1.0


class Watcher:
    """Lets at most `capacity` threads wait for a change; its own thread runs while somebody does."""

    def __init__(self, database: Database, capacity: int) -> None:
        self._database = database
        self._capacity = capacity
        self._changed = threading.Condition()
        self._version = 0
        self._waiting = 0
        self._running = False
        self._closed = threading.Event()

    def until(self, look: Callable[[], T], enough: Callable[[T], bool], seconds: float) -> T:
        """What `look` finds as soon as it is `enough`, or when the time is over, or at once if too many wait."""
        deadline = time.monotonic() + seconds
        if seconds <= 0 or not self._enter():
            return look()
        try:
            while True:
                with self._changed:
                    seen = self._version
                found = look()
                if enough(found) or not self._wait(seen, deadline):
                    return found
        finally:
            self._leave()

    @property
    def waiting(self) -> int:
        """How many wait."""
        with self._changed:
            return self._waiting

    def close(self) -> None:
        """Let all who wait answer at once; safe in a signal handler."""
        self._closed.set()

    def _enter(self) -> bool:
        with self._changed:
            if self._waiting >= self._capacity or self._closed.is_set():
                return False
            self._waiting += 1
            if not self._running:
                self._running = True
                threading.Thread(target=self._watch, name="watcher", daemon=True).start()
            return True

    def _leave(self) -> None:
        with self._changed:
            self._waiting -= 1

    def _wait(self, seen: int, deadline: float) -> bool:
        """Whether there is something new to look at."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._version != seen or self._closed.is_set(), timeout=deadline - time.monotonic()
            )
            return self._version != seen and not self._closed.is_set()

    def _watch(self) -> None:
        """Until nobody waits any more."""
        while self._go_on():
            try:
                with self._database.watch() as version:
                    self._compare(version)
            except SteepestError:  # who waits answers in time, or says itself that the database is away
                self._closed.wait(SECONDS_AFTER_FAILURE)
            except Exception:  # without this thread every poll would wait its full time
                log.exception("watcher_failed")
                self._closed.wait(SECONDS_AFTER_FAILURE)

    def _compare(self, version: Callable[[], object]) -> None:
        before = None
        while self._go_on():
            if (now := version()) != before:
                before = now
                self._wake()
            self._closed.wait(INTERVAL)

    def _go_on(self) -> bool:
        with self._changed:
            self._running = self._waiting > 0 and not self._closed.is_set()
            if not self._running:
                self._changed.notify_all()
            return self._running

    def _wake(self) -> None:
        with self._changed:
            self._version += 1
            self._changed.notify_all()
