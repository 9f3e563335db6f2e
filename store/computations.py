"""Long computations about a job: asked for, worked out by a worker under a lease, succeeded or failed.

What a kind of computation does, the worker knows; here all kinds are alike. They go with their job at the latest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, select, update
from sqlalchemy import delete as sql_delete
from sqlalchemy.orm import Session, defer

from steepest.spec.errors import Conflict, JobError, JobFailed, NotFound
from steepest.spec.figures import EvaluationResult
from steepest.spec.names import HELD_OUT
from steepest.spec.states import ComputationState
from store import blobs, ids
from store.database import now
from store.fence import Claim, FencedOff, fenced
from store.holds import hold_dataset, note_use
from store.models import ComputationKind, ComputationResult, ComputationRow, JobRow
from store.pages import DEFAULT_LIMIT, Page, newest_first
from store.patience import FIRST_REMINDER, MOST_FAILURES

_ALIVE: Final = (ComputationState.QUEUED, ComputationState.RUNNING)


class ComputationLost(JobFailed):
    """The computation's worker died several times in a row."""

    code, title = "computation_lost", "The computation ended its worker repeatedly"


@dataclass(frozen=True)
class ComputationClaim:
    """A worker's hold on a computation."""

    computation: ComputationRow
    """As it was when it was claimed."""
    attempt: int

    @property
    def computation_id(self) -> str:
        """The computation's id."""
        return self.computation.id

    @property
    def account_id(self) -> str:
        """Whose computation it is."""
        return self.computation.account_id


def create(
    session: Session,
    job: JobRow,
    kind: ComputationKind,
    dataset_id: str,
    parameters: Mapping[str, Any] | None = None,
) -> ComputationRow:
    """Save a queued computation. The caller announces it, once this transaction is committed.

    Raises:
        ValidationFailed: the account has no such data set; pointer `/dataset`.
        NotFound: the job has been deleted meanwhile.
        Conflict: the data set is not ready.
    """
    _use_job(session, job)
    hold_dataset(session, job.account_id, dataset_id)
    moment = now(session)
    row = ComputationRow(
        id=ids.new_id(ids.COMPUTATION),
        account_id=job.account_id,
        job_id=job.id,
        kind=kind.value,
        dataset_id=dataset_id,
        parameters=dict(parameters or {}),
        status=ComputationState.QUEUED,
        created_at=moment,
        announce_at=moment + FIRST_REMINDER,
        announcements=1,
    )
    session.add(row)
    session.flush()
    return row


def save_held_out(session: Session, claim: Claim, outcome: EvaluationResult | JobError) -> ComputationRow:
    """Save what an attempt at a job found out about its held-out rows, in the transaction that ends the job.

    An error there is no reason to lose the training: it is told in the evaluation's place.

    Raises:
        FencedOff: the attempt no longer holds the job.
    """
    moment, failed = now(session), isinstance(outcome, JobError)
    fenced(session, claim, {"progress_at": moment})
    row = ComputationRow(
        id=ids.new_id(ids.COMPUTATION),
        account_id=claim.account_id,
        job_id=claim.job_id,
        kind=ComputationKind.EVALUATION.value,
        name=HELD_OUT,
        dataset_id=claim.job.dataset_id,
        parameters={},
        status=ComputationState.FAILED if failed else ComputationState.SUCCEEDED,
        result=None if failed else outcome,
        error=outcome if failed else None,
        created_at=moment,
        finished_at=moment,
    )
    session.add(row)
    session.flush()
    return row


def get(session: Session, account_id: str, job_id: str, kind: ComputationKind, wanted: str) -> ComputationRow:
    """A computation about a job, by its id, or by its name if it has one.

    Raises:
        NotFound: the job has none of this kind and id.
    """
    named = ComputationRow.name == wanted if wanted == HELD_OUT else ComputationRow.id == wanted
    row = session.scalars(_of(account_id, job_id, kind).where(named)).first()
    if row is None and wanted == HELD_OUT:
        raise NotFound("There are no figures of held-out rows: the job has not succeeded, or it had no test rows.")
    if row is None:
        raise NotFound(f"The job has no {kind.value} {wanted}.")
    return row


