"""Date-times as texts (ISO 8601) to milliseconds since 1970-01-01T00:00Z, the one number that stands for them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_TEXT: Final = re.compile(
    r"\d{4}-\d\d-\d\d"
    r"(?:[Tt ](?:[01]\d|2[0-3])(?::\d\d(?::\d\d(?:[.,]\d{1,9})?)?)?"
    r"(?:[Zz]|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def read_datetime(text: str) -> float | None:
    """Milliseconds since 1970 in UTC; None when the text is no date-time.

    A date, or a date and a time of day with `T` or a blank between them, to the hour, minute, second or a fraction of
    it (digits beyond the microsecond do not count), with `Z`, an offset such as `+02:00`, or nothing, which means UTC.
    Blanks around it do not count.
    """
    bare = text.strip()
    if not _TEXT.fullmatch(bare):
        return None
    try:
        moment = datetime.fromisoformat(bare.upper())
    except ValueError:  # a month 13, a second 60
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MICROSECOND / 1_000
