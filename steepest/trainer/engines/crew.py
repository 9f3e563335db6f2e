"""Threads that stand by to run a kernel beside the caller's own: started when first needed, and kept.

A forked child has none of its parent's threads and starts its own.
"""

import os
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any


class Helper:
    """A thread that does one thing at a time."""

    def __init__(self) -> None:
        self._orders: SimpleQueue[Callable[[], Any]] = SimpleQueue()
        self._answers: SimpleQueue[BaseException | None] = SimpleQueue()
        Thread(target=self._serve, name="steepest-kernel", daemon=True).start()

    def start(self, work: Callable[[], Any]) -> None:
        """Begin."""
        self._orders.put(work)

    def finish(self) -> BaseException | None:
        """Wait until it is done, and return what went wrong."""
        return self._answers.get()

    def _serve(self) -> None:
        while True:
            work, error = self._orders.get(), None
            try:
                work()
            except BaseException as raised:
                error = raised
            self._answers.put(error)


_idle: list[Helper] = []


def together(work: Callable[[int], Any], threads: int) -> None:
    """Run `work(rank)` in as many threads, of which rank 0 is the caller's."""
    helpers = [_idle.pop() if _idle else Helper() for _ in range(threads - 1)]
    for rank, helper in enumerate(helpers, 1):
        helper.start(partial(work, rank))
    try:
        work(0)
    finally:
        errors = [helper.finish() for helper in helpers]
        _idle.extend(helpers)
    for error in errors:
        if error is not None:
            raise error


os.register_at_fork(after_in_child=_idle.clear)
