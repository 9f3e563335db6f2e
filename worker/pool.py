"""Celery's pool of child processes, noticing within half a second that a child has died.

Celery hears of a death from a pipe that the kernel closes a moment before the process can be waited for. When it looks
too early it finds the child alive, and looks again only after five seconds.
"""

from collections.abc import Callable
from typing import Any, Final

from celery.concurrency import asynpool, prefork

LOOK_SECONDS: Final = 0.5


class Children(asynpool.AsynPool):
    """Child processes, looked after more often."""

    @property
    def timers(self) -> dict[Callable[..., Any], float]:
        """What the event loop calls, and every how many seconds."""
        return {self.maintain_pool: LOOK_SECONDS}


class TaskPool(prefork.TaskPool):
    """The prefork pool over such children."""

    Pool = Children
