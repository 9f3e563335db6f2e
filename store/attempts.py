"""What a worker does to a job. Every write is guarded by the attempt and by a state in which a worker holds the job.

A worker that was presumed dead, and is not, finds each of its writes refused: `FencedOff`. It stops and touches
nothing further; the job belongs to a later attempt, or is over.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, bindparam, case, func, literal, select, true, update
from sqlalchemy.orm import Session

from steepest.spec.errors import JobError, Poison
from steepest.spec.names import StoppedBy
from steepest.spec.outcome import Environment, Result
from steepest.spec.states import HELD, LEASE_EXPIRED, JobState
from store import checkpoints, events
from store.database import now
from store.fence import HELD_BY, Claim, FencedOff, fenced, guard, token
from store.models import JobRow
from store.patience import MOST_FAILURES
from store.transitions import move, to

__all__ = [
    "Claim",
    "FencedOff",
    "Position",
    "claim",
    "deviate",
    "expire",
    "fail",
    "finish",
    "held",
    "memory_held",
    "overdue",
    "progress",
    "release",
    "renew",
    "start",
    "state",
    "tell",
]

# Asked several times a second by each attempt, and therefore put together once.
_STATE: Final = select(JobRow.status).where(HELD_BY)
_RENEWAL: Final = (
    update(JobRow)
    .where(HELD_BY)
    .values(lease_until=bindparam("until"))
    .returning(JobRow.status)
    .execution_options(synchronize_session=False)
)


@dataclass(frozen=True)
class Position:
    """How far an attempt is."""

    epoch: int
    """Epochs finished."""
    step: int
    """Steps done of the next epoch."""
    steps_per_epoch: int
    eta_seconds: float | None = None

    @property
    def steps(self) -> int:
        """Steps since the start of training."""
        return self.epoch * self.steps_per_epoch + self.step


def claim(session: Session, job_id: str, worker: str, lease_seconds: float) -> Claim | None:
    """Take a queued job: the next attempt begins. None when there is nothing to claim."""
    moment = now(session)
    row = move(
        session,
        to(JobState.RUNNING),
        JobRow.id == job_id,
        moment,
        values={
            "attempt": JobRow.attempt + 1,
            "worker": worker,
            "lease_until": moment + timedelta(seconds=lease_seconds),
            "started_at": func.coalesce(JobRow.started_at, moment),
            "progress_at": moment,
            "reached_before": JobRow.reached,
            "eta_seconds": None,
        },
        data={"worker": worker},
    )
    return None if row is None else Claim(row, row.attempt, worker)


def renew(session: Session, claim: Claim, lease_seconds: float) -> JobState | None:
    """Extend the lease; the job's state, from which the worker learns that it shall stop. None: fenced off."""
    until = now(session) + timedelta(seconds=lease_seconds)
    return session.scalars(_RENEWAL, {**token(claim), "until": until}).one_or_none()


def state(session: Session, claim: Claim) -> JobState | None:
    """The job's state, by a read that takes no lock: cheap enough to ask a few times a second. None: fenced off."""
    return session.scalars(_STATE, token(claim)).one_or_none()


def start(session: Session, claim: Claim, environment: Environment, *, anew: bool = False) -> Environment:
    """Record the numeric environment that the job begins in; that in which it began, whichever attempt this is.

    Args:
        session: Its transaction.
        claim: Whose attempt it is.
        environment: Of this attempt.
        anew: Nothing of an earlier attempt goes on, so that the job begins now.

    Raises:
        FencedOff: the attempt no longer holds the job.
    """
    mine: dict[str, ColumnElement[Any]] = {
        "environment": literal(environment, JobRow.environment.type),
        "environment_sha256": literal(environment.sha256, JobRow.environment_sha256.type),
    }
    begins = true() if anew else JobRow.environment.is_(None)
    values: dict[str, Any] = {name: case((begins, value), else_=getattr(JobRow, name)) for name, value in mine.items()}
    fenced(session, claim, values | ({"bit_exact": True} if anew else {}))
    first = session.scalars(select(JobRow.environment).where(JobRow.id == claim.job_id)).one()
    if first is None:
        raise AssertionError("the environment was just written")
    return first


def deviate(session: Session, claim: Claim) -> None:
    """Note that weights of another numeric environment than the job's are stored: later ones are right to rounding.

    It stays so when an attempt in the job's own environment goes on from them.

    Raises:
        FencedOff: the attempt no longer holds the job.
    """
    fenced(session, claim, {"bit_exact": False})


def progress(session: Session, claim: Claim, position: Position) -> JobState:
    """Record how far the attempt is, and that it moves; the job's state.

    Raises:
        FencedOff: the attempt no longer holds the job.
    """
    values = {
        "step": position.step,
        "eta_seconds": position.eta_seconds,
        "progress_at": now(session),
        "reached": case((JobRow.reached < position.steps, position.steps), else_=JobRow.reached),
    }
    return fenced(session, claim, values).status


