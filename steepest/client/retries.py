"""When a request is repeated, and after which pause."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

PASSING = frozenset({429, 502, 503, 504})
"""Statuses that may be gone in a moment."""


@dataclass(frozen=True)
class Retries:
    """Exponential back-off with full jitter (Brooker 2015), unless the service names the pause itself.

    Attributes:
        attempts: How often a request is sent at most; 1 never repeats.
        first: Upper bound of the first pause in seconds; each further bound is twice the one before.
        longest: Upper bound of any pause in seconds. A service that asks for a longer one is taken to be away.
        sleep: What waits.
    """

    attempts: int = 6
    first: float = 0.25
    longest: float = 30.0
    sleep: Callable[[float], None] = time.sleep

    def pause(self, attempt: int, retry_after: str | None = None) -> float | None:
        """Seconds to wait after failed attempt number `attempt` (from 1); None to give up."""
        if attempt >= self.attempts:
            return None
        asked = seconds(retry_after)
        if asked is not None and asked > self.longest:
            return None
        bound = min(self.longest, self.first * 2 ** (attempt - 1))
        # Jitter goes on top of what the service asks for: all of its clients were told the same.
        return (asked or 0.0) + random.uniform(0.0, bound)  # noqa: S311  spreads load, keeps no secret


def seconds(retry_after: str | None) -> float | None:
    """A `Retry-After` header (RFC 9110, 10.2.3), seconds or a date, as seconds from now; None when there is none."""
    if retry_after is None:
        return None
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        at = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (at.astimezone(UTC) - datetime.now(UTC)).total_seconds())
