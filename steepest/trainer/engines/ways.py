"""How threads divide the training of M networks: a function of shape and cores, so that equal jobs get equal bits."""

from dataclasses import dataclass
from typing import Final

from steepest.trainer.chunks import work
from steepest.trainer.network import Network

WORTH_A_TEAM: Final = 3e7
"""Floating-point operations of a step from which a second thread saves more than the meetings cost."""

WORTH_A_MEMBER: Final = 3e8
"""Floating-point operations of a step for each thread of a larger team."""

MOST_THREADS: Final = 16

TALL: Final = 3
"""Rows of a batch, in widths of the widest hidden layer, from which a team divides rows rather than units."""


@dataclass(frozen=True)
class Way:
    """Who does what."""

    threads: int = 1
    """At work, the caller's included."""
    team: bool = False
    """Whether all of them work at one network after the other; else each takes networks of its own."""
    by_rows: bool = False
    """Whether a team divides the rows of a batch, rather than the units of a layer; signals then lie row by row."""


def threads_of_kernels(network: Network, rows: int, nets: int) -> int:
    """Threads that are worth having for batches of `rows` rows of M networks."""
    load = work(network, rows)
    if load < WORTH_A_TEAM:
        return min(nets, MOST_THREADS)
    return min(MOST_THREADS, max(2, int(load / WORTH_A_MEMBER)))


def way(network: Network, rows: int, nets: int, threads: int, *, silenced: bool = False) -> Way:
    """The way for batches of `rows` rows; `silenced`: some layer has dropout.

    A network is trained in the same way alone and in a stack.
    """
    if threads == 1 or work(network, rows) < WORTH_A_TEAM:
        return Way(min(threads, nets))
    widest = max((layer.units for layer in network.layers), default=network.outputs)
    return Way(threads, True, rows >= TALL * widest and not network.normalizes and not silenced)
