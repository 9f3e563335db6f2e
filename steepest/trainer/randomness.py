"""Randomness without state: every draw is a function of the seed, its purpose and its place in the run.

Philox is a block cipher that enciphers a counter (Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3).
Seed and purpose are its key; whoever knows the place knows the counter, so nothing needs to be saved to go on.
"""

from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steepest.trainer.arrays import Array

WORDS: Final = 4
"""64-bit words that one count of Philox gives."""

AT_ONCE: Final = 16_384
"""Rows that are worth shuffling together: several epochs of small data."""


class Purpose(IntEnum):
    """What random numbers are for: draws for different purposes have nothing to do with each other."""

    WEIGHTS = 0
    SHUFFLE = 1
    DROPOUT = 2
    BLOCKS = 3
    WINDOW = 4


def generator(purpose: Purpose, seed: int, place: int) -> np.random.Generator:
    """A generator of its own for each place."""
    return np.random.Generator(np.random.Philox(key=[seed, purpose], counter=[0, 0, 0, place]))


def words(purpose: Purpose, seed: int, place: tuple[int, int, int], counts: int) -> NDArray[np.uint64]:
    """`counts` times four random words, from a place on; the place's first number counts them."""
    return np.random.Philox(key=[seed, purpose], counter=[*place, 0]).random_raw(counts * WORDS)


def shuffled(drawn: NDArray[np.uint64]) -> Array:
    """The numbers 0, 1, ... in an order that random words (..., n) decide, which are overwritten.

    The low bits of a word give way to its number: sorting the words then shuffles the numbers, and as no two words are
    equal, any correct way to sort gives the same order.
    """
    low = np.uint64((1 << (drawn.shape[-1] - 1).bit_length()) - 1)
    drawn &= ~low
    drawn |= np.arange(drawn.shape[-1], dtype=np.uint64)
    drawn.sort(axis=-1)
    drawn &= low
    order: Array = drawn.view(np.intp)
    return order


class Shuffle:
    """The order of the rows in each epoch: a function of seed, rows and epoch."""

    def __init__(self, seed: int, rows: int, at_once: int = AT_ONCE, purpose: Purpose = Purpose.SHUFFLE) -> None:
        """`at_once`: rows that may be drawn together; it has no bearing on the order."""
        self._seed = seed
        self._rows = rows
        self._purpose = purpose
        self._counts = -(-rows // WORDS)
        self._most = max(1, at_once // rows)
        self._first = 0
        self._orders = np.empty((0, rows), np.intp)

    def order(self, epoch: int) -> Array:
        """Row numbers (rows,) of `epoch` in their order."""
        if not 0 <= epoch - self._first < len(self._orders):
            self._draw(epoch)
        order: Array = self._orders[epoch - self._first]
        return order

    def between(self, epoch: int, start: int, stop: int) -> Array:
        """Row numbers (stop - start,) of some places in the order of `epoch`."""
        order: Array = self.order(epoch)[start:stop]
        return order

    def _draw(self, epoch: int) -> None:
        """Draw the orders from `epoch` on: of twice as many epochs as last time, so that a short run pays for few."""
        epochs = min(max(1, 2 * len(self._orders)), self._most)
        drawn = words(self._purpose, self._seed, (epoch * self._counts, 0, 0), epochs * self._counts)
        self._orders = shuffled(drawn.reshape(epochs, -1)[:, : self._rows])
        self._first = epoch
