"""How many BLAS threads a run can use: a function of its shape alone, so that equal jobs get equal bits."""

from math import log2
from typing import Final

from steepest.trainer.chunks import work
from steepest.trainer.network import Network

WORTH_SHARING: Final = 3e7
"""Floating-point operations of a step from which a second thread saves more than the two cost to meet."""

MOST: Final = 16


def threads_for(network: Network, batch_size: int) -> int:
    """BLAS threads for batches of `batch_size` rows: one for small steps, twice as many for twice the work."""
    share = work(network, batch_size) / WORTH_SHARING
    return 1 if share < 1 else min(MOST, 2 ** (1 + int(log2(share))))
