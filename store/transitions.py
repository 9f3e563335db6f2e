"""How a job changes: one guarded UPDATE that names the states it may leave, and its event in the same transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, literal, null, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from steepest.spec.states import HELD, TERMINAL, JobState, sources
from store import events
from store.models import JobRow

Moves = Mapping[JobState, JobState]
"""From which state into which: an edge for every state that the UPDATE may leave."""


def to(target: JobState, among: frozenset[JobState] | None = None) -> Moves:
    """Every edge of the table that ends in `target`, or those that leave one of `among`."""
    allowed = sources(target)
    return dict.fromkeys(sorted(allowed if among is None else allowed & among), target)


def move(
    session: Session,
    moves: Moves,
    guard: ColumnElement[bool],
    moment: datetime,
    *,
    values: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
) -> JobRow | None:
    """Move the one job that meets `guard` and is in a state that `moves` leaves; None when there is none.

    What must be true of every row of the new state (no lease, a time of finishing, ...) is set here, once.

    Args:
        session: Its transaction also gets the event.
        moves: The edges, each of which must be one of `steepest.spec.states.TRANSITIONS`.
        guard: Which job, and the fence where there is one.
        moment: The time of the change.
        values: Further columns to set.
        data: What the event tells.
    """
    queued = {old: moment for old, new in moves.items() if new is JobState.QUEUED}
    changes: dict[str, Any] = {
        "status": _by_state(JobRow.status, moves),
        "last_event": JobRow.last_event + 1,
        "finished_at": _by_state(JobRow.finished_at, {old: moment for old, new in moves.items() if new in TERMINAL}),
        "announce_at": _by_state(JobRow.announce_at, queued),
        "announcements": 0,
        "queued_at": _by_state(JobRow.queued_at, queued),
        "lease_until": _keep(JobRow.lease_until, [old for old, new in moves.items() if new in HELD]),
        "worker": _keep(JobRow.worker, [old for old, new in moves.items() if new in HELD]),
    }
    statement = (
        update(JobRow)
        .where(guard, JobRow.status.in_(list(moves)))
        .values({**changes, **(values or {})})
        .returning(JobRow)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    row = session.scalars(statement).one_or_none()
    if row is not None:
        told = {"attempt": row.attempt, **(data or {})} if row.attempt else dict(data or {})
        events.record(session, row, f"job.{row.status.value}", moment, told, row.status)
    return row


def _by_state(column: InstrumentedAttribute[Any], values: Mapping[JobState, Any]) -> ColumnElement[Any]:
    """The value for the state that is left; null for the others."""
    cases = [(JobRow.status == state, literal(value, column.type)) for state, value in values.items()]
    return case(*cases, else_=null()) if cases else null()


def _keep(column: InstrumentedAttribute[Any], states: Sequence[JobState]) -> ColumnElement[Any]:
    """The column as it is when one of `states` is left; null for the others."""
    return case((JobRow.status.in_(states), column), else_=null()) if states else null()
