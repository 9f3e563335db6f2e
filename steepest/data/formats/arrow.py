"""Cells that pyarrow holds, as the ingest wants them."""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_MICROSECONDS: Final = (pa.timestamp("us", tz="UTC"), pa.timestamp("us"))
_FIRST_YEAR: Final = -62_135_596_800_000.0
"""0001-01-01; pyarrow knows a year 0, which calendars do not."""


def moments(cells: pa.StringArray) -> NDArray[np.float64] | None:
    """(k,) milliseconds since 1970 UTC of texts, NaN for null; None when one is no date-time.

    Either all have a zone, or none has; `read_datetime` knows further ways to write the same, one text at a time.
    """
    encoded = cells.dictionary_encode()  # moments often repeat, and to parse one takes long
    for kind in _MICROSECONDS:
        try:
            distinct = milliseconds(encoded.dictionary.cast(kind))
        except pa.ArrowInvalid:
            continue
        codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
        return None if distinct is None else np.append(distinct, np.nan)[codes]  # the last place serves the code -1
    return None


def milliseconds(cells: pa.TimestampArray) -> NDArray[np.float64] | None:
    """(k,) milliseconds since 1970 UTC of timestamps in microseconds; None when one is before the year 1."""
    numbers = pc.cast(cells, pa.int64()).to_numpy(zero_copy_only=False)
    found = np.asarray(numbers, np.float64) / 1_000
    return None if (found < _FIRST_YEAR).any() else found