def held_out_rows(session: Session, job: JobRow) -> int | None:
    """How many rows the job was tested with; None when nothing came out of that."""
    query = _of(job.account_id, job.id, ComputationKind.EVALUATION).where(ComputationRow.name == HELD_OUT)
    row = session.scalars(query).first()
    return row.result.rows if row is not None and row.result is not None else None


def page(
    session: Session,
    account_id: str,
    job_id: str,
    kind: ComputationKind,
    limit: int = DEFAULT_LIMIT,
    after: str | None = None,
    *,
    results: bool = True,
) -> Page[ComputationRow]:
    """The computations of a kind about a job, newest first; without `results` what came out of them is not read.

    Raises:
        InvalidRequest: `after` is no computation's id.
    """
    query = _of(account_id, job_id, kind)
    if not results:
        query = query.options(defer(ComputationRow.result, raiseload=True))
    return newest_first(session, query, ComputationRow.id, ids.COMPUTATION, limit, after)


def using(session: Session, account_id: str, dataset_id: str) -> ComputationRow | None:
    """A computation that still needs a data set, if there is one."""
    query = select(ComputationRow).where(
        ComputationRow.account_id == account_id, ComputationRow.dataset_id == dataset_id
    )
    return session.scalars(query.where(ComputationRow.status.in_(_ALIVE)).limit(1)).first()


def delete(session: Session, account_id: str, job_id: str, kind: ComputationKind, wanted: str) -> None:
    """Remove a computation with its figures and its file; one that is at work stops when it next writes.

    Raises:
        NotFound: the job has none of this kind and id.
        Conflict: it comes with the job.
    """
    row = get(session, account_id, job_id, kind, wanted)
    if row.name is not None:
        raise Conflict("These figures come with the job and go with it.")
    if row.dataset_id is not None:
        note_use(session, account_id, [(row.dataset_id, row.finished_at or now(session))])
    mine = (ComputationRow.account_id == account_id, ComputationRow.id == row.id)
    gone = sql_delete(ComputationRow).where(*mine).returning(ComputationRow.blob_id)
    # As it is now: a worker may have ended it since it was looked at.
    blobs.let_go(session, session.scalars(gone.execution_options(synchronize_session=False)).all())


def blobs_of(session: Session, account_id: str, job_id: str) -> Sequence[str | None]:
    """The files that computations about a job have left."""
    query = select(ComputationRow.blob_id).where(
        ComputationRow.account_id == account_id, ComputationRow.job_id == job_id, ComputationRow.blob_id.is_not(None)
    )
    return session.scalars(query).all()


def claim(session: Session, computation_id: str, worker: str, lease_seconds: float) -> ComputationClaim | None:
    """Take a queued computation: the next attempt begins. None when there is nothing to claim."""
    moment = now(session)
    waits = and_(ComputationRow.id == computation_id, ComputationRow.status == ComputationState.QUEUED)
    values = {
        "status": ComputationState.RUNNING,
        "attempt": ComputationRow.attempt + 1,
        "worker": worker,
        "lease_until": moment + timedelta(seconds=lease_seconds),
        "started_at": moment,
        "announce_at": None,
        "announcements": 0,
    }
    row = _update(session, waits, values)
    return None if row is None else ComputationClaim(row, row.attempt)


def renew(session: Session, claim: ComputationClaim, lease_seconds: float) -> bool:
    """Extend the lease; False when the attempt no longer holds the computation, or it is gone."""
    lease = {"lease_until": now(session) + timedelta(seconds=lease_seconds)}
    return _update(session, _guard(claim), lease) is not None


