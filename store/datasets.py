"""Data sets: created from a stored upload, ingested by a worker under a lease, ready or failed, deleted when unused."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, select, update
from sqlalchemy.orm import Session

from steepest.spec.columns import Column, ColumnChange, Role
from steepest.spec.errors import Conflict, FieldProblem, JobError, JobFailed, NotFound, ValidationFailed
from steepest.spec.ingest import IngestOptions
from steepest.spec.problems import Suggestions, pointer_to, raised
from steepest.spec.states import TERMINAL, DatasetState, JobState
from store import blobs, computations, ids
from store.database import now
from store.fence import FencedOff
from store.models import DatasetRow, JobRow
from store.pages import DEFAULT_LIMIT, Page, newest_first
from store.patience import FIRST_REMINDER, MOST_FAILURES


@dataclass(frozen=True)
class DatasetClaim:
    """A worker's hold on a data set while it ingests it."""

    dataset: DatasetRow
    """As it was when it was claimed."""
    attempt: int

    @property
    def dataset_id(self) -> str:
        """The data set's id."""
        return self.dataset.id

    @property
    def account_id(self) -> str:
        """Whose data set it is."""
        return self.dataset.account_id


def create(
    session: Session,
    account_id: str,
    blob_id: str,
    name: str,
    format: str,  # noqa: A002 (the field's name)
    content_type: str | None = None,
    options: IngestOptions | None = None,
) -> DatasetRow:
    """Save a data set over a complete blob. The caller announces it, once this transaction is committed.

    Raises:
        BlobGone: the blob has been swept in the meantime.
    """
    blob = blobs.hold(session, account_id, blob_id)
    moment = now(session)
    row = DatasetRow(
        id=ids.new_id(ids.DATASET),
        account_id=account_id,
        blob_id=blob.id,
        name=name,
        status=DatasetState.VALIDATING,
        format=format,
        content_type=content_type,
        options=options,
        bytes=blob.size,
        sha256=blob.sha256 or "",
        warnings=[],
        created_at=moment,
        announce_at=moment + FIRST_REMINDER,
        announcements=1,
    )
    session.add(row)
    session.flush()
    return row


def get(session: Session, account_id: str, dataset_id: str) -> DatasetRow:
    """A data set.

    Raises:
        NotFound: the account has none of this id.
    """
    row = session.scalars(
        select(DatasetRow).where(DatasetRow.account_id == account_id, DatasetRow.id == dataset_id)
    ).first()
    if row is None:
        raise NotFound(f"There is no data set {dataset_id}.")
    return row


def page(session: Session, account_id: str, limit: int = DEFAULT_LIMIT, after: str | None = None) -> Page[DatasetRow]:
    """The account's data sets, newest first.

    Raises:
        InvalidRequest: `after` is no data set's id.
    """
    query = select(DatasetRow).where(DatasetRow.account_id == account_id)
    return newest_first(session, query, DatasetRow.id, ids.DATASET, limit, after)


def change(
    session: Session,
    account_id: str,
    dataset_id: str,
    name: str | None = None,
    columns: Mapping[str, ColumnChange] | None = None,
) -> DatasetRow:
    """Rename a data set, and say what its columns are.

    A column that is to have another kind has its file read again, and so has any kind where that failed: the data set
    is then `validating`, and the caller announces it, once this transaction is committed.

    Args:
        session: A transaction that writes.
        account_id: Whose data set it is.
        dataset_id: The data set's id.
        name: A new name; None leaves the one it has.
        columns: By name; of each, the fields that are set.

    Raises:
        NotFound: the account has no such data set.
        UnknownColumns: there are no such columns.
        Conflict: the data set is being read, or a job that is not over needs the kinds that it has.
    """
    row = _locked(session, account_id, dataset_id)
    if name is not None:
        row.name = name
    if columns:
        _change_columns(session, row, columns)
    session.flush()
    return row


