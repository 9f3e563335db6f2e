"""What the text of one cell means: a number, a missing value, or a label."""

import math
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

MISSING: Final = frozenset(
    {
        *("", "NA", "N/A", "n/a", "#N/A", "#NA", "<NA>", "#N/A N/A"),
        *("NaN", "nan", "NAN", "-NaN", "-nan", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"),
        *("null", "NULL", "Null", "#NULL!", "None"),
    }
)
"""Texts that stand for no value."""

LONGEST_LABEL: Final = 1_000
"""Characters. A longer text is prose, not a label."""

LONGEST_CELL: Final = 128 * 1024
"""Characters; the limit of the standard library's CSV reader."""

NOT_UTF8: Final = "\x1a"
"""Stands for a byte that was not UTF-8: SUBSTITUTE, which ASCII has for the purpose."""

SURROGATE: Final = re.compile("[\ud800-\udfff]")
"""Half a character, which no valid text has."""

_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_INFINITY: Final = re.compile(r"[+-]?inf(?:inity)?", re.ASCII | re.IGNORECASE)
_LEADING_ZERO: Final = re.compile(r"[+-]?0\d", re.ASCII)
_WHOLE: Final = re.compile(r"[+-]?\d+", re.ASCII)
EXACT_BELOW: Final = 2.0**53
"""Every whole number below is a float of its own."""


def read_cell(text: str) -> float | str | None:
    """A number (infinite when it overflows), None for a missing value, else the text as it is.

    Blanks around a number or a missing marker do not count. A number with a leading zero is a code, thus text.
    """
    bare = text.strip()
    if bare in MISSING:
        return None
    if (_NUMBER.fullmatch(bare) and not _LEADING_ZERO.match(bare)) or _INFINITY.fullmatch(bare):
        return float(bare)
    return text


def read_label(text: str) -> float | str | None:
    """As `read_cell`, of a cell that is a label even if it is a number: one that no float holds stays a text.

    So whole numbers of many digits, such as ids, differ where their digits do.
    """
    value = read_cell(text)
    if not isinstance(value, float) or abs(value) < EXACT_BELOW:
        return value
    bare = text.strip()
    if _WHOLE.fullmatch(bare):
        return bare.removeprefix("+")
    return value if math.isinf(value) or Decimal(bare) == Decimal(value) else bare


def is_code(text: str) -> bool:
    """Whether a text is a number but for its leading zero, such as a postal code."""
    bare = text.strip()
    return bool(_LEADING_ZERO.match(bare) and _NUMBER.fullmatch(bare))


def in_class_order(labels: Iterable[str]) -> list[str]:
    """Labels ascending: numerically if all are numbers, else by code point."""
    numbers = {label: read_cell(label) for label in labels}
    if all(isinstance(number, float) for number in numbers.values()):
        return sorted(numbers, key=lambda label: (_exact(label), label))
    return sorted(numbers)


def _exact(label: str) -> int | float:
    """A number, with all digits of a whole one that a float can hold at all."""
    number = float(label)
    return int(label) if _WHOLE.fullmatch(label.strip()) and math.isfinite(number) else number


def objection(text: str) -> str | None:
    """Why a text cannot be a label or name; None if it can."""
    if NOT_UTF8 in text or (not text.isascii() and SURROGATE.search(text)):
        return "not UTF-8; save the file in the encoding UTF-8"
    if "\0" in text:
        return "a NUL character"
    if len(text) > LONGEST_CELL:
        return f"a cell of {len(text):,} characters; the limit is {LONGEST_CELL:,}"
    return None


def shorten(text: str, length: int = 40) -> str:
    """`text` in quotes for a message, cut when it is long."""
    return f'"{text}"' if len(text) <= length else f'"{text[:length]}..."'
