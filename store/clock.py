"""What the database's clock leaves behind when it is set back: times that lie further ahead than any was ever set.

A lease that was taken while the clock was an hour fast would hold for an hour after its worker's death. Whoever lives
renews it in time, so it is shortened to the length of a lease.
"""

from datetime import timedelta
from functools import cache
from typing import Any, Final, NamedTuple

import structlog
from sqlalchemy import Select, Update, bindparam, exists, literal, select, union_all, update
from sqlalchemy.orm import InstrumentedAttribute

from store.columns import UtcTime
from store.database import Database, now
from store.idempotency import RESERVED
from store.models import ComputationRow, DatasetRow, IdempotencyRow, JobRow, WorkerRow
from store.patience import LONGEST_WAIT

log = structlog.get_logger(__name__)

LEASED: Final = (JobRow, DatasetRow, ComputationRow)


class _Bound(NamedTuple):
    """A column of times, and how far ahead they are set."""

    column: InstrumentedAttribute[Any]
    most: timedelta


def set_right(database: Database, lease: timedelta) -> int:
    """Bring times that lie more than twice too far ahead to where they are set at most; how many columns had some.

    Args:
        database: Whose rows.
        lease: How long leases are here.

    Raises:
        Unavailable: the database does not answer.
    """
    bounds = _bounds(lease)
    with database.read() as session:
        moment = now(session)
        limits = {f"limit_{place}": moment + max(2 * bound.most, lease) for place, bound in enumerate(bounds)}
        ahead = session.scalars(_question(lease), limits).all()
    for place in ahead:
        with database.write() as session:
            limit = limits[f"limit_{place}"]
            session.execute(_correction(bounds[place], limit, now(session) + bounds[place].most))
        log.warning("clock_was_set_back", column=str(bounds[place].column))
    return len(ahead)


def _bounds(lease: timedelta) -> tuple[_Bound, ...]:
    return (
        *(_Bound(table.lease_until, lease) for table in LEASED),
        *(_Bound(table.announce_at, LONGEST_WAIT) for table in LEASED),
        _Bound(IdempotencyRow.reserved_until, RESERVED),
        _Bound(WorkerRow.seen_at, timedelta()),
    )


@cache
def _question(lease: timedelta) -> Select[int]:
    """The places of the bounds that some row is beyond: one statement, for it is asked every few seconds."""
    asked = [
        select(literal(place).label("place")).where(
            exists().where(bound.column > bindparam(f"limit_{place}", type_=UtcTime()))
        )
        for place, bound in enumerate(_bounds(lease))
    ]
    found = union_all(*asked).subquery()
    return select(found.c.place)


def _correction(bound: _Bound, limit: Any, right: Any) -> Update:
    beyond = update(bound.column.class_).where(bound.column > limit)
    return beyond.values({bound.column: right}).execution_options(synchronize_session=False)