def _change_columns(session: Session, row: DatasetRow, changes: Mapping[str, ColumnChange]) -> None:
    if row.status is DatasetState.VALIDATING:
        raise Conflict(
            "The data set is being read; its columns can be changed once it is ready or failed.", state=row.status.value
        )
    if row.columns is not None:
        known = dict.fromkeys(column.name for column in row.columns)
        if unknown := [name for name in changes if name not in known]:
            raise UnknownColumns(unknown, known)
    before = row.kinds
    merged = dict(row.changes or {})
    for name, change in changes.items():
        fields = {field: getattr(change, field) for field in change.model_fields_set}
        merged[name] = merged.get(name, ColumnChange()).model_copy(update=fields)
    row.changes = merged
    again = row.status is DatasetState.FAILED and any("kind" in change.model_fields_set for change in changes.values())
    if again or row.kinds != before:
        _check_unused(session, row, "change the kinds of its columns")
        row.status, row.error, row.finished_at = DatasetState.VALIDATING, None, None
        row.failures, row.announcements, row.announce_at = 0, 1, now(session) + FIRST_REMINDER
    if row.columns is not None:
        row.columns = with_roles(row.columns, row.roles)


def with_roles(columns: Sequence[Column], roles: Mapping[str, Role]) -> list[Column]:
    """The columns with the roles that people gave them."""
    return [column.model_copy(update={"role": roles.get(column.name, "feature")}) for column in columns]


class UnknownColumns(Exception):
    """Columns are to be changed that are not there. What to say of it is worked out when no lock is held any more."""

    def __init__(self, unknown: Sequence[str], known: Collection[str]) -> None:
        super().__init__(*unknown)
        self._unknown, self._known = unknown, known

    def problem(self) -> ValidationFailed:
        """The error that names each, with the nearest column; pointers `/columns/<name>`."""
        near = Suggestions(self._known)
        return raised(
            [
                FieldProblem(
                    pointer=pointer_to(["columns", name]), detail=f'the data set has no column "{name}"{near(name)}'
                )
                for name in self._unknown
            ]
        )


def delete(session: Session, account_id: str, dataset_id: str) -> None:
    """Remove a data set, and its bytes if nothing else refers to them. Finished jobs keep what they made of it.

    Raises:
        NotFound: the account has no such data set.
        Conflict: a job or a computation that is not over needs it.
    """
    row = _locked(session, account_id, dataset_id)
    _check_unused(session, row, "delete the data set")
    session.delete(row)
    blobs.let_go(session, [row.blob_id])


def claim(session: Session, dataset_id: str, worker: str, lease_seconds: float) -> DatasetClaim | None:
    """Take a data set that waits to be ingested; None when there is nothing to claim."""
    waits = and_(DatasetRow.id == dataset_id, DatasetRow.status == DatasetState.VALIDATING, DatasetRow.worker.is_(None))
    values = {
        "attempt": DatasetRow.attempt + 1,
        "worker": worker,
        "lease_until": now(session) + timedelta(seconds=lease_seconds),
        "announce_at": None,
        "announcements": 0,
    }
    row = _update(session, waits, values)
    return None if row is None else DatasetClaim(row, row.attempt)


def renew(session: Session, claim: DatasetClaim, lease_seconds: float) -> bool:
    """Extend the lease; False when the attempt no longer holds the data set, or the data set is gone."""
    lease = {"lease_until": now(session) + timedelta(seconds=lease_seconds)}
    return _update(session, _guard(claim), lease) is not None


def mark_ready(
    session: Session,
    claim: DatasetClaim,
    rows: int,
    columns: Sequence[Column],
    warnings: Sequence[str] = (),
    image_shape: Sequence[int] | None = None,
) -> DatasetRow:
    """The data set was read whole.

    Raises:
        FencedOff: the attempt no longer holds the data set, or the data set is gone.
    """
    roles = claim.dataset.roles  # none can change while the data set is being read
    values: dict[str, Any] = {"rows": rows, "columns": with_roles(columns, roles), "warnings": list(warnings)}
    values["image_shape"] = None if image_shape is None else list(image_shape)
    return _end(session, claim, {"status": DatasetState.READY, **values})


def mark_failed(session: Session, claim: DatasetClaim, error: JobError) -> DatasetRow:
    """The data set cannot be used, for a reason that another attempt would meet again.

    Raises:
        FencedOff: the attempt no longer holds the data set, or the data set is gone.
    """
    return _end(session, claim, {"status": DatasetState.FAILED, "error": error})


