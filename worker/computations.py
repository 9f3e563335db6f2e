"""One attempt at a long computation about a job: claim it, hold its lease, work it out, succeed or fail."""

import time
from collections.abc import Callable, Mapping
from typing import Final

import structlog
from sqlalchemy.orm import Session

from steepest.spec.errors import JobFailed, NotFound, Unavailable
from store import computations
from store.computations import ComputationClaim
from store.fence import FencedOff
from store.models import ComputationKind
from worker.attempt import claimed, explained, persist, renewing, watching
from worker.computing import Outcome, Task
from worker.evaluation import evaluation
from worker.lease import Lease, Stop, Stopped
from worker.prediction import prediction
from worker.process import Process

log = structlog.get_logger(__name__)

WORKS: Final[Mapping[str, Callable[[Task], Outcome]]] = {
    ComputationKind.EVALUATION: evaluation,
    ComputationKind.PREDICTION: prediction,
}
"""What each kind of computation does."""


class ThingGone(JobFailed):
    """What the computation needs has been deleted."""

    status, code, title, fault, retryable = 404, "not_found", "Not found", "user", False


def run(here: Process, computation_id: str) -> None:
    """Claim the computation and work it out; nothing when it does not wait."""
    if here.drain.asked:
        here.queue.announce_computation(computation_id)
        return
    seconds = here.settings.lease_seconds
    with structlog.contextvars.bound_contextvars(computation=computation_id):
        taken_at = time.monotonic()
        claim = claimed(here.database, lambda session: computations.claim(session, computation_id, here.name, seconds))
        if claim is None:
            return
        ask = renewing(here.database, lambda session: computations.renew(session, claim, seconds))
        with (
            structlog.contextvars.bound_contextvars(attempt=claim.attempt, job=claim.computation.job_id),
            Lease(ask, seconds, taken_at=taken_at) as lease,
        ):
            log.info("computation_started", kind=claim.computation.kind)
            try:
                _attempt(here, claim, lease)
            except Stopped as stopped:
                log.info("computation_stopped", why=stopped.why.value)
            except FencedOff:
                log.info("computation_stopped", why=Stop.FENCED.value)


def _attempt(here: Process, claim: ComputationClaim, lease: Lease) -> None:
    def succeed(session: Session) -> None:
        computations.succeed(session, claim, outcome.result, outcome.blob_id)

    try:
        outcome = WORKS[claim.computation.kind](Task(here, claim.computation, watching(lease, here.drain)))
        persist(here.database, lease, succeed)
        log.info("computation_finished")
    except Stopped as stopped:
        if stopped.why is Stop.DRAIN:
            persist(here.database, lease, lambda session: computations.release(session, claim))
            here.queue.announce_computation(claim.computation_id)
        raise
    except FencedOff:
        raise
    except Unavailable:
        # Nobody's fault, and not announced here: the reconciler comes when the database is back. Or its file was swept
        # before it could be held, and has to be made anew.
        persist(here.database, lease, lambda session: computations.release(session, claim))
        raise Stopped(Stop.CUT_OFF) from None
    except Exception as error:
        problem = explained(_as_failure(error))
        persist(here.database, lease, lambda session: computations.fail(session, claim, problem))


def _as_failure(error: Exception) -> Exception:
    """What was deleted while this was waiting is not our fault; a user is told what is gone."""
    return ThingGone(error.detail) if isinstance(error, NotFound) else error
