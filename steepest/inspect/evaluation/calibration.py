"""Whether what was predicted with a probability of p came true in a share p of cases (DeGroot and Fienberg 1983)."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steepest.spec.figures import Calibration

BINS: Final = 10
_BORDERS: Final = np.linspace(0.0, 1.0, BINS + 1)[1:-1]


class CalibrationTally:
    """Sums over the rows of each bin. A bin has its upper border."""

    def __init__(self) -> None:
        self._rows = np.zeros(BINS, np.int64)
        self._predicted = np.zeros(BINS)
        self._observed = np.zeros(BINS)

    def add(self, probabilities: NDArray[np.float64], true: NDArray[Any]) -> None:
        """Take in rows (n,): the probability that was given, and whether it came true."""
        places = np.searchsorted(_BORDERS, probabilities)
        self._rows += np.bincount(places, minlength=BINS)
        self._predicted += np.bincount(places, probabilities, BINS)
        self._observed += np.bincount(places, true, BINS)

    def figures(self) -> Calibration:
        """The bins that have rows."""
        there = self._rows > 0
        rows = self._rows[there]
        return Calibration(
            predicted=(self._predicted[there] / rows).tolist(),
            observed=(self._observed[there] / rows).tolist(),
            rows=rows.tolist(),
        )
