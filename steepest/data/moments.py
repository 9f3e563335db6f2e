"""A column of date-times while it is read."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from steepest.data.built import Site
from steepest.data.datetimes import read_datetime
from steepest.data.formats.reader import Texts
from steepest.data.hashing import Hashes, number_hashes
from steepest.data.spool import Spool
from steepest.data.tally import NumberTally

Floats = NDArray[np.float64]


class Moments:
    """Statistics and file of milliseconds since 1970 UTC, NaN where a value is missing or is no date-time."""

    def __init__(self, site: Site, missing: int = 0) -> None:
        """`missing` rows have passed, none with a value."""
        self.spool = Spool(site.path.with_suffix(".moments"), np.float64)
        self.tally = NumberTally(site.room)
        if missing:
            self.spool.append(np.full(missing, np.nan))

    def add(self, milliseconds: Floats) -> Hashes:
        """Take in the next (k,) moments; their hashes come back."""
        self.spool.append(milliseconds)
        hashes = number_hashes(milliseconds)
        there = ~np.isnan(milliseconds)
        self.tally.add(milliseconds[there], hashes=hashes[there])
        return hashes


def read_moments(texts: Texts, read: Sequence[float | str | None]) -> tuple[Floats, list[int]]:
    """(k,) milliseconds, NaN where there are none, and the codes of the texts that are no date-times.

    Args:
        texts: The cells.
        read: What `read_cell` says of each distinct text.
    """
    found = [None if value is None else read_datetime(text) for text, value in zip(texts.distinct, read, strict=True)]
    strange = [code for code, value in enumerate(found) if value is None and read[code] is not None]
    values = np.array([np.nan if value is None else value for value in found] + [np.nan])
    return values[texts.codes], strange  # the last place serves the code -1
