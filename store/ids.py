"""Ids: a prefix that says what the thing is, over a UUIDv7, so that sorting by id sorts by time."""

import os
import threading
import time
from datetime import datetime, timedelta
from typing import Final

BLOB, COMPUTATION, DATASET, JOB, KEY = "blob", "cmp", "ds", "job", "key"

_HEX = frozenset("0123456789abcdef")
_RANDOM_BITS: Final = 62
_lock = threading.Lock()
_latest = 0


def new_id(prefix: str) -> str:
    """A new id such as `job_0193e5c2...`; later calls in one process sort after earlier ones.

    The layout is RFC 9562, section 5.7, with its method 3: 48 bits of milliseconds, then 12 bits of the millisecond's
    fraction, which count on when two ids fall into the same 244 ns.
    """
    global _latest
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    moment = (milliseconds << 12) | (rest * 4096 // 1_000_000)
    with _lock:
        _latest = moment = max(moment, _latest + 1)
    return _compose(prefix, moment, int.from_bytes(os.urandom(8), "big") >> (64 - _RANDOM_BITS))


def earliest(prefix: str, moment: datetime, slack: timedelta = timedelta(hours=1)) -> str:
    """An id that sorts before all that were made at `moment` or later, by clocks that differ by at most `slack`."""
    milliseconds = max(0, int((moment.timestamp() - slack.total_seconds()) * 1000))
    return _compose(prefix, milliseconds << 12, 0)


def is_id(prefix: str, text: str) -> bool:
    """Whether `text` has the form of an id of this kind; whether such a thing exists is another question."""
    head, separator, digits = text.partition("_")
    return head == prefix and bool(separator) and len(digits) == 32 and _HEX.issuperset(digits)


def _compose(prefix: str, moment: int, random: int) -> str:
    value = ((moment >> 12) << 80) | (7 << 76) | ((moment & 0xFFF) << 64) | (2 << 62) | random
    return f"{prefix}_{value:032x}"
