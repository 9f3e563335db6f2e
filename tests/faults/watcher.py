"""How far each job was, and when: looked at from outside, often, without a lock."""

import threading
import time
from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import select

from steepest.spec.errors import Unavailable
from steepest.spec.states import HELD, TERMINAL, JobState
from store.database import Database
from store.models import EventRow, JobRow

LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Seen:
    """A job at a moment of the monotonic clock."""

    at: float
    attempt: int
    status: JobState
    epoch: int
    step: int


class Watcher(threading.Thread):
    """Looks at the jobs that are under way until `enough` is set."""

    def __init__(self, database: Database) -> None:
        super().__init__(name="watcher", daemon=True)
        self.enough = threading.Event()
        self.seen: dict[str, list[Seen]] = defaultdict(list)
        self._database = database

    def run(self) -> None:
        columns = (JobRow.id, JobRow.attempt, JobRow.status, JobRow.epoch, JobRow.step)
        query = select(*columns).where(JobRow.status.not_in(TERMINAL))
        while not self.enough.wait(LOOK_SECONDS):
            try:
                with self._database.read() as session:
                    rows = session.execute(query).all()
            except Unavailable:
                continue
            at = time.monotonic()
            for job_id, attempt, status, epoch, step in rows:
                new = Seen(at, attempt, status, epoch, step)
                course = self.seen[job_id]
                if not course or (new.attempt, new.status, new.epoch, new.step) != (
                    course[-1].attempt,
                    course[-1].status,
                    course[-1].epoch,
                    course[-1].step,
                ):
                    course.append(new)

    def redone(self, job_id: str, database: Database) -> list[float]:
        """For each resumption of a job, the seconds of progress of the attempt before it that were done again."""
        with database.read() as session:
            events = session.scalars(select(EventRow).where(EventRow.job_id == job_id).order_by(EventRow.number)).all()
        attempt, found = 0, []
        for event in events:
            attempt = event.data["attempt"] if event.type == "job.running" else attempt
            if event.type == "job.resumed":
                start = (event.data["epoch"], event.data["step"])
                course = [
                    seen for seen in self.seen.get(job_id, []) if seen.attempt == attempt - 1 and seen.status in HELD
                ]
                lost = [seen.at for seen in course if (seen.epoch, seen.step) > start]
                found.append(max(lost) - min(lost) if lost else 0.0)
        return found
