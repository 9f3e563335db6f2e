"""Keeps a set of processes alive: starts them, starts again whatever dies, stops them in order."""

import time
from collections.abc import Callable, Sequence

from embedded.child import Child
from embedded.refusal import Refused

PATIENCE = 3  # quick deaths in a row that are answered at once
START_PATIENCE = 2  # deaths of one child while the stack comes up, after which it is given up
QUICK = 3.0  # seconds; who lived longer than this had started well
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 15.0  # seconds, doubling, for what dies in a loop


class Supervisor:
    """Watches children. All methods are called from one thread and none blocks for long, except `stop`."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._watched: list[_Watched] = []

    def start(self, child: Child) -> None:
        """Start a child and keep it alive from now on."""
        child.start()
        self._watched.append(_Watched(child))

    @property
    def children(self) -> Sequence[Child]:
        """Every child, in the order of their start."""
        return [watched.child for watched in self._watched]

    def tend(self) -> None:
        """Start again what has died. Call it often: ten times a second, and when a child has ended."""
        now = time.monotonic()
        for watched in self._watched:
            watched.tend(now, self._tell)

    def check_start(self) -> None:
        """While the stack comes up nothing may die again and again.

        Raises:
            Refused: something does; with its last words.
        """
        for watched in self._watched:
            if watched.deaths >= START_PATIENCE:
                child = watched.child
                raise Refused(f"{child.name} {watched.ending}, again. Its log, {child.log}:\n{child.last_words()}")

    def stop(self, stages: Sequence[Sequence[Child]], hurry: Callable[[], bool]) -> None:
        """Stop stage after stage, the children of one stage together, each with its grace; then leave nothing behind.

        Args:
            stages: the order; a child that is in none of them is stopped last.
            hurry: asked again and again; once true, all grace is over.
        """
        rest = [child for child in self.children if not any(child in stage for stage in stages)]
        for stage in [*stages, rest]:
            for child in stage:
                child.ask_to_stop()
            deadline = time.monotonic() + max((child.command.grace for child in stage), default=0.0)
            while any(child.running for child in stage) and time.monotonic() < deadline and not hurry():
                time.sleep(0.02)
            for child in stage:
                child.clear()
        self._watched.clear()


class _Watched:
    """A child, how often it died (in all, and quickly in a row), how the last time, and when it is due again."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.deaths, self.ending = 0, ""
        self._quick_deaths = 0
        self._due: float | None = None

    def tend(self, now: float, tell: Callable[[str], None]) -> None:
        if self._due is None and not self.child.running:
            self.deaths, self.ending = self.deaths + 1, self.child.ending
            pause = self._pause(now)
            self.child.clear()  # what it started must not stand in its successor's way
            self._due = now + pause
            again = f"in {pause:g} s" if pause else "now"
            tell(f"{self.child.name} {self.ending}; it starts again {again} (log: {self.child.log})")
        if self._due is not None and now >= self._due:
            self._due = None
            self.child.start()

    def _pause(self, now: float) -> float:
        """Seconds until the next start. It also counts this death."""
        self._quick_deaths = self._quick_deaths + 1 if now - self.child.started_at < QUICK else 0
        if self._quick_deaths < PATIENCE:
            return 0.0
        return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (self._quick_deaths - PATIENCE))
