"""The rows that are predicted worst, kept while rows go by."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MOST: Final = 20


class Worst:
    """The rows of the greatest losses; of equals the earlier ones."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self.losses: NDArray[np.float64] = np.empty(0)
        self.rows: NDArray[np.intp] = np.empty(0, np.intp)
        self.details: tuple[NDArray[Any], ...] = ()
        """What was said of the rows, in their order, the worst first."""

    def add(self, rows: NDArray[np.intp], losses: NDArray[np.float64], *details: NDArray[Any]) -> None:
        """Take in rows (n,) with their losses, and what is to be told of them, each (n, ...)."""
        losses = np.where(np.isnan(losses), np.inf, losses)
        if len(losses) > self._most:  # the others cannot be among the worst of all
            least = np.partition(losses, len(losses) - self._most)[len(losses) - self._most]
            kept = losses >= least
            rows, losses, details = rows[kept], losses[kept], tuple(detail[kept] for detail in details)
        before = self.details or tuple(detail[:0] for detail in details)
        all_rows, all_losses = np.concatenate((self.rows, rows)), np.concatenate((self.losses, losses))
        order = np.lexsort((all_rows, -all_losses))[: self._most]
        self.rows, self.losses = all_rows[order], all_losses[order]
        self.details = tuple(np.concatenate(pair)[order] for pair in zip(before, details, strict=True))
