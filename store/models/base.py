"""What all tables share: the base class, and the words of their constraints and indexes."""

from typing import Any, Final

from sqlalchemy import ForeignKey, MetaData, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from steepest.spec.states import JobState
from store.columns import Id

DEFAULT_ACCOUNT: Final = "acc_00000000000070008000000000000001"
"""The account that every installation begins with; the first migration creates it."""


class Base(DeclarativeBase):
    """What all tables share: names for constraints that are the same on every database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def one_of(column: str, states: frozenset[JobState]) -> str:
    """The condition that a column has one of these states."""
    return f"{column} IN ({', '.join(repr(state.value) for state in sorted(states))})"


def iff(left: str, right: str) -> str:
    """The condition that both hold or neither does."""
    return f"({left}) = ({right})"


def where(condition: str) -> dict[str, Any]:
    """The condition of a partial index, for either database."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


def account() -> Mapped[str]:
    """The column of the account whose row it is."""
    return mapped_column(Id, ForeignKey("accounts.id"))
