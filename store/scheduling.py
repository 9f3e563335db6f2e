"""Whose job is next. A message only says that there may be one to claim: which, is decided here, at the claim.

The highest priority goes first, then the account that has the fewest jobs at work, then the oldest. Passed over are
jobs whose key has as many at work as it may, those that need more memory than the worker has free, and, for a stated
time, those that began in another numeric environment than the worker's: there they would end with other bits.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.orm import Session, aliased

from steepest.spec.states import JobState
from store import attempts
from store.columns import UtcTime
from store.database import now
from store.fence import Claim
from store.models import JobRow, KeyRow

MOST_AHEAD: Final = 1000
"""So many jobs of a line are counted; a place further back is told as this."""

TRIES: Final = 5
"""At a claim, while its job is cancelled or paused in the very moment."""

_CLAIMS_LOCK: Final = 0x57EE9C1A

_DEVICE: Final[ColumnElement[str]] = bindparam("device", type_=JobRow.device.type)


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
    environments: Collection[str] | None = None
    """The numeric environments that it offers, by their hashes; None: it takes jobs that began in any."""
    environment_wait_seconds: float = 0.0
    """How long a job that began in another one has to have waited."""


def claim(session: Session, slot: Slot, lease_seconds: float) -> Claim | None:
    """Take the best queued job that this slot may train: its next attempt begins. None when there is none."""
    _one_at_a_time(session)
    free = None
    if slot.memory_bytes is not None:
        free = slot.memory_bytes - attempts.memory_held(session, slot.siblings)
    query, values = best(bounded=free is not None, choosy=slot.environments is not None), _values(session, slot, free)
    for _ in range(TRIES):
        job_id = session.scalars(query, values).one_or_none()
        if job_id is None:
            return None
        claimed = attempts.claim(session, job_id, slot.worker, lease_seconds)
        if claimed is not None:
            return claimed
    return None


@cache
def best(*, bounded: bool, choosy: bool) -> Select[str]:
    """The query for the id of the job to claim; its parameters are in `_values`.

    It goes from key to key by the index, so that its cost grows with the number of keys whose jobs wait, not with the
    number of their jobs. Put together once: every worker asks after every job.

    Args:
        bounded: Only jobs that fit into the free memory.
        choosy: Only jobs that began here, or have waited for long enough.
    """
    # The first job of the first key, then that of the next, until there is no further one.
    first = select(_queued(_DEVICE).limit(1).scalar_subquery().label("id")).cte("heads", recursive=True)
    previous, following = aliased(JobRow), aliased(JobRow)
    further = _queued(_DEVICE, following).where(
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
    limit = func.coalesce(KeyRow.max_running, bindparam("running_jobs", type_=Integer()))
    chosen = aliased(JobRow)
    return (
        select(chosen.id)
        .select_from(heads)
        .join(head, head.id == heads.c.id)
        .join(chosen, chosen.id == _fitting(head, bounded=bounded, choosy=choosy))
        .outerjoin(KeyRow, KeyRow.id == head.key_id)
        .where(or_(limit.is_(None), KeyRow.id.is_(None), limit > of_key))
        .order_by(chosen.priority.desc(), of_account, chosen.id)
        .limit(1)
    )


def waits(session: Session, device: str) -> str | None:
    """The id of some job that waits for this device; None when none does."""
    return session.scalars(_WAITS, {"device": device}).one_or_none()


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


def _waiting(row: type[JobRow], device: str | ColumnElement[str]) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    # The state is written out, for a partial index is found by the text of its condition.
    return row.device == device, row.status == literal_column("'queued'")


def _queued(device: str | ColumnElement[str], row: type[JobRow] = JobRow) -> Select[str]:
    """The ids of queued jobs in the order of the index."""
    order = (row.account_id, row.key_id, row.priority.desc(), row.id)
    return select(row.id).where(*_waiting(row, device)).order_by(*order)


def _fitting(head: type[JobRow], *, bounded: bool, choosy: bool) -> ColumnElement[str]:
    """The best job of the key of `head` that the worker may take."""
    if not (bounded or choosy):
        return head.id.expression
    other = aliased(JobRow)
    same_key = (other.account_id == head.account_id) & (other.key_id == head.key_id)
    fitting = _queued(_DEVICE, other).where(same_key, _fits(other, bounded=bounded, choosy=choosy)).limit(1)
    fits = _fits(head, bounded=bounded, choosy=choosy)
    return case((fits, head.id), else_=fitting.correlate(head).scalar_subquery())


def _fits(row: type[JobRow], *, bounded: bool, choosy: bool) -> ColumnElement[bool]:
    small = row.memory_bytes <= bindparam("free_bytes", type_=BigInteger()) if bounded else true()
    if not choosy:
        return small
    offered: BindParameter[Sequence[str]] = bindparam("environments", expanding=True)
    began_here = row.environment_sha256.is_(None) | row.environment_sha256.in_(offered)
    waited = row.queued_at.is_(None) | (row.queued_at <= bindparam("queued_before", type_=UtcTime()))
    clock_was_set_back = row.queued_at > bindparam("queued_after", type_=UtcTime())
    return and_(small, began_here | waited | clock_was_set_back)


_WAITS: Final = select(JobRow.id).where(*_waiting(JobRow, _DEVICE)).limit(1)


def _values(session: Session, slot: Slot, free_bytes: int | None) -> dict[str, Any]:
    """The parameters of `best`."""
    moment, wait = now(session), timedelta(seconds=slot.environment_wait_seconds)
    return {
        "device": slot.device,
        "running_jobs": slot.running_jobs,
        "free_bytes": free_bytes,
        "environments": sorted(slot.environments or ()),
        "queued_before": moment - wait,
        "queued_after": moment + wait,
    }


def _one_at_a_time(session: Session) -> None:
    """Wait until no other claim is under way, which on SQLite is so of every writer: limits are counted, then used."""
    if session.get_bind().dialect.name != "sqlite":
        session.execute(select(func.pg_advisory_xact_lock(_CLAIMS_LOCK)))
