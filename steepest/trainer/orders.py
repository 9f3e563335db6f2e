"""The order in which M networks take the rows: shuffled whole, or by blocks and then within a window of blocks.

Rows that are larger than memory are read from a disk, which is quick only in long stretches. So neighbouring rows make
a block, the blocks are shuffled, a few blocks that follow each other in that order make a window, and the rows of a
window are shuffled: each epoch sees each row once, and reads whole blocks.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from steepest.paging import Pages, pages_of
from steepest.spec.resolved import ResolvedShuffle
from steepest.trainer.arrays import Array
from steepest.trainer.randomness import AT_ONCE, WORDS, Purpose, Shuffle, shuffled, words
from steepest.trainer.rows import Rows

KEPT: Final = 2
"""Windows whose order is kept: a batch may begin in one and end in the next."""


class BlockShuffle:
    """The order of the rows in each epoch: a function of seed, rows, epoch, and the sizes of blocks and windows."""

    def __init__(self, seed: int, rows: int, block_rows: int, window_blocks: int) -> None:
        self._seed, self._rows = seed, rows
        self._block_rows, self._window_blocks = block_rows, window_blocks
        self._blocks = Shuffle(seed, -(-rows // block_rows), purpose=Purpose.BLOCKS)
        self._starts: tuple[int, Array] = -1, np.empty(0, np.intp)
        self._orders: dict[tuple[int, int], Array] = {}

    def between(self, epoch: int, start: int, stop: int) -> Array:
        """Row numbers (stop - start,) of some places in the order of `epoch`."""
        starts = self._windows(epoch)
        window, last = self.window(epoch, start), self.window(epoch, max(start, stop - 1))
        first = int(starts[window])
        orders = [self._order(epoch, each) for each in range(window, last + 1)]
        order: Array = (orders[0] if len(orders) == 1 else np.concatenate(orders))[start - first : stop - first]
        return order

    def window(self, epoch: int, place: int) -> int:
        """The window that a place in the order of `epoch` is in."""
        return int(np.searchsorted(self._windows(epoch), place, "right")) - 1

    def reach(self, epoch: int, window: int) -> tuple[int, int]:
        """The places in the order of `epoch` at which a window begins and ends."""
        start, stop = self._windows(epoch)[window : window + 2].tolist()
        return start, stop

    def after(self, epoch: int, window: int) -> tuple[int, int]:
        """The window that follows one, and its epoch."""
        return (epoch, window + 1) if window + 2 < len(self._windows(epoch)) else (epoch + 1, 0)

    def blocks(self, epoch: int, window: int) -> list[tuple[int, int]]:
        """First row, and first row behind it, of each block of a window."""
        first = window * self._window_blocks
        firsts = self._blocks.between(epoch, first, first + self._window_blocks) * self._block_rows
        return [(row, min(row + self._block_rows, self._rows)) for row in firsts.tolist()]

    def _windows(self, epoch: int) -> Array:
        """(windows + 1,) the places at which the windows of an epoch begin, and the end; one block may be short."""
        if self._starts[0] != epoch:
            firsts = self._blocks.order(epoch) * self._block_rows
            sizes = np.minimum(self._block_rows, self._rows - firsts)
            sizes = np.add.reduceat(sizes, np.arange(0, len(sizes), self._window_blocks))
            self._starts = epoch, np.concatenate([[0], np.cumsum(sizes)])
        return self._starts[1]

    def _order(self, epoch: int, window: int) -> Array:
        order = self._orders.get((epoch, window))
        if order is None:
            while len(self._orders) >= KEPT:
                del self._orders[next(iter(self._orders))]
            order = self._orders[epoch, window] = self._draw(epoch, window)
        return order

    def _draw(self, epoch: int, window: int) -> Array:
        rows = np.concatenate([np.arange(*block) for block in self.blocks(epoch, window)])
        drawn = words(Purpose.WINDOW, self._seed, (0, window, epoch), -(-len(rows) // WORDS))
        order: Array = rows[shuffled(drawn[: len(rows)])]
        return order


class Reading:
    """Has the blocks of the next window read while one is in use, and lets go of those of the last."""

    def __init__(self, shuffle: BlockShuffle, pages: Sequence[Pages]) -> None:
        self._shuffle, self._pages = shuffle, pages
        self._here: tuple[int, int] | None = None
        self._due: list[tuple[int, int]] = []
        """Blocks of the next window that are not yet asked for."""
        self._held: set[tuple[int, int]] = set()
        self._reach = 0, 0
        self._blocks = 0
        for each in pages:
            each.as_told()

    def at(self, epoch: int, place: int) -> None:
        """Note how far an epoch is: as much of the next window is asked for as is done of this one."""
        window = self._shuffle.window(epoch, place)
        if (epoch, window) != self._here:
            self._enter(epoch, window)
        start, stop = self._reach
        left = self._blocks * (stop - place - 1) // (stop - start)
        while len(self._due) > left:
            self._ask(self._due.pop())

    def _enter(self, epoch: int, window: int) -> None:
        own = self._shuffle.blocks(epoch, window)
        self._reach = self._shuffle.reach(epoch, window)
        after = self._shuffle.after(epoch, window)
        self._due = self._shuffle.blocks(*after)
        self._blocks = len(self._due)
        for block in self._held.difference(own, self._due):
            for pages in self._pages:
                pages.release(*block)
        self._held &= {*own, *self._due}
        self._held.update(own)
        for block in own:  # once more: where memory is short, a system leaves out a part of what it is asked for
            self._read(block)
        self._here = epoch, window

    def _ask(self, block: tuple[int, int]) -> None:
        if block not in self._held:
            self._held.add(block)
            self._read(block)

    def _read(self, block: tuple[int, int]) -> None:
        for pages in self._pages:
            pages.ahead(*block)


class Passing:
    """Has the rows that follow read, and lets go of those that are done, where rows are taken in their own order."""

    def __init__(self, pages: Sequence[Pages], rows: int) -> None:
        self._pages, self._rows = pages, rows

    def at(self, start: int, stop: int) -> None:
        """Note that the rows from `start` to `stop` are next."""
        size = stop - start
        before = start - size if start else self._rows - size
        for pages in self._pages:
            pages.release(max(0, before), max(0, before + size))
            pages.ahead(stop, min(self._rows, stop + size))


class Orders:
    """The orders of M networks: one for all where their seeds are equal."""

    def __init__(self, seeds: Sequence[int], rows: Rows, how: ResolvedShuffle | None = None) -> None:
        """`how`: None shuffles the rows whole."""
        distinct = dict.fromkeys(seeds)
        self._readings: list[Reading] = []
        shuffles: dict[int, Shuffle | BlockShuffle] = {}
        for seed in distinct:
            if how is None or how.block_rows is None or how.window_blocks is None:
                shuffles[seed] = Shuffle(seed, len(rows), max(len(rows), AT_ONCE // len(distinct)))
                continue
            by_blocks = shuffles[seed] = BlockShuffle(seed, len(rows), how.block_rows, how.window_blocks)
            if pages := pages_of((rows.X, rows.y, rows.weights)):
                self._readings.append(Reading(by_blocks, pages))
        self._shuffles = [shuffles[seed] for seed in (seeds if len(distinct) > 1 else distinct)]
        self._orders = np.empty((0, 0), np.intp)
        self._here: tuple[int, int, int] | None = None

    def __len__(self) -> int:
        return len(self._shuffles)

    def at(self, epoch: int, place: int) -> None:
        """Note how far an epoch is, for what has to be read soon."""
        for reading in self._readings:
            reading.at(epoch, place)

    def between(self, epoch: int, start: int, stop: int) -> Array:
        """(orders, stop - start) row numbers of some places in the order of `epoch`."""
        if len(self) == 1:
            return self._shuffles[0].between(epoch, start, stop)[None]
        if (epoch, start, stop) != self._here:
            self._orders = np.stack([shuffle.between(epoch, start, stop) for shuffle in self._shuffles])
            self._here = epoch, start, stop
        return self._orders


class Given:
    """An order that somebody else decides, the same for all networks."""

    def __init__(self, order: Callable[[int], Array]) -> None:
        self._order = order

    def __len__(self) -> int:
        return 1

    def at(self, epoch: int, place: int) -> None:
        """Nothing is read ahead."""

    def between(self, epoch: int, start: int, stop: int) -> Array:
        """(1, stop - start) row numbers of some places in the order of `epoch`."""
        return self._order(epoch)[None, start:stop]
