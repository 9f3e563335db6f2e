"""Column types: what the rows hold, in the form that both databases keep without loss."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from pydantic import ConfigDict, TypeAdapter
from sqlalchemy import DateTime, Dialect, Enum, Float, String, Text, TypeDecorator

Id = String(40).with_variant(String(40, collation="C"), "postgresql")
"""An id; compared byte by byte, whatever the database's language."""


class UtcTime(TypeDecorator[datetime]):
    """A point in time: aware, in UTC, to the microsecond."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times; SQLite keeps text without a zone, which is always UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The stored time, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Figure(TypeDecorator[float]):
    """A number that may be NaN or infinite. SQLite would turn a NaN into NULL, so it is kept there as text."""

    impl = Float(53)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[float | None], float | str | None] | None:
        """Write NaN as text on SQLite; the processor of a plain float would make a number of the text again."""
        if dialect.name != "sqlite":
            return None
        return lambda value: "NaN" if value is not None and math.isnan(value) else value

    def process_result_value(self, value: Any, dialect: Dialect) -> float | None:
        """The number that was written."""
        return None if value is None else float(value)


class Document(TypeDecorator[Any]):
    """A pydantic model, or a list or mapping of them, as JSON text: both databases keep key order, NaN and NUL."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: Any, config: ConfigDict | None = None) -> None:
        """`config` is that of a union, which does not take it from its members."""
        super().__init__()
        self.kind = kind
        self._adapter: TypeAdapter[Any] = TypeAdapter(kind, config=config)

    def __repr__(self) -> str:
        return "Text()"

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Write JSON."""
        return None if value is None else self._adapter.dump_json(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Read it back, validated."""
        return None if value is None else self._adapter.validate_json(value)


def state_type(states: type[StrEnum], name: str) -> Enum:
    """The text of a state, with a CHECK constraint that admits no other."""
    return Enum(
        states,
        name=name,
        native_enum=False,
        create_constraint=True,
        length=16,
        values_callable=lambda members: [member.value for member in members],
    )
