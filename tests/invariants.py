"""What is true of every database at every commit: a list of what is not, for tests that make things go wrong."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from sqlalchemy import select
from sqlalchemy.orm import Session

from steepest.spec.states import HELD, TERMINAL, TRANSITIONS, JobState
from store.database import Database
from store.models import (
    BlobRow,
    BlobState,
    CheckpointRow,
    ChunkRow,
    ComputationRow,
    DatasetRow,
    EpochRow,
    EventRow,
    JobRow,
    SplitRow,
)


def violations(database: Database) -> list[str]:
    """Each invariant that does not hold, in a line that names its row; empty when all is well.

    Reads one state of the database, bytes included, so it is meant for small ones.
    """
    with database.read() as session:
        found = [problem for job in session.scalars(select(JobRow)) for problem in _of_job(session, job)]
        return found + list(_of_blobs(session))


def _of_job(session: Session, job: JobRow) -> Iterator[str]:
    for problem in (*_of_state(job), *_of_history(session, job), *_of_checkpoints(session, job)):
        yield f"{job.id} ({job.status.value}, attempt {job.attempt}): {problem}"


def _of_state(job: JobRow) -> Iterator[str]:
    if (job.lease_until is not None) is not (job.status in HELD):
        yield f"its lease ends at {job.lease_until}"
    if (job.worker is not None) is not (job.status in HELD):
        yield f"its worker is {job.worker}"
    if (job.finished_at is not None) is not (job.status in TERMINAL):
        yield f"it finished at {job.finished_at}"
    if (job.announce_at is not None) is not (job.status is JobState.QUEUED):
        yield f"it is to be announced at {job.announce_at}"
    if (job.result is not None) is not (job.status is JobState.SUCCEEDED):
        yield "its result does not go with its state"
    if (job.error is not None) is not (job.status is JobState.FAILED):
        yield "its error does not go with its state"


def _of_history(session: Session, job: JobRow) -> Iterator[str]:
    events = session.scalars(select(EventRow).where(EventRow.job_id == job.id).order_by(EventRow.number)).all()
    if (numbers := [event.number for event in events]) != list(range(1, job.last_event + 1)):
        yield f"its events are {numbers}, and the last is {job.last_event}"
    states = [event.status for event in events if event.status is not None]
    if states[-1:] != [job.status]:
        yield f"its events end in {states[-1:]}"
    if states[:1] != [JobState.QUEUED] or any(new not in TRANSITIONS[old] for old, new in pairwise(states)):
        yield f"its states were {states}"
    claimed = [event.data["attempt"] for event in events if event.status is JobState.RUNNING]
    if claimed != list(range(1, job.attempt + 1)):
        yield f"its attempts were {claimed}"
    epochs = session.execute(
        select(EpochRow.epoch, EpochRow.attempt).where(EpochRow.job_id == job.id).order_by(EpochRow.epoch)
    ).all()
    if [epoch for epoch, _ in epochs] != list(range(job.epochs_removed + 1, job.epoch + 1)):
        yield f"its epochs are {[epoch for epoch, _ in epochs]}, and {job.epoch} are finished"
    attempts = [attempt for _, attempt in epochs]
    if attempts != sorted(attempts) or any(attempt > job.attempt for attempt in attempts):
        yield f"its epochs were written by the attempts {attempts}"


def _of_checkpoints(session: Session, job: JobRow) -> Iterator[str]:
    rows = session.scalars(select(CheckpointRow).where(CheckpointRow.job_id == job.id)).all()
    for kind in ("initial", "best", "last"):
        count = sum(getattr(row, f"is_{kind}") for row in rows)
        needed = job.status is JobState.SUCCEEDED and kind == "last" and job.checkpoints_removed_at is None
        wanted = (1,) if needed else (0, 1)
        if count not in wanted:
            yield f"it has {count} checkpoints of the kind {kind}"
    if sum(row.state_blob_id is not None for row in rows) > 2:
        yield "it keeps more than two states"
    for row in rows:
        if not (row.is_initial or row.is_best or row.is_last or row.state_blob_id):
            yield f"it keeps a checkpoint of epoch {row.epoch} for nothing"
        if row.epoch > job.epoch:
            yield f"it has a checkpoint of epoch {row.epoch}, and {job.epoch} are finished"
        if row.state_blob_id and job.status in (JobState.SUCCEEDED, JobState.CANCELLED):
            yield "it keeps a state that no attempt will go on from"


def _of_blobs(session: Session) -> Iterator[str]:
    used = _references(session)
    blobs = {row.id: row for row in session.scalars(select(BlobRow))}
    for blob_id, by in used.items():
        row = blobs.get(blob_id)
        if row is None or row.status is not BlobState.COMPLETE:
            yield f"{by} refers to {blob_id}, which is {row and row.status.value}"
    digests = {blob_id: hashlib.sha256() for blob_id in blobs}
    sizes: Counter[str] = Counter()
    for chunk in session.scalars(select(ChunkRow).order_by(ChunkRow.blob_id, ChunkRow.number)):
        if chunk.blob_id not in blobs:
            yield f"a chunk belongs to {chunk.blob_id}, which does not exist"
            continue
        digests[chunk.blob_id].update(chunk.data)
        sizes[chunk.blob_id] += len(chunk.data)
    for row in blobs.values():
        if row.status is BlobState.DELETING:
            continue
        if row.kept_until is None and row.id not in used:
            yield f"{row.id} is an orphan that nothing will sweep"
        stored = (digests[row.id].hexdigest(), sizes[row.id])
        if row.status is BlobState.COMPLETE and stored != (row.sha256, row.size):
            yield f"{row.id} does not hold the bytes that it names"


def _references(session: Session) -> dict[str, str]:
    """The blobs that rows refer to, each with one that does."""
    found: dict[str, str] = {}
    for column in (DatasetRow.blob_id, CheckpointRow.blob_id, CheckpointRow.state_blob_id, ComputationRow.blob_id):
        for blob_id in session.scalars(select(column).where(column.is_not(None))):
            if blob_id is not None:
                found[blob_id] = str(column)
    found.update(dict.fromkeys(session.scalars(select(SplitRow.blob_id)), "SplitRow.blob_id"))
    return found