def tell(session: Session, claim: Claim, kind: str, data: Mapping[str, Any]) -> None:
    """Write an event that changes no state, such as `job.resumed` with the epoch it goes on from.

    Raises:
        FencedOff: the attempt no longer holds the job.
    """
    row = fenced(session, claim, {"last_event": JobRow.last_event + 1})
    events.record(session, row, kind, now(session), data)


def finish(session: Session, claim: Claim, result: Result, stopped_by: StoppedBy) -> JobRow:
    """End the job as succeeded. Its last checkpoints are saved in the same transaction, before.

    Raises:
        FencedOff: the attempt no longer holds the job.
    """
    values = {
        "result": result,
        "stopped_by": stopped_by,
        "step": 0,
        "eta_seconds": None,
    }
    row = _end(session, claim, JobState.SUCCEEDED, values)
    checkpoints.drop_states(session, row)
    return row


def fail(session: Session, claim: Claim, error: JobError) -> JobRow:
    """End the job as failed, for a reason that another attempt would meet again. Its last checkpoint stays.

    Raises:
        FencedOff: the attempt no longer holds the job.
    """
    return _end(session, claim, JobState.FAILED, {"error": error, "eta_seconds": None}, {"code": error.code})


def release(session: Session, claim: Claim, reason: str = "released") -> JobState:
    """Let the job go: asked to cancel or pause, it is cancelled or paused; else it is queued for another worker.

    No failure is counted. A job that is queued is to be announced, once this transaction is committed.

    Raises:
        FencedOff: the attempt no longer holds the job.
    """
    row = _let_go(session, guard(claim), now(session), {"eta_seconds": None}, reason)
    if row is None:
        raise FencedOff(f"attempt {claim.attempt} no longer holds {claim.job_id}")
    return row.status


def expire(
    session: Session, job_id: str, attempt: int, *, reason: Literal["lease_expired", "worker_lost"] = "lease_expired"
) -> JobState | None:
    """Take the job from an attempt that ended without a word; its new state, None when the attempt no longer holds it.

    A failure counts when the attempt got no further than all before it; the third in a row is poison.
    The reconciler calls this for leases that ran out (`overdue`); a worker for a child of its own that died
    (`worker_lost`), without waiting for the lease.
    """
    moment = now(session)
    held = (JobRow.id == job_id) & (JobRow.attempt == attempt)
    if reason == "lease_expired":
        held &= JobRow.lease_until <= moment
    failures = case((JobRow.reached > JobRow.reached_before, 0), else_=JobRow.failures + 1)
    row = _let_go(session, held, moment, {"failures": failures, "eta_seconds": None}, reason)
    if row is None:
        return None
    if row.status is JobState.QUEUED and row.failures >= MOST_FAILURES:
        _poison(session, row, moment)
        return JobState.FAILED
    return row.status


def held(session: Session, worker_prefix: str) -> list[tuple[str, int, str]]:
    """Jobs held by workers whose names begin so: each with its attempt and its worker's name."""
    query = select(JobRow.id, JobRow.attempt, JobRow.worker).where(
        JobRow.lease_until.is_not(None), JobRow.worker.startswith(worker_prefix, autoescape=True)
    )
    return [(job_id, attempt, worker or "") for job_id, attempt, worker in session.execute(query)]


def memory_held(session: Session, worker_prefix: str) -> int:
    """The estimated memory of all jobs that workers whose names begin so hold."""
    held = JobRow.lease_until.is_not(None) & JobRow.worker.startswith(worker_prefix, autoescape=True)
    return session.scalars(select(func.coalesce(func.sum(JobRow.memory_bytes), 0)).where(held)).one()


def overdue(session: Session, most: int = 100) -> list[tuple[str, int]]:
    """Jobs whose lease has run out, each with the attempt that held it, longest first."""
    query = select(JobRow.id, JobRow.attempt).where(JobRow.lease_until <= now(session))
    return [(job_id, attempt) for job_id, attempt in session.execute(query.order_by(JobRow.lease_until).limit(most))]


def _end(
    session: Session, claim: Claim, target: JobState, values: Mapping[str, Any], data: Mapping[str, Any] | None = None
) -> JobRow:
    row = move(session, to(target, HELD), guard(claim), now(session), values=values, data=data)
    if row is None:
        raise FencedOff(f"attempt {claim.attempt} no longer holds {claim.job_id}")
    return row


def _let_go(
    session: Session, held: ColumnElement[bool], moment: datetime, values: Mapping[str, Any], reason: str
) -> JobRow | None:
    row = move(session, LEASE_EXPIRED, held, moment, values=values, data={"reason": reason})
    if row is not None and row.status is JobState.CANCELLED:
        checkpoints.drop_states(session, row)
    return row


def _poison(session: Session, row: JobRow, moment: datetime) -> None:
    error = Poison(
        f"{row.failures} attempts in a row ended without a word and without getting any further, most likely because "
        "the job needs more memory than its worker has. Make the batch, the layers or the data smaller.",
        failures=row.failures,
        attempt=row.attempt,
    ).error()
    values = {"error": error}
    data = {"code": error.code}
    move(
        session,
        to(JobState.FAILED, frozenset({JobState.QUEUED})),
        JobRow.id == row.id,
        moment,
        values=values,
        data=data,
    )
