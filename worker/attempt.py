"""What attempts share: seeing when to stop, writing through an outage, and saying what went wrong."""

import errno
import time
from collections.abc import Callable
from typing import Final, TypeVar

import structlog
from sqlalchemy.orm import Session

from steepest.spec.errors import DiskFull, JobError, JobFailed, OutOfMemory, Unavailable
from store.blobs import BlobGone
from store.database import Database
from worker.drain import Drain
from worker.lease import Ask, Lease, Stop, Stopped

T = TypeVar("T")
log = structlog.get_logger(__name__)

PAUSE_SECONDS: Final = 0.3
"""Between two tries at a write in an outage."""


def claimed(database: Database, claim: Callable[[Session], T | None]) -> T | None:
    """Claim what a message speaks of; None when there is nothing to claim, or the database does not answer.

    Then the message is lost, which is no harm: the reconciler says it again.
    """
    try:
        with database.write() as session:
            taken = claim(session)
    except Unavailable:
        log.warning("claim_impossible")
        return None
    if taken is None:
        log.info("nothing_to_claim")
    return taken


def renewing(database: Database, renew: Callable[[Session], bool]) -> Ask:
    """The lease's question about what has no state that asks a worker to stop, so that it is only renewed."""

    def ask(renews: bool) -> Stop | None:
        if not renews:
            return None
        with database.write() as session:
            return None if renew(session) else Stop.FENCED

    return ask


def watching(lease: Lease, drain: Drain) -> Callable[[], None]:
    """What work calls often: it tells the lease that the work is alive, and raises `Stopped` when it has to end."""

    def watch() -> None:
        lease.alive()
        if (why := lease.stop or (Stop.DRAIN if drain.asked else None)) is not None:
            raise Stopped(why)

    return watch


def persist(database: Database, lease: Lease, write: Callable[[Session], T]) -> T:
    """Commit a write that cannot be put off, trying again through an outage for as long as the lease lasts.

    Every such write is fenced, and says the same when it is repeated after an answer that got lost.

    Raises:
        BlobGone: bytes that it refers to are no longer there.
        FencedOff: the attempt no longer holds what it writes to.
        Stopped: the outage outlasted the lease.
    """

    def commit() -> T:
        with database.write() as session:
            return write(session)

    return through_outage(lease, commit)


def through_outage(lease: Lease, act: Callable[[], T]) -> T:
    """Do what needs the database, again and again while it does not answer, for as long as the lease lasts.

    Raises:
        Stopped: the outage outlasted the lease.
    """
    while True:
        try:
            return act()
        except BlobGone:
            raise  # no outage: to wait for it is to wait for ever
        except Unavailable:
            if not lease.may_write:
                raise Stopped(lease.stop or Stop.CUT_OFF) from None
            log.warning("database_is_waited_for")
            time.sleep(PAUSE_SECONDS)


def explained(error: Exception) -> JobError:
    """What the user is told about `error`; what only we understand goes to the log, whole."""
    if isinstance(error, JobFailed):
        log.info("attempt_failed", code=error.code, detail=error.detail)
        return error.error()
    log.exception("attempt_failed", exc_info=error)
    if isinstance(error, MemoryError):
        return OutOfMemory(
            "There is not enough memory on the worker. Make the batch, the layers or the data smaller."
        ).error()
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull("The worker's disk is full. Tell the operator to make room on it; then retry the job.").error()
    return JobFailed(
        "Something went wrong on our side, and the log has it. Try again; if it fails again, tell the operator."
    ).error()
