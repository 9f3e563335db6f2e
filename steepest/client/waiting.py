"""Waiting for something that goes on at the service."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

from steepest.client.session import Session
from steepest.spec.answers import Computation, Dataset

T = TypeVar("T", bound=Computation | Dataset)

FIRST_LOOK: Final = 0.05
SLOWEST_LOOK: Final = 1.0


def wait(session: Session, path: str, model: type[T], is_over: Callable[[T], bool], timeout: float | None) -> T:
    """Look at it, ever more seldom, until it is over.

    Raises:
        TimeoutError: `timeout` seconds have passed; the service goes on.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    pause = FIRST_LOOK
    while True:
        found = session.get(path, model)
        if is_over(found):
            return found
        if deadline is not None and time.monotonic() + pause > deadline:
            raise TimeoutError(f"{found.id} is still {found.status.value} after {timeout:g} s; it goes on")
        session.retries.sleep(pause)
        pause = min(2 * pause, SLOWEST_LOOK)
