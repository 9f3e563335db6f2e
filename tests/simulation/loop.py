"""Virtual time, and fibers: threads of which one runs at a time, each for as long as the loop waits for it."""

import heapq
import threading
from collections.abc import Callable
from typing import Final

GRACE: Final = 60.0
"""Real seconds after which a fiber that gives no sign hangs for ever."""


class Death(BaseException):
    """The end of a process: no handler of the code under test may catch it, and what it still tries has no effect."""


class Loop:
    """What happens when; at the same moment in the order of asking."""

    def __init__(self) -> None:
        self.now = 0.0
        self.running: Fiber | None = None
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._asked = 0

    def after(self, seconds: float, act: Callable[[], object]) -> None:
        """Have something happen later."""
        self._asked += 1
        heapq.heappush(self._due, (self.now + seconds, self._asked, act))

    def step(self) -> bool:
        """Let the next thing happen; False when nothing is left."""
        if not self._due:
            return False
        self.now, _, act = heapq.heappop(self._due)
        act()
        return True


class Fiber:
    """A process as far as the loop knows: it runs until it pauses."""

    def __init__(self, loop: Loop, name: str, main: Callable[[], None]) -> None:
        self.name = name
        self.dead = self.over = self._parked = False
        self.frozen_until = 0.0
        self.error: BaseException | None = None
        self._loop, self._main = loop, main
        self._go, self._back = threading.Lock(), threading.Lock()
        self._go.acquire()
        self._back.acquire()
        threading.Thread(target=self._run, name=name, daemon=True).start()
        loop.after(0.0, self._wake)

    def pause(self, seconds: float) -> None:
        """Let time pass, and others run. Called by the fiber itself.

        Raises:
            Death: the process has ended meanwhile.
        """
        if not self.dead:
            self._loop.after(seconds, self._wake)
            self._back.release()
            self._go.acquire()
        if self.dead:
            raise Death

    def park(self) -> None:
        """Wait until `unpark`. Called by the fiber itself.

        Raises:
            Death: the process has ended meanwhile.
        """
        if not self.dead:
            self._parked = True
            self._back.release()
            self._go.acquire()
        if self.dead:
            raise Death

    def unpark(self) -> None:
        """Let it go on, if it is parked."""
        if self._parked:
            self._parked = False
            self._loop.after(0.0, self._wake)

    def freeze(self, seconds: float) -> None:
        """Not to run for a while, as after SIGSTOP."""
        self.frozen_until = max(self.frozen_until, self._loop.now + seconds)

    def kill(self) -> None:
        """End it where it is. Not called by the fiber itself."""
        self.dead = True
        if not self.over:
            self._switch()

    def _wake(self) -> None:
        if self.over:
            return
        if self.frozen_until > self._loop.now:
            self._loop.after(self.frozen_until - self._loop.now, self._wake)
            return
        self._switch()
        if self.error is not None:
            raise self.error

    def _switch(self) -> None:
        before, self._loop.running = self._loop.running, self
        self._go.release()
        if not self._back.acquire(timeout=GRACE):
            raise AssertionError(f"{self.name} neither goes on nor ends")
        self._loop.running = before

    def _run(self) -> None:
        self._go.acquire()
        try:
            if not self.dead:
                self._main()
        except Death:
            self.dead = True
        except BaseException as error:
            self.error = error
        self.over = True
        self._back.release()
