"""The long poll of one job: a cheap look at it after each change of the database, until it is what is waited for."""

from typing import Any

from sqlalchemy import Row, select

from service.context import service
from service.http.auth import principal
from steepest.spec.states import TERMINAL
from store.models import JobRow

_COLUMNS = (
    JobRow.status,
    JobRow.attempt,
    JobRow.last_event,
    JobRow.epoch,
    JobRow.step,
    JobRow.eta_seconds,
    JobRow.name,
    JobRow.labels,
)
"""What changes whenever the answer about a job does."""


def changed(job_id: str, *, any_change: bool, seconds: float) -> None:
    """Wait until the job is over or gone, or with `any_change` differs from what it is now; `seconds` at most."""
    query = select(*_COLUMNS).where(JobRow.account_id == principal().account_id, JobRow.id == job_id)
    database = service().database

    def look() -> Row[*tuple[Any, ...]] | None:
        with database.read() as session:
            return session.execute(query).first()

    first = look()

    def enough(found: Row[*tuple[Any, ...]] | None) -> bool:
        return found is None or found.status in TERMINAL or (any_change and found != first)

    service().watcher.until(look, enough, seconds)
