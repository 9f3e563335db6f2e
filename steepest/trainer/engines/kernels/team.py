"""Several threads at one network: who does what, and where they wait for each other.

A team's ranks 0, 1, ... run the same kernel over the same steps. What each of them works out depends on the shape
alone, never on who comes first, so that equal runs are equal to the bit.
"""

from typing import Any, Final, NamedTuple

from steepest.trainer.engines.numba import atomic_add, atomic_load, atomic_store, call, piece


class Team(NamedTuple):
    """A rank's view of its team."""

    rank: int
    ranks: int
    door: int
    """The address of two integers, a cache line apart: how many have come, and how often all had."""
    pause: int
    """The address of a C function that lets other threads run."""


LINE: Final = 64
"""Bytes that processors pass on at a time."""

SPINS: Final = 2000
"""Looks at the door before others may run: about ten microseconds."""


@piece
def meet(team: Team) -> None:
    """Wait until all ranks are here."""
    if team.ranks == 1:
        return
    before = atomic_load(team.door + LINE)
    if atomic_add(team.door, 1) == team.ranks - 1:
        atomic_store(team.door, 0)
        atomic_store(team.door + LINE, before + 1)
        return
    looks = 0
    while atomic_load(team.door + LINE) == before:
        looks += 1
        if looks > SPINS:
            call(team.pause)


@piece
def share(size: int, grain: int, team: Team) -> Any:
    """First and stop of a rank's part of `size` things, which are cut at multiples of `grain` alone."""
    if team.ranks == 1:
        return 0, size
    grains = (size + grain - 1) // grain
    first = grains * team.rank // team.ranks * grain
    stop = grains * (team.rank + 1) // team.ranks * grain
    return min(size, first), min(size, stop)
