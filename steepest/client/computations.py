"""Waiting for something long that is worked out about a job."""

import time
from typing import Final, TypeVar

from steepest.client.session import Session
from steepest.spec.answers import Computation

C = TypeVar("C", bound=Computation)

FIRST_LOOK: Final = 0.05
SLOWEST_LOOK: Final = 1.0


def wait(session: Session, path: str, model: type[C], timeout: float | None) -> C:
    """Look at a computation, ever more seldom, until it is over.

    Raises:
        TimeoutError: `timeout` seconds have passed; the service goes on.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    pause = FIRST_LOOK
    while True:
        found = session.get(path, model)
        if found.is_terminal:
            return found
        if deadline is not None and time.monotonic() + pause > deadline:
            raise TimeoutError(f"{found.id} is still {found.status.value} after {timeout:g} s; it goes on")
        session.retries.sleep(pause)
        pause = min(2 * pause, SLOWEST_LOOK)
