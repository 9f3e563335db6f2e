"""The order in which scikit-learn takes the rows: each epoch shuffles that of the last once more."""

import numpy as np
from sklearn.utils import shuffle

from steepest.trainer.arrays import Array


class BatchOrder:
    """The orders of the epochs, drawn as they are asked for; the latest two are kept."""

    def __init__(self, rows: int, random: np.random.RandomState | None) -> None:
        """`random` shuffles; None leaves the rows where they are."""
        self._random = random
        self._epoch = 0
        self._before = self._latest = np.arange(rows)

    def __call__(self, epoch: int) -> Array:
        """Row numbers (n,) of an epoch, from 1."""
        while self._epoch < epoch:
            self._epoch += 1
            self._before = self._latest
            if self._random is not None:
                self._latest = shuffle(self._latest, random_state=self._random)
        return self._latest if epoch == self._epoch else self._before
