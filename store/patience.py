"""How long what waits for a worker is waited for, and how often it is tried: jobs, data sets, computations alike."""

from datetime import timedelta
from typing import Final

FIRST_REMINDER: Final = timedelta(seconds=30)
"""How long the reconciler waits for the first announcement to have an effect."""

LONGEST_WAIT: Final = timedelta(minutes=5)
"""Between two announcements of what waits and is not claimed."""

MOST_FAILURES: Final = 3
"""Attempts in a row that end without a word and without progress, before no further one is made."""
