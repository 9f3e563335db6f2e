"""Events: what happened to a job, numbered without gaps by a counter on the job's own row."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from steepest.spec.states import JobState
from store.fence import Held
from store.models import EventRow, JobRow
from store.pages import DEFAULT_LIMIT, Page, oldest_first


def record(
    session: Session,
    job: JobRow | Held,
    kind: str,
    moment: datetime,
    data: Mapping[str, Any] | None = None,
    status: JobState | None = None,
) -> EventRow:
    """Write the event whose number the caller has just taken by raising `last_event` in a guarded UPDATE of the job."""
    row = EventRow(
        account_id=job.account_id,
        job_id=job.id,
        number=job.last_event,
        type=kind,
        status=status,
        data=dict(data or {}),
        created_at=moment,
    )
    session.add(row)
    session.flush()
    return row


def page(
    session: Session, account_id: str, job_id: str, limit: int = DEFAULT_LIMIT, after: int | None = None
) -> Page[EventRow]:
    """A job's events with numbers above `after`, oldest first. An unknown job has none."""
    query = select(EventRow).where(EventRow.account_id == account_id, EventRow.job_id == job_id)
    return oldest_first(session, query, EventRow.number, limit, after)


def transitions(session: Session, account_id: str, job_ids: Sequence[str]) -> dict[str, list[EventRow]]:
    """The events of each job that changed its state, oldest first, in one query."""
    query = select(EventRow).where(
        EventRow.account_id == account_id, EventRow.job_id.in_(job_ids), EventRow.status.is_not(None)
    )
    found: dict[str, list[EventRow]] = defaultdict(list)
    for row in session.scalars(query.order_by(EventRow.job_id, EventRow.number)):
        found[row.job_id].append(row)
    return found
