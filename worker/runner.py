"""One attempt at a job: claim it, hold its lease, train, and end it in one of the ways that a job can end."""

import time

import structlog
from sqlalchemy.orm import Session

from steepest.spec.errors import Unavailable
from steepest.spec.states import JobState
from store import attempts, scheduling
from store.attempts import Claim, FencedOff
from store.celery_settings import CPU, GPU
from worker.attempt import claimed, explained, persist
from worker.lease import Ask, Lease, Stop, Stopped
from worker.process import Process
from worker.training import Training

log = structlog.get_logger(__name__)

_ASKED = {JobState.CANCELLING: Stop.CANCEL, JobState.PAUSING: Stop.PAUSE}


def run(here: Process, job_id: str) -> None:
    """Claim the best job that waits, and train it; the one that the message speaks of only hints that one does."""
    if here.drain.asked:
        here.queue.announce_job(job_id, here.device)
        return
    seconds, slot = here.settings.lease_seconds, _slot(here)
    taken_at = time.monotonic()
    claim = claimed(here.database, lambda session: scheduling.claim(session, slot, seconds))
    if claim is None:
        return
    with (
        structlog.contextvars.bound_contextvars(job=claim.job_id, attempt=claim.attempt),
        Lease(_asking(here, claim), seconds, taken_at=taken_at) as lease,
    ):
        log.info("attempt_started", dataset=claim.job.dataset_id)
        _prompt(here)
        try:
            _attempt(here, claim, lease)
        except Stopped as stopped:
            log.info("attempt_stopped", why=stopped.why.value)
        except FencedOff:
            log.info("attempt_stopped", why=Stop.FENCED.value)
    _prompt(here)


def _slot(here: Process) -> scheduling.Slot:
    """What this process offers: found out before the claim, which holds up every other one."""
    return scheduling.Slot(
        here.device,
        here.name,
        siblings=here.identity.child_prefix,
        memory_bytes=here.memory_bytes,
        running_jobs=here.settings.running_jobs,
        environments=here.environments,
        environment_wait_seconds=here.settings.environment_wait_seconds,
    )


def _prompt(here: Process) -> None:
    """Say that jobs still wait, where they do and nothing says so.

    A message that came while their key was at its limit, or while memory was short, started none of them.
    """
    try:
        with here.database.read() as session:
            waiting = {device: scheduling.waits(session, device) for device in (CPU, GPU)}
    except Unavailable:
        return  # the reconciler looks too
    for device, job_id in waiting.items():
        if job_id is not None:
            here.queue.prompt_job(job_id, device)


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
