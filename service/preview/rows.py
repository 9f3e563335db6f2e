"""Rows as they are shown: numbers where a column is numeric, text where it is not, null where a value is missing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import RootModel

from steepest.spec.errors import InvalidRequest

Value = float | int | str | None

_AFTER: Final = re.compile(r"(?P<row>[0-9]{1,15})(?:\.(?P<offset>[0-9]{1,15}))?")


class Row(RootModel[dict[str, Value]]):
    """A row by column name."""


@dataclass(frozen=True)
class Rows:
    """Some rows, and where the next ones begin; None after the last."""

    rows: Sequence[Row]
    next: str | None


def position(after: str | None) -> tuple[int, int | None]:
    """The rows that lie before a page, and the byte at which it begins where that is known.

    Raises:
        InvalidRequest: `after` is neither a number of rows nor the `next` of a page.
    """
    if after is None:
        return 0, None
    found = _AFTER.fullmatch(after)
    if found is None:
        raise InvalidRequest('after must be a number of rows, or the "next" of an earlier page')
    return int(found["row"]), int(found["offset"]) if found["offset"] else None


def place(passed: int, offset: int | None) -> str:
    """The `after` that stands for a place: the rows before it, and the byte at which it is where that is known."""
    return str(passed) if offset is None else f"{passed}.{offset}"


def number(value: float, *, whole: bool) -> Value:
    """A number as it is shown: without a point where its whole column has none; null for NaN, which is missing."""
    if value != value:
        return None
    return int(value) if whole and value.is_integer() else value
