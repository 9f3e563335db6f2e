"""Divide rows into training, validation and test rows: seeded, random or stratified by class."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steepest.data.table import Rows
from steepest.spec.resolve import split_sizes
from steepest.spec.resolved import ResolvedSplit

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Parts:
    """Ascending row numbers of each part; together they are all rows."""

    training: Rows
    validation: Rows
    test: Rows


def split(spec: ResolvedSplit, rows: int, codes: NDArray[np.intp] | None) -> Parts:
    """Divide `rows` rows as `spec` says; the same seed gives the same parts.

    Args:
        spec: `random` or `stratified`, the shares and the seed.
        rows: How many rows there are.
        codes: (rows,) class codes, which `stratified` needs.
    """
    sizes = split_sizes(rows, spec.validation, spec.test)
    order = np.random.default_rng(spec.seed).permutation(rows)
    if spec.method == "stratified" and codes is not None:
        return _stratified(order, codes, sizes)
    training, validation, _ = sizes
    return _parts(order[:training], order[training : training + validation], order[training + validation :])


def _stratified(order: Rows, codes: NDArray[np.intp], sizes: tuple[int, int, int]) -> Parts:
    """Each class gives to each part its share, rounded so that the parts' sizes come out exactly."""
    by_class = order[np.argsort(codes[order], kind="stable")]
    available = np.bincount(codes).astype(np.int64)
    training = apportion(sizes[0], available, least=1)
    validation = apportion(sizes[1], available - training)
    picked: tuple[list[Rows], list[Rows], list[Rows]] = ([], [], [])
    for members, n, m in zip(np.split(by_class, np.cumsum(available)[:-1]), training, validation, strict=True):
        for part, rows in zip(picked, np.split(members, [n, n + m]), strict=True):
            part.append(rows)
    return _parts(*(np.concatenate(part) for part in picked))


def apportion(seats: int, sizes: Counts, least: int = 0) -> Counts:
    """Share `seats` among groups in proportion to their sizes, by largest remainder (Hamilton's method).

    No group gets more than it has. Each non-empty group gets `least` seats where there are enough for all; ties go
    to the earlier group. Exact: whole numbers throughout.
    """
    total = int(sizes.sum())
    if total == 0:
        return np.zeros_like(sizes)
    shares = seats * sizes
    floor = np.minimum(least, sizes) if least * np.count_nonzero(sizes) <= seats else np.zeros_like(sizes)
    given = np.maximum(shares // total, floor)
    while (excess := int(given.sum()) - seats) > 0:
        # The minimum was a gift: those furthest above their share pay for it, one seat each at a time.
        able = np.flatnonzero(given > floor)
        above = (given * total - shares)[able]
        given[able[np.argsort(-above, kind="stable")[:excess]]] -= 1
    short = seats - int(given.sum())
    given[np.argsort(given * total - shares, kind="stable")[:short]] += 1
    return given


def _parts(training: Rows, validation: Rows, test: Rows) -> Parts:
    return Parts(np.sort(training), np.sort(validation), np.sort(test))
