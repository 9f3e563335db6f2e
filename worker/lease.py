"""The lease on a job or a data set: renewed from a thread of its own, and the place where a worker learns to stop.

The thread asks the database a few times a second whether the attempt may go on, and renews at a third of the lease.
Whoever does the work looks at `stop` between two steps, which costs no more than reading the clock.
"""

import os
import threading
import time
from collections.abc import Callable
from enum import StrEnum
from types import TracebackType
from typing import Final, Self

import structlog

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 0.2
"""Between two looks at the state: a cancelled job stops within a second, of which the trainer takes a quarter."""

HUNG_SECONDS: Final = 900.0
"""Work that shows no sign of life for so long is given up: the longest single array operation takes seconds."""

HUNG_EXIT: Final = 70
"""The exit status of a process that gave itself up (EX_SOFTWARE of sysexits.h)."""


class Stop(StrEnum):
    """Why work ends before it is done."""

    CANCEL = "cancel"  # a person wants it to end
    PAUSE = "pause"  # a person wants it to wait
    DRAIN = "drain"  # this worker shuts down
    FENCED = "fenced"  # another attempt holds the lease: nothing may be written any more
    CUT_OFF = "cut off"  # the database has not answered for as long as the lease


class Stopped(Exception):
    """Raised by the work itself when it has seen that it must stop."""

    def __init__(self, why: Stop) -> None:
        super().__init__(why.value)
        self.why = why


Ask = Callable[[bool], Stop | None]
"""Asks the database why to stop, if at all; renews the lease as well when called with True."""


def give_up() -> None:
    """End this process at once: a thread that hangs cannot be ended in any other way."""
    os._exit(HUNG_EXIT)


class Lease:
    """Held as a context: on entry the thread starts, on exit it ends. The lease itself is let go by a state change."""

    def __init__(
        self,
        ask: Ask,
        seconds: float,
        *,
        taken_at: float,
        clock: Callable[[], float] = time.monotonic,
        hung_seconds: float = HUNG_SECONDS,
        on_hung: Callable[[], None] = give_up,
    ) -> None:
        """`taken_at`: by `clock`, a moment before the claim that took the lease, so that it ends here first."""
        self._ask = ask
        self._seconds = seconds
        self._clock = clock
        self._until = taken_at + seconds
        self._renew_at = taken_at + seconds / 3
        self._alive_at = taken_at
        self._hung_seconds = hung_seconds
        self._on_hung = on_hung
        self._told: Stop | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(self._seconds)

    @property
    def stop(self) -> Stop | None:
        """Why to stop now; None to carry on."""
        if self._told is not Stop.FENCED and self._clock() >= self._until:
            return Stop.CUT_OFF
        return self._told

    @property
    def may_write(self) -> bool:
        """Whether the database would still take a write of this attempt, as far as is known here."""
        return self.stop not in (Stop.FENCED, Stop.CUT_OFF)

    def alive(self) -> None:
        """Note that the work makes progress."""
        self._alive_at = self._clock()

    def beat(self) -> None:
        """One look at the database, and a renewal when it is due. An outage changes nothing until the lease is over."""
        now = self._clock()
        if now - self._alive_at > self._hung_seconds:
            log.critical("work_hangs", seconds=round(now - self._alive_at))
            self._on_hung()
            return
        renew = now >= self._renew_at
        try:
            told = self._ask(renew)
        except Exception as error:
            log.warning("lease_not_renewed", reason=repr(error), seconds_left=round(self._until - now, 1))
            return
        if self._told is not Stop.FENCED:
            self._told = told
        if renew and told is not Stop.FENCED:
            self._until = now + self._seconds
            self._renew_at = now + self._seconds / 3

    def _run(self) -> None:
        while not self._ended.wait(min(LOOK_SECONDS, self._seconds / 6)):
            self.beat()
