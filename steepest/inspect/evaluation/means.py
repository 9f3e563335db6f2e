"""Means of figures, some of which do not exist."""

from collections.abc import Iterable


def ratio(part: float, whole: float) -> float | None:
    """`part / whole`; None of nothing."""
    return float(part / whole) if whole else None


def mean(figures: Iterable[float | None]) -> float | None:
    """The mean of the figures that exist; None where none does."""
    there = [figure for figure in figures if figure is not None]
    return sum(there) / len(there) if there else None
