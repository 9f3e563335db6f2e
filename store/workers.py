"""Which workers are alive: each says so in a row of its own, so that nobody has to ask them."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from store.database import now
from store.models import WorkerRow


def beat(session: Session, name: str, queues: Sequence[str], slots: int) -> None:
    """A worker's sign of life; its main process gives one every third of a lease."""
    moment = now(session)
    seen = update(WorkerRow).where(WorkerRow.name == name).values(seen_at=moment, queues=list(queues), slots=slots)
    if session.scalars(seen.returning(WorkerRow.name)).one_or_none() is None:
        session.add(WorkerRow(name=name, queues=list(queues), slots=slots, started_at=moment, seen_at=moment))


def leave(session: Session, name: str) -> None:
    """A worker's farewell."""
    session.execute(delete(WorkerRow).where(WorkerRow.name == name))


def alive(session: Session, lease_seconds: float) -> list[frozenset[str]]:
    """The queues of each worker that gave a sign of life within a lease."""
    recent = WorkerRow.seen_at > now(session) - timedelta(seconds=lease_seconds)
    return [frozenset(queues) for queues in session.scalars(select(WorkerRow.queues).where(recent))]


def forget_silent(session: Session, silent_for: timedelta) -> None:
    """Remove workers that have not been heard of for long. The reconciler's part."""
    session.execute(delete(WorkerRow).where(WorkerRow.seen_at < now(session) - silent_for))
