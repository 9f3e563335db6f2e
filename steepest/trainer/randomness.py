"""Randomness without state: every draw is a function of the seed, its purpose and its place in the run.

Philox is a block cipher that enciphers a counter (Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3).
Seed and purpose are its key; whoever knows the place knows the counter, so nothing needs to be saved to go on.
"""

from collections.abc import Sequence
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


def generator(purpose: Purpose, seed: int, place: int) -> np.random.Generator:
    """A generator of its own for each place."""
    return np.random.Generator(np.random.Philox(key=[seed, purpose], counter=[0, 0, 0, place]))


def words(purpose: Purpose, seed: int, place: tuple[int, int, int], counts: int) -> NDArray[np.uint64]:
    """`counts` times four random words, from a place on; the place's first number counts them."""
    return np.random.Philox(key=[seed, purpose], counter=[*place, 0]).random_raw(counts * WORDS)


class Shuffle:
    """The order of the rows in each epoch: a function of seed, rows and epoch."""

    def __init__(self, seed: int, rows: int, at_once: int = AT_ONCE) -> None:
        """`at_once`: rows that may be drawn together; it has no bearing on the order."""
        self._seed = seed
        self._rows = rows
        self._counts = -(-rows // WORDS)
        self._epochs = max(1, at_once // rows)
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
        drawn = words(Purpose.SHUFFLE, self._seed, (block * counts, 0, 0), counts)
        drawn = drawn.reshape(self._epochs, -1)[:, : self._rows]
        drawn &= ~self._low
        drawn |= self._numbers
        drawn.sort(axis=1)
        drawn &= self._low
        self._orders = drawn.view(np.intp)
        self._block = block


class Orders:
    """The orders of M networks: one for all where their seeds are equal."""

    def __init__(self, seeds: Sequence[int], rows: int) -> None:
        distinct = dict.fromkeys(seeds)
        shuffles = {seed: Shuffle(seed, rows, max(rows, AT_ONCE // len(distinct))) for seed in distinct}
        self._shuffles = [shuffles[seed] for seed in (seeds if len(distinct) > 1 else distinct)]
        self._orders = np.empty((len(self._shuffles), rows), np.intp)
        self._epoch = -1

    def __len__(self) -> int:
        return len(self._shuffles)

    def order(self, epoch: int) -> Array:
        """Row numbers (orders, rows) of `epoch` in their order."""
        if len(self) == 1:
            return self._shuffles[0].order(epoch)[None]
        if epoch != self._epoch:
            for order, shuffle in zip(self._orders, self._shuffles, strict=True):
                np.copyto(order, shuffle.order(epoch))
            self._epoch = epoch
        return self._orders
