"""Which columns tell rows apart and nothing more: row numbers, keys, names."""

import re
from typing import Final

from steepest.spec.columns import Column

LEAST_ROWS: Final = 20
"""Among fewer rows, values differ by chance."""

LEAST_SHARE: Final = 0.98
"""Of distinct values among the rows that have one."""

LONGEST: Final = 64
"""Characters; a longer text is a sentence."""

_NAME: Final = re.compile(r"(^|[^a-z])(id|ids|uid|uuid|guid|key|index|idx|nr|no|rowid|row_?number)$", re.IGNORECASE)
_CAMEL: Final = re.compile(r"[a-z](Id|ID|Key|Index|No|Nr)$")
_LIKELY: Final = 3.0
"""Standard errors by which an estimate may be off."""


def with_identifier(column: Column, increasing: bool = False, longest: int = 0) -> Column:
    """The column, with a mark where it is like an identifier.

    Labels and texts are when nearly all differ and they are short; whole numbers when nearly all differ, and they count
    on without a gap, ascend from row to row, or have a name such as `customer_id`.

    Args:
        column: Its statistics.
        increasing: Whether each whole number is larger than the one in the row before.
        longest: Characters of the longest label.
    """
    return column.model_copy(update={"identifier_like": _is_one(column, increasing, longest)})


def _is_one(column: Column, increasing: bool, longest: int) -> bool:
    if column.count < LEAST_ROWS or column.kind in ("numeric", "datetime", "boolean"):
        return False
    nearly_all = column.distinct >= (LEAST_SHARE - _LIKELY * column.distinct_error) * column.count
    if column.kind != "integer" or not nearly_all:
        return nearly_all and column.kind != "integer" and longest <= LONGEST
    without_a_gap = column.min is not None and column.max is not None and column.max - column.min + 1 == column.count
    named = _NAME.search(column.name) or _CAMEL.search(column.name)
    return increasing or without_a_gap or named is not None
