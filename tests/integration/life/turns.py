"""Two processes by turns: one stands still at a place of its work while the other goes on. Only one ever runs."""

from collections.abc import Callable
from threading import Semaphore, Thread

from tests.integration.life.faults import Death


class Turns:
    """A process with a thread of its own, which runs only while whoever made it waits for it."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.ended = False
        self._error: BaseException | None = None
        self._abandoned = False
        self._mine, self._theirs = Semaphore(0), Semaphore(0)
        Thread(target=self._run, args=(act,), daemon=True).start()

    def proceed(self) -> None:
        """Let it run until it stands still or ends."""
        if self.ended:
            return
        self._mine.release()
        self._theirs.acquire()
        if self._error is not None:
            raise self._error

    def stand_still(self) -> None:
        """In the process itself: wait for the next turn. Nothing once it has ended."""
        if self.ended:
            return
        self._theirs.release()
        self._mine.acquire()
        if self._abandoned:
            raise Death

    def abandon(self) -> None:
        """End it where it stands."""
        self._abandoned = True
        self.proceed()

    def _run(self, act: Callable[[], object]) -> None:
        self._mine.acquire()
        try:
            if not self._abandoned:
                act()
        except BaseException as error:  # it is raised where the process was let run
            self._error = error
        self.ended = True
        self._theirs.release()
