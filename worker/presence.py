"""A child's signs of life, and what it does for one that died.

Celery starts a child in the place of one that died. The new one gives the dead one's jobs back at once, so that they
need not wait for their leases to run out.
"""

import os
import threading
import time
from collections.abc import Callable
from typing import Final

import structlog

from steepest.spec.errors import Unavailable
from steepest.spec.states import JobState
from store import attempts, workers
from worker.process import Process

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 0.5
"""Between two looks at whether the worker shuts down."""


def begin(here: Process) -> None:
    """Take over what a dead sibling held, and say from now on that this child lives."""
    threading.Thread(target=_live, args=(here,), name="presence", daemon=True).start()


def _live(here: Process) -> None:
    _try(bury_the_dead, here)
    due_at = time.monotonic()
    while not here.drain.asked:
        if time.monotonic() >= due_at:
            _try(sign, here)
            due_at = time.monotonic() + here.settings.heartbeat_seconds
        time.sleep(min(LOOK_SECONDS, here.settings.heartbeat_seconds))
    _try(leave, here)


def bury_the_dead(here: Process) -> None:
    """Let go of the jobs of this worker's dead children, and announce those that wait again."""
    with here.database.read() as session:
        held = attempts.held(session, here.identity.child_prefix)
    for job_id, attempt, worker in held:
        if not _is_dead(int(worker.rpartition("/")[2])):
            continue
        with here.database.write() as session:
            state = attempts.expire(session, job_id, attempt, reason="worker_lost")
        log.warning("worker_lost", job=job_id, attempt=attempt, lost=worker, state=state)
        if state is JobState.QUEUED:
            here.queue.announce_job(job_id, here.device)


def sign(here: Process) -> None:
    """Say that this child lives."""
    with here.database.write() as session:
        memory = here.memory_bytes if here.identity.trains else None
        workers.beat(session, here.name, here.identity.queues, slots=1, memory_bytes=memory)


def leave(here: Process) -> None:
    """Say that this child is about to end."""
    with here.database.write() as session:
        workers.leave(session, here.name)


def _try(act: Callable[[Process], None], here: Process) -> None:
    """Act; what goes wrong is logged and does no lasting harm: leases run out, and the next sign comes soon."""
    try:
        act(here)
    except Unavailable:
        log.warning("presence_interrupted", act=act.__name__)
    except Exception:
        log.exception("presence_failed", act=act.__name__)


def _is_dead(pid: int) -> bool:
    """Whether there is no such process; the pids are those of this process's siblings."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False
