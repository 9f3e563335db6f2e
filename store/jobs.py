"""Jobs as their owner sees them: submit, look, list, pause, resume, retry, cancel, delete.

What a worker does to them is in `attempts`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypedDict

from sqlalchemy import delete as delete_from
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from steepest.spec.errors import Conflict, NotFound, ValidationFailed
from steepest.spec.job import JobSpec
from steepest.spec.resolved import ResolvedJobSpec
from steepest.spec.states import FULFILLED, MEANING, REQUESTS, TERMINAL, JobState, possible
from store import blobs, checkpoints, computations, events, ids, lineage, splits, warm_starts
from store.database import now
from store.holds import hold_dataset, note_use
from store.models import CheckpointRow, ComputationRow, JobRow, LabelRow
from store.pages import DEFAULT_LIMIT, Page, newest_first
from store.patience import FIRST_REMINDER
from store.transitions import move

_DONE: Final = {"pause": "paused", "resume": "resumed", "retry": "retried", "cancel": "cancelled"}


@dataclass(frozen=True)
class JobFilter:
    """Which jobs a list shows; None does not filter."""

    status: JobState | None = None
    dataset_id: str | None = None
    name: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    created_after: datetime | None = None


class JobChanges(TypedDict, total=False):
    """What may be changed of a job at any time; what is not named stays as it is."""

    name: str | None
    metadata: Mapping[str, str]


def submit(
    session: Session,
    account_id: str,
    spec: JobSpec,
    resolved: ResolvedJobSpec,
    warnings: Sequence[str] = (),
    *,
    key_id: str = "",
    memory_bytes: int = 0,
) -> JobRow:
    """Save a queued job with its first event. The caller announces it, once this transaction is committed.

    Args:
        session: Its transaction.
        account_id: Whose job it is.
        spec: As requested.
        resolved: As it is to be trained.
        warnings: What its owner is told.
        key_id: The key that submits it, whose limit of running jobs is to hold.
        memory_bytes: What training it is estimated to need.

    Raises:
        ValidationFailed: the account has no such data set, or not the weights that it is to start from.
        Conflict: the data set is not ready.
    """
    hold_dataset(session, account_id, spec.dataset)
    moment = now(session)
    row = JobRow(
        id=ids.new_id(ids.JOB),
        account_id=account_id,
        dataset_id=spec.dataset,
        key_id=key_id,
        memory_bytes=memory_bytes,
        name=spec.name,
        status=JobState.QUEUED,
        priority=spec.priority,
        device=resolved.device,
        spec=spec,
        resolved_spec=resolved,
        labels=dict(spec.metadata),
        warnings=list(warnings),
        created_at=moment,
        epochs=resolved.epochs,
        last_event=1,
        queued_at=moment,
        announce_at=moment + FIRST_REMINDER,
        announcements=1,
    )
    session.add(row)
    session.flush()
    _save_labels(session, row)
    start = warm_starts.keep(session, row, resolved.warm_start).sha256 if resolved.warm_start else None
    lineage.record(session, row, start)
    events.record(session, row, "job.queued", moment, status=JobState.QUEUED)
    return row


def get(session: Session, account_id: str, job_id: str) -> JobRow:
    """A job.

    Raises:
        NotFound: the account has none of this id.
    """
    row = session.scalars(select(JobRow).where(JobRow.account_id == account_id, JobRow.id == job_id)).first()
    if row is None:
        raise NotFound(f"There is no job {job_id}.")
    return row


def page(
    session: Session,
    account_id: str,
    wanted: JobFilter | None = None,
    limit: int = DEFAULT_LIMIT,
    after: str | None = None,
) -> Page[JobRow]:
    """The account's jobs, newest first.

    Raises:
        InvalidRequest: `after` is no job's id.
    """
    wanted = wanted or JobFilter()
    query = select(JobRow).where(JobRow.account_id == account_id)
    if wanted.status is not None:
        query = query.where(JobRow.status == wanted.status)
    if wanted.dataset_id is not None:
        query = query.where(JobRow.dataset_id == wanted.dataset_id)
    if wanted.name is not None:
        query = query.where(JobRow.name == wanted.name)
    for key, value in wanted.metadata.items():
        labelled = select(LabelRow.job_id).where(
            LabelRow.account_id == account_id, LabelRow.key == key, LabelRow.value == value
        )
        query = query.where(JobRow.id.in_(labelled))
    if wanted.created_after is not None:
        # The id bounds the search by its index; the time itself decides.
        query = query.where(
            JobRow.id >= ids.earliest(ids.JOB, wanted.created_after), JobRow.created_at > wanted.created_after
        )
    return newest_first(session, query, JobRow.id, ids.JOB, limit, after)


def change(session: Session, account_id: str, job_id: str, changes: JobChanges) -> JobRow:
    """Give a job another name or other metadata.

    Raises:
        NotFound: the account has no such job.
    """
    row = get(session, account_id, job_id)
    if "name" in changes:
        row.name = changes["name"]
    if "metadata" in changes:
        labels = delete_from(LabelRow).where(LabelRow.account_id == account_id, LabelRow.job_id == job_id)
        session.execute(labels.execution_options(synchronize_session=False))
        row.labels = dict(changes["metadata"])
        _save_labels(session, row)
    session.flush()
    return row


def cancel(session: Session, account_id: str, job_id: str) -> JobRow:
    """Cancel a job: at once where no worker holds it, else by asking its worker. To ask again changes nothing.

    Raises:
        NotFound: the account has no such job.
        Conflict: it is over already.
    """
    row = _request(session, account_id, job_id, "cancel")
    if row.status is JobState.CANCELLED:
        checkpoints.drop_states(session, row)
    return row


def pause(session: Session, account_id: str, job_id: str) -> JobRow:
    """Pause a job: at once where it waits, else by asking its worker, which saves a checkpoint first.

    Raises:
        NotFound: the account has no such job.
        Conflict: it is over, or is being cancelled.
    """
    return _request(session, account_id, job_id, "pause")


def resume(session: Session, account_id: str, job_id: str) -> JobRow:
    """Queue a paused job again, to go on from its last checkpoint. The caller announces it after the commit.

    Raises:
        NotFound: the account has no such job.
        Conflict: it is over, or its worker has not let go of it yet.
    """
    return _request(session, account_id, job_id, "resume")


def retry(session: Session, account_id: str, job_id: str) -> JobRow:
    """Queue a failed job again, to go on from its last checkpoint, with no failure counted so far.

    The caller announces it after the commit.

    Raises:
        NotFound: the account has no such job.
        Conflict: it has not failed, or its data set is gone or has been read otherwise since.
    """
    row = get(session, account_id, job_id)
    if row.status is JobState.FAILED:
        _hold_its_dataset(session, row)
    return _request(
        session, account_id, job_id, "retry", {"failures": 0, "error": None, "checkpoints_removed_at": None}
    )


def delete(session: Session, account_id: str, job_id: str) -> None:
    """Remove a finished job with its history, events, checkpoints and computations, and bytes that nothing else needs.

    Raises:
        NotFound: the account has no such job.
        Conflict: it is not over.
    """
    _remember_use(session, account_id, job_id)
    owned = (JobRow.account_id == account_id, JobRow.id == job_id)
    row = session.scalars(select(JobRow).where(*owned).with_for_update()).first()
    if row is None:
        raise NotFound(f"There is no job {job_id}.")
    if row.status not in TERMINAL:
        raise Conflict(
            f"The job is {row.status.value} ({MEANING[row.status]}). "
            "Cancel it, wait until it has stopped, then delete it.",
            state=row.status.value,
            possible=list(possible(row.status)),
        )
    stored = session.execute(
        select(CheckpointRow.blob_id, CheckpointRow.state_blob_id).where(
            CheckpointRow.account_id == account_id, CheckpointRow.job_id == job_id
        )
    ).all()
    split, files = splits.find(session, account_id, job_id), computations.blobs_of(session, account_id, job_id)
    session.execute(delete_from(JobRow).where(*owned).execution_options(synchronize_session=False))
    held = [*files, *(blob_id for pair in stored for blob_id in pair), split.blob_id if split else None]
    blobs.let_go(session, held)


def _remember_use(session: Session, account_id: str, job_id: str) -> None:
    """Tell the data sets that a job and its computations used until when they did, before the rows that say so go.

    Before the job's own row is locked: whoever holds a data set for a job locks in this order too.
    """
    job = select(JobRow.dataset_id, JobRow.finished_at).where(JobRow.account_id == account_id, JobRow.id == job_id)
    about = select(ComputationRow.dataset_id, ComputationRow.finished_at).where(
        ComputationRow.account_id == account_id, ComputationRow.job_id == job_id
    )
    used = job.union_all(about).subquery()
    last = select(used.c.dataset_id, func.max(used.c.finished_at)).group_by(used.c.dataset_id).order_by(used.c[0])
    note_use(session, account_id, [(dataset_id, until) for dataset_id, until in session.execute(last) if until])


def _request(
    session: Session, account_id: str, job_id: str, name: str, values: Mapping[str, object] | None = None
) -> JobRow:
    """Do what a person asks, if the state allows it; nothing where the job already is what is asked for."""
    guard = (JobRow.account_id == account_id) & (JobRow.id == job_id)
    data = {"reason": name} if JobState.QUEUED in REQUESTS[name].values() else None
    row = move(session, REQUESTS[name], guard, now(session), values=values, data=data)
    if row is None:
        row = get(session, account_id, job_id)
        if row.status not in FULFILLED[name]:
            raise _conflict(row, name)
    return row


def _hold_its_dataset(session: Session, row: JobRow) -> None:
    """Make sure that a failed job finds the data that it was submitted for: nothing kept them since it failed.

    Raises:
        Conflict: the data set is gone, is being read, or its columns are of other kinds.
    """
    try:
        hold_dataset(session, row.account_id, row.dataset_id)
    except ValidationFailed:
        raise Conflict(
            f"The job's data set {row.dataset_id} has been deleted: there is nothing to train on. "
            "Upload the data and submit a new job.",
            state=row.status.value,
            possible=["delete"],
        ) from None
    origin = lineage.of(session, row.account_id, [row.id]).get(row.id)  # a job of an older release has none
    if origin and origin.columns_sha256 != lineage.columns_sha256(session, row.account_id, row.dataset_id):
        raise Conflict(
            f"The columns of the job's data set {row.dataset_id} have changed since it was submitted: its weights "
            "would come from two tables. Submit a new job.",
            state=row.status.value,
            possible=["delete"],
        )


def _conflict(row: JobRow, name: str) -> Conflict:
    instead = possible(row.status)
    remedy = f"Possible now: {', '.join(instead)}." if instead else "Wait until it has stopped."
    if row.status is JobState.PAUSING:
        remedy += " In a moment it is paused, and can be resumed."
    return Conflict(
        f"The job is {row.status.value} ({MEANING[row.status]}): it cannot be {_DONE[name]}. {remedy}",
        state=row.status.value,
        possible=list(instead),
    )


def _save_labels(session: Session, row: JobRow) -> None:
    session.add_all(
        LabelRow(account_id=row.account_id, job_id=row.id, key=key, value=value) for key, value in row.labels.items()
    )
