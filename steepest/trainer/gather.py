"""The rows of each chunk, brought together in the epoch's order."""

from typing import Final

import numpy as np

from steepest.trainer.arrays import Array, aligned
from steepest.trainer.randomness import Shuffle

SMALL_BYTES: Final = 4 * 1024 * 1024
"""Inputs for which a second copy does not matter: kept with their column of ones, so that one gathering is enough."""


def inputs_with_ones(rows: int, X: Array) -> Array:
    """Room for `rows` rows like those of X (n, d), with a last column of ones: (rows, d + 1)."""
    inputs = aligned((rows, X.shape[1] + 1), X.dtype)
    inputs[:, -1] = 1
    return inputs


class Gather:
    """Inputs and targets of up to `most` rows at a time."""

    def __init__(self, X: Array, targets: Array, most: int, shuffle: Shuffle | None) -> None:
        """Allocate.

        Args:
            X: (n, d) inputs.
            targets: (n,) or (n, outputs), as the objective encodes them.
            most: Rows of the largest chunk.
            shuffle: Gives the order of each epoch; None leaves the rows in theirs.
        """
        self.inputs = inputs_with_ones(most, X)
        """(most, d + 1) inputs of the chunk, with a last column of ones."""
        self._X, self._targets, self._shuffle = X, targets, shuffle
        self._with_ones: Array | None = None
        if shuffle is None:
            return
        self._taken = aligned((most, *targets.shape[1:]), targets.dtype)
        if X.nbytes <= SMALL_BYTES:
            self._with_ones = inputs_with_ones(len(X), X)
            self._with_ones[:, :-1] = X
        else:
            self._bare = aligned((most, X.shape[1]), X.dtype)

    def load(self, epoch: int, start: int, stop: int) -> Array:
        """Bring rows `start` to `stop` of an epoch into `inputs`, and return their targets."""
        size = stop - start
        if self._shuffle is None:
            np.copyto(self.inputs[:size, :-1], self._X[start:stop])
            return self._targets[start:stop]
        rows = self._shuffle.order(epoch)[start:stop]
        # With "clip" the rows go straight to where they belong; by default NumPy would check and copy once more.
        if self._with_ones is not None:
            self._with_ones.take(rows, 0, self.inputs[:size], "clip")
        else:
            self._X.take(rows, 0, self._bare[:size], "clip")
            np.copyto(self.inputs[:size, :-1], self._bare[:size])
        return self._targets.take(rows, 0, self._taken[:size], "clip")