def release(session: Session, claim: DatasetClaim) -> None:
    """Let the data set go for another worker; no failure is counted. It is to be announced after the commit.

    Raises:
        FencedOff: the attempt no longer holds the data set, or the data set is gone.
    """
    if _update(session, _guard(claim), {"worker": None, "lease_until": None, "announce_at": now(session)}) is None:
        raise FencedOff(f"attempt {claim.attempt} no longer holds {claim.dataset_id}")


def expire(session: Session, dataset_id: str, attempt: int) -> DatasetState | None:
    """Take the data set from an attempt whose lease has run out; its state, None when there was nothing to take."""
    moment = now(session)
    held = and_(DatasetRow.id == dataset_id, DatasetRow.attempt == attempt, DatasetRow.lease_until <= moment)
    values = {"failures": DatasetRow.failures + 1, "worker": None, "lease_until": None, "announce_at": moment}
    row = _update(session, held, values)
    if row is None:
        return None
    if row.failures >= MOST_FAILURES:
        error = IngestLost(
            f"Reading the data ended its worker {row.failures} times in a row, most likely because it needs more "
            "memory than the worker has. Upload it again, with fewer columns or rows if it fails again."
        ).error()
        lost = {"status": DatasetState.FAILED, "error": error, "finished_at": moment, "announce_at": None}
        _update(session, DatasetRow.id == dataset_id, lost)
        return DatasetState.FAILED
    return row.status


def overdue(session: Session, most: int = 100) -> list[tuple[str, int]]:
    """Data sets whose lease has run out, each with the attempt that held it."""
    query = select(DatasetRow.id, DatasetRow.attempt).where(DatasetRow.lease_until <= now(session))
    return [(dataset_id, attempt) for dataset_id, attempt in session.execute(query.limit(most))]


def _locked(session: Session, account_id: str, dataset_id: str) -> DatasetRow:
    query = select(DatasetRow).where(DatasetRow.account_id == account_id, DatasetRow.id == dataset_id)
    row = session.scalars(query.with_for_update()).first()
    if row is None:
        raise NotFound(f"There is no data set {dataset_id}.")
    return row


def _check_unused(session: Session, row: DatasetRow, what: str) -> None:
    """Refuse what a job that is not over would not bear."""
    alive = sorted(frozenset(JobState) - TERMINAL)
    needs = select(JobRow.id, JobRow.status).where(
        JobRow.account_id == row.account_id, JobRow.dataset_id == row.id, JobRow.status.in_(alive)
    )
    job = session.execute(needs.limit(1)).first()
    if job is not None:
        raise Conflict(
            f"The data set is in use: the job {job.id} is {job.status.value}. Cancel the job or wait for its end, then "
            f"{what}.",
            state=row.status.value,
        )
    computation = computations.using(session, row.account_id, row.id)
    if computation is not None:
        raise Conflict(
            f"The data set is in use: {computation.id} of the job {computation.job_id} is {computation.status.value}. "
            f"Wait for its end, then {what}.",
            state=row.status.value,
        )


class IngestLost(JobFailed):
    """The data set's worker died several times in a row."""

    code, title = "ingest_lost", "Reading the data ended its worker repeatedly"


def _guard(claim: DatasetClaim) -> ColumnElement[bool]:
    return and_(
        DatasetRow.id == claim.dataset_id, DatasetRow.attempt == claim.attempt, DatasetRow.lease_until.is_not(None)
    )


def _end(session: Session, claim: DatasetClaim, values: Mapping[str, Any]) -> DatasetRow:
    free = {"worker": None, "lease_until": None, "finished_at": now(session)}
    row = _update(session, _guard(claim), {**free, **values})
    if row is None:
        raise FencedOff(f"attempt {claim.attempt} no longer holds {claim.dataset_id}")
    return row


def _update(session: Session, guard: ColumnElement[bool], values: Mapping[str, Any]) -> DatasetRow | None:
    statement = (
        update(DatasetRow)
        .where(guard)
        .values(dict(values))
        .returning(DatasetRow)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    return session.scalars(statement).one_or_none()
