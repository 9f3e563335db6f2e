"""Randomness without state: every draw is a function of the seed, its purpose and its place in the run.

Philox is a block cipher that enciphers a counter (Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3).
Seed and purpose are its key; whoever knows the place knows the counter, so nothing needs to be saved to go on.
"""

from enum import IntEnum
from typing import Final

import numpy as np

from steepest.trainer.arrays import Array

WORDS: Final = 4
"""64-bit words that one count of Philox gives."""

AT_ONCE: Final = 16_384
"""Rows that are worth shuffling together: several epochs of small data."""


class Purpose(IntEnum):
    """What random numbers are for: draws for different purposes have nothing to do with each other."""

    WEIGHTS = 0
    SHUFFLE = 1


def generator(purpose: Purpose, seed: int, place: int) -> np.random.Generator:
    """A generator of its own for each place."""
    return np.random.Generator(np.random.Philox(key=[seed, purpose], counter=[0, 0, 0, place]))


class Shuffle:
    """The order of the rows in each epoch: a function of seed, rows and epoch."""

    def __init__(self, seed: int, rows: int) -> None:
        self._seed = seed
        self._rows = rows
        self._counts = -(-rows // WORDS)
        self._epochs = max(1, AT_ONCE // rows)
        self._block = -1
        self._orders = np.empty((0, rows), np.intp)
        # The low bits of a random word give way to the number of the row: sorting the words then shuffles the rows,
        # and as no two words are equal, any correct way to sort gives the same order.
        self._low = np.uint64((1 << (rows - 1).bit_length()) - 1)
        self._numbers = np.arange(rows, dtype=np.uint64)

    def order(self, epoch: int) -> Array:
        """Row numbers (rows,) of `epoch` in their order."""
        block, place = divmod(epoch, self._epochs)
        if block != self._block:
            self._draw(block)
        order: Array = self._orders[place]
        return order

    def _draw(self, block: int) -> None:
        counts = self._counts * self._epochs
        random = np.random.Philox(key=[self._seed, Purpose.SHUFFLE], counter=[block * counts, 0, 0, 0])
        words = random.random_raw(counts * WORDS).reshape(self._epochs, -1)[:, : self._rows]
        words &= ~self._low
        words |= self._numbers
        words.sort(axis=1)
        words &= self._low
        self._orders = words.view(np.intp)
        self._block = block
