"""How many BLAS threads a run can use: a function of its shape alone, so that equal jobs get equal bits."""

from steepest.trainer.network import Network


def threads_for(network: Network, batch_size: int) -> int:
    """BLAS threads for batches of `batch_size` rows."""
    raise NotImplementedError
