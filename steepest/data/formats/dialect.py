"""How a text is written, told from its beginning: the delimiter, and whether a line of names comes first."""

import csv
import io
from collections.abc import Sequence
from itertools import islice, pairwise
from typing import Final

from steepest.data.labels import read_cell

DELIMITERS: Final = (",", "\t", ";", "|")
"""In the order in which they are tried; the first of equally good ones is taken."""

_RECORDS: Final = 100
_CONSISTENT: Final = 0.9
_YEARS: Final = range(1900, 2101)


def delimiter_of(text: str, *, whole: bool) -> str:
    """What stands between the cells: a character that the first line has, and nearly all others equally often."""
    best, best_score = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        rows = sample(text, delimiter, whole=whole)
        cells = len(rows[0]) if rows else 0
        if cells < 2:
            continue
        share = sum(len(row) == cells for row in rows) / len(rows)
        score = (1.0 if share >= _CONSISTENT else share, cells if share >= _CONSISTENT else 0)
        if score[0] > best_score[0]:
            best, best_score = delimiter, score
    return best


def has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names the columns. It does unless it looks like the rows below.

    It looks like them when it has numbers where they have numbers, and texts where they have texts. Numbers that count
    one by one, or that are years, are names all the same: so pandas writes columns that nobody named.
    """
    first, below = rows[0], rows[1:]
    if not below:
        return True
    numbers = [cell for cell in first if isinstance(read_cell(cell), float)]
    if not numbers or _count_up(numbers, len(first)):
        return True
    for place, cell in enumerate(first):
        is_number = isinstance(read_cell(cell), float)
        others = [read_cell(row[place]) for row in below if place < len(row)]
        there = [isinstance(other, float) for other in others if other is not None]
        if there and any(there) != is_number and read_cell(cell) is not None:
            return True
    return False


def sample(text: str, delimiter: str, *, whole: bool) -> list[list[str]]:
    """The first records."""
    lines = io.StringIO(text, newline="")
    try:
        rows = [row for row in islice(csv.reader(lines, delimiter=delimiter), _RECORDS) if row]
    except csv.Error:  # a cell too long: the reader says which
        return []
    # The last one may be cut off.
    return rows if whole or len(rows) < 2 or len(rows) == _RECORDS else rows[:-1]


def _count_up(cells: Sequence[str], columns: int) -> bool:
    values = [read_cell(cell) for cell in cells]
    if len(values) == 1 and columns > 1:
        return values[0] in _YEARS
    return len(values) > 1 and all(
        isinstance(value, float) and isinstance(before, float) and value == before + 1
        for before, value in pairwise(values)
    )
