"""What is over goes when its time has come, as the settings say: finished jobs, histories, checkpoints, data sets.

A job that is over can be retried when it failed, and whatever is done here is done under the lock of a row that is
still over: nothing that a job or a computation at work needs is touched. Each transaction is short and leaves what is
true, so that a death in between loses nothing, and the next pass goes on where it was.
"""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import ColumnElement, delete, exists, func, or_, select
from sqlalchemy.orm import Session

from steepest.spec.states import ComputationState, DatasetState, JobState
from store import checkpoints, datasets, jobs
from store.database import Database, now
from store.models import ComputationRow, DatasetRow, EpochRow, JobRow
from store.settings import Keep

log = structlog.get_logger(__name__)

EPOCHS_AT_ONCE: Final = 2_000
"""Rows of a history that one transaction removes."""

_ALIVE: Final = (ComputationState.QUEUED, ComputationState.RUNNING)


@dataclass
class Removed:
    """What one pass removed."""

    jobs: int = 0
    histories: int = 0
    checkpoints: int = 0
    """Jobs that keep one checkpoint now."""
    datasets: int = 0


class Retention:
    """Applies the rules, a little at a time.

    Args:
        database: Whose rows.
        keep: The rules.
    """

    def __init__(self, database: Database, keep: Keep) -> None:
        self._database, self._keep = database, keep
        self._after = ""
        self._transactions = 0

    def run(self, most: int = 100) -> bool:
        """Remove what is due, in about `most` transactions; whether there may be more.

        Raises:
            Unavailable: the database does not answer.
        """
        self._transactions = 0
        removed = Removed()
        if self._keep.jobs_days is not None:
            removed.jobs = self._jobs(timedelta(days=self._keep.jobs_days), most)
        if self._keep.histories_days is not None:
            removed.histories = self._histories(timedelta(days=self._keep.histories_days), most)
        if self._keep.checkpoints_days is not None:
            removed.checkpoints = self._checkpoints(timedelta(days=self._keep.checkpoints_days), most)
        more = self._transactions >= most
        if self._keep.datasets_days is not None:
            removed.datasets = self._datasets(timedelta(days=self._keep.datasets_days), most)
            more |= bool(self._after)
        if removed != Removed():
            log.info("retention", **asdict(removed))
        return more

    def _jobs(self, age: timedelta, most: int) -> int:
        """Jobs, each with all it has; a history that is long goes before, in parts."""
        idle = ~exists().where(
            ComputationRow.account_id == JobRow.account_id,
            ComputationRow.job_id == JobRow.id,
            ComputationRow.status.in_(_ALIVE),
        )
        count = 0
        for job_id in self._due(age, most, idle):
            if not self._shorten(job_id, age, most):
                continue
            self._transactions += 1
            with self._database.write() as session:
                row = _over(session, job_id, age)
                if row is not None and not _computed(session, row):
                    jobs.delete(session, row.account_id, row.id)
                    count += 1
        return count

    def _histories(self, age: timedelta, most: int) -> int:
        left = JobRow.epochs_removed < JobRow.epoch
        return sum(self._shorten(job_id, age, most) for job_id in self._due(age, most, left))

    def _shorten(self, job_id: str, age: timedelta, most: int) -> bool:
        """Remove a history from its beginning, as far as this pass may; whether nothing of it is left.

        With it goes what an attempt would resume from: a failed job that is retried begins anew, as its history does.
        """
        while self._transactions < most:
            self._transactions += 1
            with self._database.write() as session:
                row = _over(session, job_id, age)
                if row is None:
                    return False
                last = min(row.epoch, row.epochs_removed + EPOCHS_AT_ONCE)
                if last > row.epochs_removed:
                    checkpoints.drop_states(session, row)
                    gone = (EpochRow.account_id == row.account_id, EpochRow.job_id == row.id, EpochRow.epoch <= last)
                    session.execute(delete(EpochRow).where(*gone).execution_options(synchronize_session=False))
                    row.epochs_removed = last
                if last == row.epoch:
                    return True
        return False

    def _checkpoints(self, age: timedelta, most: int) -> int:
        count = 0
        for job_id in self._due(age, most, JobRow.checkpoints_removed_at.is_(None)):
            self._transactions += 1
            with self._database.write() as session:
                row = _over(session, job_id, age)
                if row is not None:
                    kind = checkpoints.for_predictions(row) if row.status is JobState.SUCCEEDED else "last"
                    checkpoints.keep_only(session, row, kind)
                    row.checkpoints_removed_at = now(session)
                    count += 1
        return count

    def _datasets(self, age: timedelta, most: int) -> int:
        """Look at the next `most` data sets by their ids: a pass costs the same, however many there are."""
        with self._database.read() as session:
            before = now(session) - age
            seen = session.scalars(
                select(DatasetRow.id).where(DatasetRow.id > self._after).order_by(DatasetRow.id).limit(most)
            ).all()
            due = session.scalars(select(DatasetRow.id).where(DatasetRow.id.in_(seen), *_unused(before))).all()
        self._after = seen[-1] if len(seen) == most else ""
        count = 0
        for dataset_id in due:
            with self._database.write() as session:
                # First the lock, then the look: what was submitted meanwhile is seen.
                held = select(DatasetRow.account_id).where(DatasetRow.id == dataset_id).with_for_update()
                account_id = session.scalars(held).one_or_none()
                still = select(DatasetRow.id).where(DatasetRow.id == dataset_id, *_unused(before))
                if account_id is not None and session.scalars(still).one_or_none() is not None:
                    datasets.delete(session, account_id, dataset_id)
                    count += 1
        return count

    def _due(self, age: timedelta, most: int, what: ColumnElement[bool]) -> list[str]:
        """Jobs that have been over for as long, longest first; none when this pass has done enough."""
        left = most - self._transactions
        if left <= 0:
            return []
        with self._database.read() as session:
            old = (JobRow.finished_at.is_not(None), JobRow.finished_at <= now(session) - age)
            query = select(JobRow.id).where(*old, what).order_by(JobRow.finished_at).limit(left)
            return list(session.scalars(query))