def succeed(
    session: Session, claim: ComputationClaim, result: ComputationResult, blob_id: str | None = None
) -> ComputationRow:
    """Keep what came out.

    Raises:
        FencedOff: the attempt no longer holds the computation, or it is gone.
        BlobGone: the file has been swept in the meantime.
    """
    if blob_id is not None:
        blobs.hold(session, claim.account_id, blob_id)
    values = {"status": ComputationState.SUCCEEDED, "result": result, "blob_id": blob_id}
    return _end(session, claim, values)


def fail(session: Session, claim: ComputationClaim, error: JobError) -> ComputationRow:
    """It cannot be worked out, for a reason that another attempt would meet again.

    Raises:
        FencedOff: the attempt no longer holds the computation, or it is gone.
    """
    return _end(session, claim, {"status": ComputationState.FAILED, "error": error})


def release(session: Session, claim: ComputationClaim) -> None:
    """Let it go for another worker; no failure is counted. It is to be announced after the commit.

    Raises:
        FencedOff: the attempt no longer holds the computation, or it is gone.
    """
    if _update(session, _guard(claim), {**_FREE, "announce_at": now(session)}) is None:
        raise FencedOff(f"attempt {claim.attempt} no longer holds {claim.computation_id}")


def expire(session: Session, computation_id: str, attempt: int) -> ComputationState | None:
    """Take it from an attempt whose lease has run out; its state, None when there was nothing to take."""
    moment = now(session)
    held = and_(
        ComputationRow.id == computation_id, ComputationRow.attempt == attempt, ComputationRow.lease_until <= moment
    )
    row = _update(session, held, {**_FREE, "failures": ComputationRow.failures + 1, "announce_at": moment})
    if row is None:
        return None
    if row.failures >= MOST_FAILURES:
        error = ComputationLost(
            f"It ended its worker {row.failures} times in a row, most likely because it needs more memory than the "
            "worker has. Ask again, with fewer rows if it fails again."
        ).error()
        lost = {"status": ComputationState.FAILED, "error": error, "finished_at": moment, "announce_at": None}
        _update(session, ComputationRow.id == computation_id, lost)
        return ComputationState.FAILED
    return row.status


def overdue(session: Session, most: int = 100) -> list[tuple[str, int]]:
    """Computations whose lease has run out, each with the attempt that held it."""
    query = select(ComputationRow.id, ComputationRow.attempt).where(ComputationRow.lease_until <= now(session))
    return [(computation_id, attempt) for computation_id, attempt in session.execute(query.limit(most))]


_FREE: Final = {"status": ComputationState.QUEUED, "worker": None, "lease_until": None}


def _of(account_id: str, job_id: str, kind: ComputationKind) -> Select[ComputationRow]:
    return select(ComputationRow).where(
        ComputationRow.account_id == account_id, ComputationRow.job_id == job_id, ComputationRow.kind == kind.value
    )


def _use_job(session: Session, job: JobRow) -> None:
    """Make sure that the job stays until this transaction has saved what is about it."""
    query = select(JobRow.id).where(JobRow.account_id == job.account_id, JobRow.id == job.id)
    if session.scalars(query.with_for_update(read=True)).first() is None:
        raise NotFound(f"There is no job {job.id}.")


def _guard(claim: ComputationClaim) -> ColumnElement[bool]:
    return and_(
        ComputationRow.id == claim.computation_id,
        ComputationRow.attempt == claim.attempt,
        ComputationRow.status == ComputationState.RUNNING,
    )


def _end(session: Session, claim: ComputationClaim, values: Mapping[str, Any]) -> ComputationRow:
    row = _update(session, _guard(claim), {**_FREE, "finished_at": now(session), **values})
    if row is None:
        raise FencedOff(f"attempt {claim.attempt} no longer holds {claim.computation_id}")
    return row


def _update(session: Session, guard: ColumnElement[bool], values: Mapping[str, Any]) -> ComputationRow | None:
    statement = (
        update(ComputationRow)
        .where(guard)
        .values(dict(values))
        .returning(ComputationRow)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    return session.scalars(statement).one_or_none()
