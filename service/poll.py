"""Cheap looks at one job: its ETag from a few columns, and a wait until they change."""

import hashlib
from importlib.metadata import version
from typing import Any, Final

from sqlalchemy import Row, select

from service.context import service
from service.http.auth import principal
from steepest.spec.errors import NotFound
from steepest.spec.states import TERMINAL, JobState
from store import jobs, scheduling
from store.models import JobRow

Look = Row[*tuple[Any, ...]]

_TELLING: Final = ("status", "attempt", "last_event", "epoch", "eta_seconds", "name", "labels", "environment")
"""Columns of which one changes whenever the answer about a job does: every change of state is an event, and the rest
of the answer changes with a state or never."""

_RELEASE: Final = version("steepest")


def look(job_id: str) -> Look:
    """The telling columns of a job.

    Raises:
        NotFound: the account has no such job.
    """
    return _there(job_id, _find(job_id))


def etag(job: Look | JobRow, ahead: int | None) -> str:
    """What the answer about a job is told by, with its place in the queue; another release may answer otherwise."""
    told = [*(getattr(job, name) for name in _TELLING), ahead]
    return hashlib.sha256(repr([_RELEASE, *told]).encode()).hexdigest()[:32]


def place(job_id: str, job: Look) -> int | None:
    """How many jobs are before a queued one; None for others."""
    if job.status is not JobState.QUEUED:
        return None
    with service().database.read() as session:
        row = jobs.get(session, principal().account_id, job_id)
        return scheduling.ahead(session, [row]).get(job_id)


def wait(job_id: str, seen: Look, *, any_change: bool, seconds: float) -> Look:
    """The job once it is over, or with `any_change` once it differs from `seen`; after `seconds` at most.

    Raises:
        NotFound: it has been deleted meanwhile.
    """

    def enough(found: Look | None) -> bool:
        return found is None or found.status in TERMINAL or (any_change and found != seen)

    return _there(job_id, service().watcher.until(lambda: _find(job_id), enough, seconds))


def _find(job_id: str) -> Look | None:
    columns = [getattr(JobRow, name) for name in _TELLING]
    query = select(*columns).where(JobRow.account_id == principal().account_id, JobRow.id == job_id)
    with service().database.read() as session:
        return session.execute(query).first()


def _there(job_id: str, found: Look | None) -> Look:
    if found is None:
        raise NotFound(f"There is no job {job_id}.")
    return found
