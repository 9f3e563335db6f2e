"""The kernel's entry: networks divided among threads, or threads among networks."""

from pathlib import Path
from typing import Any, Final

from steepest.trainer.engines.kernels.descent import descend
from steepest.trainer.engines.kernels.team import Team
from steepest.trainer.engines.numba import fingerprint, kernel

SOURCES: Final = fingerprint(Path(__file__).parent)


@kernel
def train(
    one: Any,
    rank: int,
    ranks: int,
    plans: Any,
    rooms: Any,
    layers: Any,
    order: Any,
    chunk: Any,
    sources: int = SOURCES,
) -> None:
    """Take M networks through the steps of a chunk, as one of several threads.

    Args:
        one: In the precision in use.
        rank: Of this thread.
        ranks: How many threads work at one network.
        plans: (1,) see `layout`.
        rooms: One for each team.
        layers: (teams, layers) of each team.
        order: (orders, steps x rows) row numbers.
        chunk: Weights (orders, steps x rows) if rows have some, rates (steps, M), steps done before, settings (M, 6),
            and where to leave sums (ranks, M, figures), penalties (ranks, steps, M) and steps taken (M,).
        sources: What was compiled.
    """
    plan = plans[0]
    if ranks > 1:
        team = Team(rank, ranks, rooms[0].door, plan.pause)
        for net in range(plan.nets):
            descend(net, team, plan, rooms[0], layers[0], order, chunk, one)
    else:
        team = Team(0, 1, rooms[rank].door, plan.pause)
        # Neighbours, and the same in each chunk: their numbers stay in one core's cache.
        for net in range(plan.nets * rank // rooms.size, plan.nets * (rank + 1) // rooms.size):
            descend(net, team, plan, rooms[rank], layers[rank], order, chunk, one)
