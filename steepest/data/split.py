"""Divide rows into training, validation and test rows: seeded, random, by class, by group, by time or as marked."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steepest.data.table import Rows
from steepest.spec.resolve import split_sizes
from steepest.spec.resolved import ResolvedSplit

Counts = NDArray[np.int64]
Codes = NDArray[np.integer]

_WINDOW: Final = 24
"""Groups on either side of a part's border among which the best are looked for, all subsets of them."""
_FINEST: Final = 1 << 20
"""Steps in which the rows of these groups are counted, at most."""

TRAINING, VALIDATION, TEST = range(3)


@dataclass(frozen=True)
class Parts:
    """Ascending row numbers of each part, disjoint."""

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


def split_groups(spec: ResolvedSplit, groups: NDArray[np.intp]) -> Parts:
    """No group in two parts; the parts' sizes as near to the shares as whole groups allow.

    The test part is filled first, then the validation part from what is left. A part that is asked for gets one group
    at least, where there are as many groups as parts.

    Args:
        spec: The shares and the seed.
        groups: (n,) each row's group, from 0, none of them empty.
    """
    members = np.bincount(groups)
    _, validation, test = split_sizes(len(groups), spec.validation, spec.test)
    left = np.random.default_rng(spec.seed).permutation(len(members))
    part_of = np.full(len(members), TRAINING)
    for part, seats, spare in ((TEST, test, 1 + bool(validation)), (VALIDATION, validation, 1)):
        if seats and len(left) > spare:
            chosen = nearest(members[left], seats, spare)
            part_of[left[chosen]] = part
            left = left[~chosen]
    return _labelled(part_of[groups])


def split_time(spec: ResolvedSplit, times: NDArray[np.float64]) -> Parts:
    """The oldest rows train, the newest test; rows of one time keep their order."""
    training, validation, _ = split_sizes(len(times), spec.validation, spec.test)
    order = np.argsort(times, kind="stable")
    return _parts(order[:training], order[training : training + validation], order[training + validation :])


def split_marked(spec: ResolvedSplit, marks: Codes, *, draw_validation: bool) -> Parts:
    """As each row is marked: `TRAINING`, `VALIDATION`, `TEST`, or another number to be left out.

    Args:
        spec: The share of validation rows and the seed.
        marks: (n,) marks.
        draw_validation: The share of all rows is drawn from those marked `TRAINING`, of which one at least stays.
    """
    if draw_validation:
        marks = marks.copy()
        training = np.flatnonzero(marks == TRAINING)
        _, seats, _ = split_sizes(int(np.count_nonzero((marks == TRAINING) | (marks == TEST))), spec.validation, 0.0)
        drawn = np.random.default_rng(spec.seed).permutation(training)[: min(seats, max(0, len(training) - 1))]
        marks[drawn] = VALIDATION
    return _labelled(marks)


def nearest(sizes: Counts, seats: int, spare: int) -> NDArray[np.bool_]:
    """(groups,) which groups hold together as near to `seats` rows as can be, going by their order at first.

    The groups that come first are taken while they fit; those around the border are then chosen anew, among all their
    subsets, by dynamic programming. With up to 48 groups this is the best choice there is.

    Args:
        sizes: (groups,) rows of each, above 0.
        seats: Rows to be had, above 0.
        spare: Groups to be left, fewer than there are.
    """
    border = int(np.searchsorted(np.cumsum(sizes), seats, side="right"))
    start, end = max(0, border - _WINDOW), min(len(sizes), border + _WINDOW)
    chosen = np.arange(len(sizes)) < start
    need = seats - int(sizes[:start].sum())
    unit = max(1, need // _FINEST)
    chosen[start:end] = _nearest_subset(np.maximum(1, sizes[start:end] // unit).tolist(), need // unit, start == 0)
    while len(sizes) - np.count_nonzero(chosen) < spare:  # few groups, most of them taken: the smallest go back
        taken = np.flatnonzero(chosen)
        chosen[taken[sizes[taken].argmin()]] = False
    return chosen


def _nearest_subset(sizes: list[int], seats: int, some: bool) -> NDArray[np.bool_]:
    """Which of `sizes` add up to what is nearest to `seats`; `some` rules out none of them.

    Bit s of `sums[k]` says that some of the first k sizes add up to s. Sums beyond twice the seats are worse than none.
    """
    sums, mask = [1], (1 << 2 * seats + 1) - 1
    for size in sizes:
        sums.append((sums[-1] | sums[-1] << min(size, 2 * seats + 1)) & mask)
    possible = sums[-1] & ~1 if some else sums[-1]
    if not possible:
        smallest: NDArray[np.bool_] = np.arange(len(sizes)) == sizes.index(min(sizes))
        return smallest
    below, above = possible & (1 << seats + 1) - 1, possible >> seats + 1
    near = [below.bit_length() - 1] if below else []
    near += [seats + (above & -above).bit_length()] if above else []
    total = min(near, key=lambda rows: abs(rows - seats))
    taken = np.zeros(len(sizes), bool)
    for number in range(len(sizes) - 1, -1, -1):
        if not sums[number] >> total & 1:
            taken[number] = True
            total -= sizes[number]
    return taken


def _stratified(order: Rows, codes: NDArray[np.intp], sizes: tuple[int, int, int]) -> Parts:
    """Each class gives to each part its share, rounded so that the parts' sizes come out exactly."""
    by_class = order[np.argsort(codes[order], kind="stable")]
    available = np.bincount(codes).astype(np.int64)
    training = apportion(sizes[0], available, least=1)
    validation = apportion(sizes[1], available - training)
    picked: tuple[list[Rows], list[Rows], list[Rows]] = ([], [], [])
    for members, n, m in zip(np.split(by_class, np.cumsum(available)[:-1]), training, validation, strict=True):
        for part, rows in zip(picked, (members[:n], members[n : n + m], members[n + m :]), strict=True):
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


def _labelled(part_of: Codes) -> Parts:
    """Parts from each row's own."""
    return Parts(*(np.flatnonzero(part_of == part) for part in (TRAINING, VALIDATION, TEST)))
