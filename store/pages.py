"""Keyset pages: where the last page ended, the next one begins, whatever was added in between."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute, Session

from steepest.spec.errors import InvalidRequest
from store.ids import is_id

R = TypeVar("R")

DEFAULT_LIMIT: Final = 100
_MOST: Final = 2**31 - 1
"""No event or epoch has a greater number, and a greater one fits no column."""


@dataclass(frozen=True)
class Page(Generic[R]):
    """Some rows of a list, and the `after` of those that follow; None when there are none."""

    rows: Sequence[R]
    next: str | None

    @property
    def has_more(self) -> bool:
        """Whether more follow."""
        return self.next is not None


def newest_first(
    session: Session,
    query: Select[R],
    id_column: InstrumentedAttribute[str],
    prefix: str,
    limit: int,
    after: str | None,
) -> Page[R]:
    """A page by id, which is by time, newest first.

    Raises:
        InvalidRequest: `after` is no id of this kind.
    """
    if after is not None:
        if not is_id(prefix, after):
            raise InvalidRequest(f'after must be the "next" of an earlier page, such as "{prefix}_...".')
        query = query.where(id_column < after)
    rows = session.scalars(query.order_by(id_column.desc()).limit(limit + 1)).all()
    kept = rows[:limit]
    return Page(kept, getattr(kept[-1], id_column.key) if len(rows) > limit else None)


def oldest_first(
    session: Session, query: Select[R], number_column: InstrumentedAttribute[int], limit: int, after: int | None
) -> Page[R]:
    """A page by number, lowest first."""
    if after is not None:
        query = query.where(number_column > min(after, _MOST))
    rows: Sequence[Any] = session.scalars(query.order_by(number_column).limit(limit + 1)).all()
    kept = rows[:limit]
    return Page(kept, str(getattr(kept[-1], number_column.key)) if len(rows) > limit else None)
