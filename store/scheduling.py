"""Whose job is next. A message only says that there may be one to claim: which, is decided here, at the claim.

The highest priority goes first, then the account that has the fewest jobs at work, then the oldest. Passed over are
jobs whose key has as many at work as it may, and those that need more memory than the worker has free.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Select, case, func, literal_column, or_, select, tuple_, union_all
from sqlalchemy.orm import Session, aliased

from steepest.spec.states import JobState
from store import attempts
from store.fence import Claim
from store.models import JobRow, KeyRow

MOST_AHEAD: Final = 1000
"""So many jobs of a line are counted; a place further back is told as this."""

TRIES: Final = 5
"""At a claim, while its job is cancelled or paused in the very moment."""

_CLAIMS_LOCK: Final = 0x57EE9C1A


@dataclass(frozen=True)
class Slot:
    """Where a claimed job would run."""

    device: str
    worker: str
    """Names the process in the rows that it holds."""
    siblings: str = ""
    """What the names of all processes of its worker begin with."""
    memory_bytes: int | None = None
    """What the jobs of all these processes together may use; None: as much as they need."""
    running_jobs: int | None = None
    """How many jobs of a key may be at work, where the key itself says nothing; None: as many as there are."""


def claim(session: Session, slot: Slot, lease_seconds: float) -> Claim | None:
    """Take the best queued job that this slot may train: its next attempt begins. None when there is none."""
    _one_at_a_time(session)
    free = None
    if slot.memory_bytes is not None:
        free = slot.memory_bytes - attempts.memory_held(session, slot.siblings)
    for _ in range(TRIES):
        job_id = session.scalars(best(slot, free)).one_or_none()
        if job_id is None:
            return None
        claimed = attempts.claim(session, job_id, slot.worker, lease_seconds)
        if claimed is not None:
            return claimed
    return None


def best(slot: Slot, free_bytes: int | None = None) -> Select[str]:
    """The query for the id of the job to claim, of those that fit into `free_bytes` where this is given.

    It goes from key to key by the index, so that its cost grows with the number of keys whose jobs wait, not with the
    number of their jobs.
    """
    # The first job of the first key, then that of the next, until there is no further one.
    first = select(_queued(slot.device).limit(1).scalar_subquery().label("id")).cte("heads", recursive=True)
    previous, following = aliased(JobRow), aliased(JobRow)
    further = _queued(slot.device, following).where(
        tuple_(following.account_id, following.key_id) > tuple_(previous.account_id, previous.key_id)
    )
    heads = first.union_all(
        select(further.limit(1).correlate(previous).scalar_subquery())
        .select_from(first)
        .join(previous, previous.id == first.c.id)
    )
    head, at_work = aliased(JobRow), aliased(JobRow)
    held = at_work.lease_until.is_not(None) & (at_work.account_id == head.account_id)
    of_account = select(func.count()).where(held).scalar_subquery()
    of_key = select(func.count()).where(held, at_work.key_id == head.key_id).scalar_subquery()
    limit = func.coalesce(KeyRow.max_running, slot.running_jobs)
    chosen = aliased(JobRow)
    return (
        select(chosen.id)
        .select_from(heads)
        .join(head, head.id == heads.c.id)
        .join(chosen, chosen.id == _fitting(slot.device, head, free_bytes))
        .outerjoin(KeyRow, KeyRow.id == head.key_id)
        .where(or_(limit.is_(None), KeyRow.id.is_(None), limit > of_key))
        .order_by(chosen.priority.desc(), of_account, chosen.id)
        .limit(1)
    )


def waits(session: Session, device: str) -> str | None:
    """The id of some job that waits for this device; None when none does."""
    return session.scalars(select(JobRow.id).where(*_waiting(JobRow, device)).limit(1)).one_or_none()


def pending(session: Session, account_id: str, most: int) -> int:
    """How many jobs of the account wait for a worker, counted up to `most`."""
    some = select(JobRow.id).where(JobRow.account_id == account_id, JobRow.status == JobState.QUEUED).limit(most)
    return session.scalars(select(func.count()).select_from(some.subquery())).one()


def ahead(session: Session, rows: Sequence[JobRow]) -> dict[str, int]:
    """For each queued job, how many others stand before it in the line for its device, in one query.

    In the line are all accounts' jobs, by priority and age. It is read up to `MOST_AHEAD`, which stands for a place
    further back.
    """
    places = {row.id: MOST_AHEAD for row in rows if row.status is JobState.QUEUED}
    if not places:
        return {}
    lines = union_all(*(_line(device) for device in sorted({row.device for row in rows if row.id in places})))
    line = lines.subquery()
    found = session.execute(select(line.c.id, line.c.ahead).where(line.c.id.in_(list(places))))
    return places | {row.id: row.ahead for row in found}


def _line(device: str) -> Select[str, int]:
    first = (
        select(JobRow.id, JobRow.priority)
        .where(*_waiting(JobRow, device))
        .order_by(JobRow.priority.desc(), JobRow.id)
        .limit(MOST_AHEAD)
        .subquery()
    )
    place = func.row_number().over(order_by=(first.c.priority.desc(), first.c.id)) - 1
    return select(first.c.id, place.label("ahead"))


def _waiting(row: type[JobRow], device: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    # The state is written out, for a partial index is found by the text of its condition.
    return row.device == device, row.status == literal_column("'queued'")


def _queued(device: str, row: type[JobRow] = JobRow) -> Select[str]:
    """The ids of queued jobs in the order of the index."""
    order = (row.account_id, row.key_id, row.priority.desc(), row.id)
    return select(row.id).where(*_waiting(row, device)).order_by(*order)


def _fitting(device: str, head: type[JobRow], free_bytes: int | None) -> ColumnElement[str]:
    """The best job of the key of `head` that fits into the memory that is free."""
    if free_bytes is None:
        return head.id.expression
    small = aliased(JobRow)
    same_key = (small.account_id == head.account_id) & (small.key_id == head.key_id)
    fitting = _queued(device, small).where(same_key, small.memory_bytes <= free_bytes).limit(1)
    return case((head.memory_bytes <= free_bytes, head.id), else_=fitting.correlate(head).scalar_subquery())


def _one_at_a_time(session: Session) -> None:
    """Wait until no other claim is under way, which on SQLite is so of every writer: limits are counted, then used."""
    if session.get_bind().dialect.name != "sqlite":
        session.execute(select(func.pg_advisory_xact_lock(_CLAIMS_LOCK)))
