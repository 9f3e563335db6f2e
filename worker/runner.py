"""One attempt at a job: claim it, hold its lease, train, and end it in one of the ways that a job can end."""

import time

import structlog
from sqlalchemy.orm import Session

from steepest.spec.errors import Unavailable
from steepest.spec.states import JobState
from store import attempts
from store.attempts import Claim, FencedOff
from worker.attempt import claimed, explained, persist
from worker.lease import Ask, Lease, Stop, Stopped
from worker.process import Process
from worker.training import Training

log = structlog.get_logger(__name__)

_ASKED = {JobState.CANCELLING: Stop.CANCEL, JobState.PAUSING: Stop.PAUSE}


def run(here: Process, job_id: str) -> None:
    """Claim the job and train it; nothing when it waits for no worker."""
    if here.drain.asked:
        here.queue.announce_job(job_id, here.device)
        return
    seconds = here.settings.lease_seconds
    with structlog.contextvars.bound_contextvars(job=job_id):
        taken_at = time.monotonic()
        claim = claimed(here.database, lambda session: attempts.claim(session, job_id, here.name, seconds))
        if claim is None:
            return
        with (
            structlog.contextvars.bound_contextvars(attempt=claim.attempt),
            Lease(_asking(here, claim), seconds, taken_at=taken_at) as lease,
        ):
            log.info("attempt_started", dataset=claim.job.dataset_id)
            try:
                _attempt(here, claim, lease)
            except Stopped as stopped:
                log.info("attempt_stopped", why=stopped.why.value)
            except FencedOff:
                log.info("attempt_stopped", why=Stop.FENCED.value)


def _attempt(here: Process, claim: Claim, lease: Lease) -> None:
    training = Training(here, claim, lease)
    try:
        training.run()
        log.info("attempt_succeeded")
    except Stopped as stopped:
        if lease.may_write:
            _let_go(here, training, claim, lease, stopped.why)
        raise
    except FencedOff:
        raise
    except Unavailable:
        # Not the job's fault, and not announced here: the reconciler comes when the database is back.
        _release(here, training, claim, lease, Stop.CUT_OFF)
        raise Stopped(Stop.CUT_OFF) from None
    except Exception as error:
        problem = explained(error)

        def fail(session: Session) -> None:
            training.record(session)
            attempts.fail(session, claim, problem)

        persist(here.database, lease, fail)


def _let_go(here: Process, training: Training, claim: Claim, lease: Lease, why: Stop) -> None:
    if _release(here, training, claim, lease, why) is JobState.QUEUED:
        here.queue.announce_job(claim.job_id, here.device)


def _release(here: Process, training: Training, claim: Claim, lease: Lease, why: Stop) -> JobState:
    def release(session: Session) -> JobState:
        training.record(session)
        return attempts.release(session, claim, why.value)

    return persist(here.database, lease, release)


def _asking(here: Process, claim: Claim) -> Ask:
    """The lease's question: what state the job is in, and whether this attempt still holds it."""

    def ask(renew: bool) -> Stop | None:
        if renew:
            with here.database.write() as session:
                state = attempts.renew(session, claim, here.settings.lease_seconds)
        else:
            with here.database.read() as session:
                state = attempts.state(session, claim)
        return Stop.FENCED if state is None else _ASKED.get(state)

    return ask