def _over(session: Session, job_id: str, age: timedelta) -> JobRow | None:
    """The job, locked, if it still is over and has been for as long: it may have been retried meanwhile."""
    old = JobRow.finished_at <= now(session) - age
    return session.scalars(select(JobRow).where(JobRow.id == job_id, old).with_for_update()).one_or_none()


def _computed(session: Session, job: JobRow) -> bool:
    """Whether something is being worked out about the job. Its row is locked, so that nothing more can be asked for."""
    query = select(ComputationRow.id).where(
        ComputationRow.account_id == job.account_id,
        ComputationRow.job_id == job.id,
        ComputationRow.status.in_(_ALIVE),
    )
    return session.scalars(query.limit(1)).first() is not None


def _unused(before: datetime) -> tuple[ColumnElement[bool], ...]:
    """True of data sets whose last use was before: by their upload, by jobs, by computations, by such as are gone."""
    last = or_(JobRow.finished_at.is_(None), JobRow.finished_at > before)
    recent = or_(ComputationRow.finished_at.is_(None), ComputationRow.finished_at > before)
    return (
        DatasetRow.status != DatasetState.VALIDATING,
        func.coalesce(DatasetRow.used_at, DatasetRow.created_at) <= before,
        func.coalesce(DatasetRow.finished_at, DatasetRow.created_at) <= before,
        ~exists().where(JobRow.account_id == DatasetRow.account_id, JobRow.dataset_id == DatasetRow.id, last),
        ~exists().where(
            ComputationRow.account_id == DatasetRow.account_id, ComputationRow.dataset_id == DatasetRow.id, recent
        ),
    )
