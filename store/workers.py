"""Which workers are alive: each says so in a row of its own, so that nobody has to ask them."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from store.database import now
from store.models import WorkerRow


def beat(session: Session, name: str, queues: Sequence[str], slots: int, memory_bytes: int | None = None) -> None:
    """A worker's sign of life; its main process gives one every third of a lease."""
    moment = now(session)
    says = {"seen_at": moment, "queues": list(queues), "slots": slots, "memory_bytes": memory_bytes}
    seen = update(WorkerRow).where(WorkerRow.name == name).values(says)
    if session.scalars(seen.returning(WorkerRow.name)).one_or_none() is None:
        session.add(WorkerRow(name=name, started_at=moment, **says))


def leave(session: Session, name: str) -> None:
    """A worker's farewell."""
    session.execute(delete(WorkerRow).where(WorkerRow.name == name))


def alive(session: Session, lease_seconds: float) -> list[frozenset[str]]:
    """The queues of each worker that gave a sign of life within a lease."""
    recent = WorkerRow.seen_at > now(session) - timedelta(seconds=lease_seconds)
    return [frozenset(queues) for queues in session.scalars(select(WorkerRow.queues).where(recent))]


def most_memory(session: Session, device: str, lease_seconds: float) -> int | None:
    """What the largest worker for this device that lives may use; None when none lives, or one does not say."""
    recent = WorkerRow.seen_at > now(session) - timedelta(seconds=lease_seconds)
    found = session.execute(select(WorkerRow.queues, WorkerRow.memory_bytes).where(recent))
    rooms = [memory for queues, memory in found if device in queues]
    known = [memory for memory in rooms if memory is not None]
    return max(known) if known and len(known) == len(rooms) else None


def forget_silent(session: Session, silent_for: timedelta) -> None:
    """Remove workers that have not been heard of for long. The reconciler's part."""
    session.execute(delete(WorkerRow).where(WorkerRow.seen_at < now(session) - silent_for))
