"""The reconciler: puts right what a death left behind. Several at once are harmless: each act is guarded by its row.

`python -m store.reconciler` runs one until SIGTERM.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import partial
from typing import Final, Protocol

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from steepest.spec.errors import SteepestError, Unavailable
from store import attempts, clock, computations, datasets, idempotency, logs, orphans, scheduling, workers
from store.celery_settings import CPU, GPU
from store.database import Database, now
from store.models import ComputationRow, DatasetRow, JobRow
from store.patience import LONGEST_WAIT
from store.queue import Queue
from store.retention import Retention
from store.settings import Settings

log = structlog.get_logger(__name__)

FIRST_WAIT: Final = timedelta(seconds=30)
MOST_AT_ONCE: Final = 500
HOUSEKEEPING_SECONDS: Final = 60.0
"""How often what is merely untidy is cleared away."""
SILENT: Final = timedelta(days=1)

Announced = JobRow | DatasetRow | ComputationRow


class _Leased(Protocol):
    """A module of the store whose rows workers hold by leases."""

    def overdue(self, session: Session) -> list[tuple[str, int]]:
        """Rows whose lease has run out, each with the attempt that held it."""
        ...

    def expire(self, session: Session, row_id: str, attempt: int, /) -> StrEnum | None:
        """Take a row from its attempt; its state, None when there was nothing to take."""
        ...


_LEASED: Final[Mapping[str, _Leased]] = {"job": attempts, "dataset": datasets, "computation": computations}


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
        self._seconds, self._lease = settings.reconcile_seconds, timedelta(seconds=settings.lease_seconds)
        self._looks_between_sweeps = max(1, round(HOUSEKEEPING_SECONDS / self._seconds))
        self._looks = 0
        self._retention, self._more_is_due = Retention(database, settings.keep), False

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
        clock.set_right(self._database, self._lease)
        expired = self._expire()
        announced = self._announce()
        self._prompt()
        swept = self._sweep()
        done = Tick(expired, announced, swept)
        if done != Tick():
            log.info("reconciled", expired=expired, announced=announced, swept=swept)
        return done

    def _expire(self) -> int:
        with self._database.read() as session:
            lost = [(what, module, each) for what, module in _LEASED.items() for each in module.overdue(session)]
        expired = 0
        for what, module, (row_id, attempt) in lost:
            with self._database.write() as session:
                state = module.expire(session, row_id, attempt)
            if state is not None:
                expired += 1
                log.warning("lease_expired", **{what: row_id}, attempt=attempt, state=state.value)
        return expired

    def _announce(self) -> int:
        """Announce what is due and not waiting in the broker already. What was just taken from a lost lease is due."""
        due = self._due()
        if not due:
            return 0
        try:
            waiting = self._queue.waiting()
        except Unavailable as error:
            log.warning("broker_unavailable", reason=error.detail)
            return 0
        announced = 0
        for table, row_id, announce in due:
            if self._postpone(table, row_id) and waiting is not None and row_id not in waiting:
                announce()
                announced += 1
        return announced

    def _prompt(self) -> None:
        """Have workers look for jobs that wait without a message: theirs may have come when they could not start."""
        with self._database.read() as session:
            waiting = {device: scheduling.waits(session, device) for device in (CPU, GPU)}
        for device, job_id in waiting.items():
            if job_id is not None:
                self._queue.prompt_job(job_id, device)

    def _due(self) -> list[tuple[type[Announced], str, Callable[[], None]]]:
        """What is to be announced: its table, its id, and how it is done."""
        queue = self._queue
        with self._database.read() as session:
            moment = now(session)
            jobs = session.execute(
                select(JobRow.id, JobRow.device).where(JobRow.announce_at <= moment).limit(MOST_AT_ONCE)
            ).all()
            sets, asked = (
                session.scalars(select(table.id).where(table.announce_at <= moment).limit(MOST_AT_ONCE)).all()
                for table in (DatasetRow, ComputationRow)
            )
        return [
            *((JobRow, job_id, partial(queue.announce_job, job_id, device)) for job_id, device in jobs),
            *((DatasetRow, row_id, partial(queue.announce_dataset, row_id)) for row_id in sets),
            *((ComputationRow, row_id, partial(queue.announce_computation, row_id)) for row_id in asked),
        ]

    def _postpone(self, table: type[Announced], row_id: str) -> bool:
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
        tidy = self._looks % self._looks_between_sweeps == 0
        if tidy or self._more_is_due:
            self._more_is_due = self._retention.run()
        swept = orphans.remove(self._database)
        if tidy:
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
