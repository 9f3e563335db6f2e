"""The reconciler: puts right what a death left behind. Several at once are harmless: each act is guarded by its row.

`python -m store.reconciler` runs one until SIGTERM.
"""

import os
import signal
import sys
import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy import select, update

from steepest.spec.errors import SteepestError, Unavailable
from store import attempts, datasets, idempotency, logs, orphans, workers
from store.database import Database, now
from store.models import DatasetRow, JobRow
from store.queue import Queue
from store.settings import Settings

log = structlog.get_logger(__name__)

FIRST_WAIT: Final = timedelta(seconds=30)
LONGEST_WAIT: Final = timedelta(minutes=5)
MOST_AT_ONCE: Final = 500
HOUSEKEEPING_SECONDS: Final = 60.0
"""How often what is merely untidy is cleared away."""
SILENT: Final = timedelta(days=1)


@dataclass(frozen=True)
class Tick:
    """What one look did."""

    expired: int = 0
    announced: int = 0
    swept: int = 0


class Reconciler:
    """Expires leases, repeats announcements, sweeps what nothing refers to.

    Args:
        database: Whose rows.
        queue: Where announcements go.
        settings: The lease, by which the rhythm goes.
    """

    def __init__(self, database: Database, queue: Queue, settings: Settings) -> None:
        self._database, self._queue = database, queue
        self._seconds = settings.reconcile_seconds
        self._looks_between_sweeps = max(1, round(HOUSEKEEPING_SECONDS / self._seconds))
        self._looks = 0

    def run(self, stop: threading.Event) -> None:
        """Look again and again until `stop` is set. An outage of database or broker is waited out."""
        while not stop.wait(self._seconds):
            try:
                self.tick()
            except Unavailable as error:
                log.warning("reconciler_waits", reason=error.detail)
            except Exception:
                log.exception("reconciler_failed")

    def tick(self) -> Tick:
        """Look once.

        Raises:
            Unavailable: the database does not answer.
        """
        expired = self._expire()
        announced = self._announce()
        swept = self._sweep()
        done = Tick(expired, announced, swept)
        if done != Tick():
            log.info("reconciled", expired=expired, announced=announced, swept=swept)
        return done

    def _expire(self) -> int:
        with self._database.read() as session:
            jobs, sets = attempts.overdue(session), datasets.overdue(session)
        expired = 0
        for job_id, attempt in jobs:
            with self._database.write() as session:
                state = attempts.expire(session, job_id, attempt)
            if state is not None:
                expired += 1
                log.warning("lease_expired", job=job_id, attempt=attempt, state=state.value)
        for dataset_id, attempt in sets:
            with self._database.write() as session:
                outcome = datasets.expire(session, dataset_id, attempt)
            if outcome is not None:
                expired += 1
                log.warning("lease_expired", dataset=dataset_id, attempt=attempt, state=outcome.value)
        return expired

    def _announce(self) -> int:
        """Announce what is due and not waiting in the broker already. What was just taken from a lost lease is due."""
        with self._database.read() as session:
            moment = now(session)
            jobs = session.execute(
                select(JobRow.id, JobRow.device).where(JobRow.announce_at <= moment).limit(MOST_AT_ONCE)
            ).all()
            sets = session.scalars(
                select(DatasetRow.id).where(DatasetRow.announce_at <= moment).limit(MOST_AT_ONCE)
            ).all()
        if not jobs and not sets:
            return 0
        try:
            waiting = self._queue.waiting()
        except Unavailable as error:
            log.warning("broker_unavailable", reason=error.detail)
            return 0
        announced = 0
        for job_id, device in jobs:
            due = self._postpone(JobRow, job_id)
            if due and waiting is not None and job_id not in waiting:
                self._queue.announce_job(job_id, device)
                announced += 1
        for dataset_id in sets:
            due = self._postpone(DatasetRow, dataset_id)
            if due and waiting is not None and dataset_id not in waiting:
                self._queue.announce_dataset(dataset_id)
                announced += 1
        return announced

    def _postpone(self, table: type[JobRow] | type[DatasetRow], row_id: str) -> bool:
        """Set the next announcement's time, each time later; False when another reconciler has, or it was claimed."""
        with self._database.write() as session:
            moment = now(session)
            announcements = session.scalars(
                select(table.announcements).where(table.id == row_id, table.announce_at <= moment).with_for_update()
            ).one_or_none()
            if announcements is None:
                return False
            row = update(table).where(table.id == row_id)
            session.execute(row.values(announce_at=moment + wait_after(announcements), announcements=announcements + 1))
            return True

    def _sweep(self) -> int:
        swept = orphans.remove(self._database)
        if self._looks % self._looks_between_sweeps == 0:
            swept += orphans.sweep(self._database)
            with self._database.write() as session:
                idempotency.sweep(session)
                workers.forget_silent(session, SILENT)
        self._database.give_back_space()
        self._looks += 1
        return swept


def wait_after(announcements: int) -> timedelta:
    """How long to wait after this many announcements in vain: 30 s, doubled each time, at most 5 minutes."""
    return min(LONGEST_WAIT, FIRST_WAIT * (1 << min(announcements, 10)))


def main() -> int:
    """Run until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        settings = Settings.from_environment(os.environ)
        with Database(settings.database_url) as database:
            log.info("reconciler_started", every_seconds=settings.reconcile_seconds)
            Reconciler(database, Queue(settings.broker_url), settings).run(stop)
    except SteepestError as error:
        log.error("reconciler_cannot_start", reason=error.detail)
        return 1
    log.info("reconciler_stopped")
    return 0


if __name__ == "__main__":
    logs.configure()
    sys.exit(main())
