"""The rows of each chunk, brought together in the epoch's order."""

from collections.abc import Sequence
from functools import cached_property
from typing import Final

import numpy as np

from steepest.paging import pages_of
from steepest.spec.resolved import ResolvedShuffle
from steepest.trainer.arrays import HERE, Array, aligned, place_of, put
from steepest.trainer.chunks import Chunk
from steepest.trainer.orders import Given, Orders, Passing
from steepest.trainer.rows import Rows

SMALL_BYTES: Final = 4 * 1024 * 1024
"""Inputs for which a second copy does not matter: kept with their column of ones, so that one gathering is enough."""


def inputs_with_ones(shape: tuple[int, ...], X: Array, like: Array) -> Array:
    """Room for rows like those of X (n, d), with a last column of ones, where `like` lives: (*shape, d + 1)."""
    inputs = aligned((*shape, X.shape[1] + 1), X.dtype, like)
    inputs[..., -1] = 1
    return inputs


class Gather:
    """Inputs, targets and weights of up to `most` rows at a time, for M networks."""

    def __init__(
        self,
        rows: Rows,
        targets: Array,
        most: int,
        batch: int,
        seeds: Sequence[int] | None,
        like: Array,
        shuffle: ResolvedShuffle | None = None,
    ) -> None:
        """Allocate.

        Args:
            rows: The training rows; the inputs may live anywhere, the rest is here.
            targets: (n,) or (n, outputs), as the objective encodes them.
            most: Rows of the largest chunk.
            batch: Rows of a batch; of the last in an epoch, fewer may be there.
            seeds: Give the order of each epoch, for each network, unless the rows say it; None leaves them in theirs.
            like: Where the chunk's inputs are to live.
            shuffle: How rows are shuffled; None: whole.
        """
        self._rows, self.encoded, self._most, self._batch, self._like = rows, targets, most, batch, like
        self._orders: Given | Orders | None = None
        if seeds is not None:
            self._orders = Orders(seeds, rows, shuffle) if rows.order is None else Given(rows.order)
        by_blocks = shuffle is not None and shuffle.method == "blocks"
        pages = pages_of((rows.X, rows.y, rows.weights)) if by_blocks and seeds is None else ()
        self._passing = Passing(pages, len(rows)) if pages else None

    @property
    def orders(self) -> int:
        """One where all networks take the rows in the same order, else M."""
        return len(self._orders) if self._orders is not None else 1

    @cached_property
    def inputs(self) -> Array:
        """(orders, most, d + 1) inputs of the chunk, with a last column of ones."""
        return inputs_with_ones((self.orders, self._most), self._rows.X, self._like)

    def order(self, epoch: int, start: int, stop: int) -> Array:
        """(orders, stop - start) numbers of the rows from `start` to `stop` of an epoch."""
        return np.arange(start, stop)[None] if self._orders is None else self._orders.between(epoch, start, stop)

    def look_ahead(self, epoch: int, chunk: Chunk) -> None:
        """Say that a chunk is next, so that what follows it is read meanwhile, if the rows are in a file."""
        if self._orders is not None:
            self._orders.at(epoch, chunk.start)
        elif self._passing is not None:
            self._passing.at(chunk.start, chunk.stop)

    def bring(self, epoch: int, chunk: Chunk) -> Array:
        """Bring a chunk's rows into `inputs`; their numbers (orders, size)."""
        order = self.order(epoch, chunk.start, chunk.stop)
        self.load(order)
        return order

    def load(self, order: Array) -> None:
        """Bring the rows of an order (orders, size) into `inputs`."""
        size, X = order.shape[1], self._rows.X
        for rows, inputs in zip(order, self.inputs[:, :size], strict=True):
            if self._orders is None:
                put(inputs[:, :-1], X[rows[0] : rows[-1] + 1])
            elif self._with_ones is not None:
                HERE.take(self._with_ones, rows, inputs)
            else:
                place_of(X).take(X, rows, self._bare[:size])
                put(inputs[:, :-1], self._bare[:size])

    def targets(self, order: Array) -> Array:
        """(orders, size, ...) targets of the rows of an order."""
        return self.encoded.take(order, 0, self._taken[:, : order.shape[1]], "clip")

    def weights(self, epoch: int, chunk: Chunk) -> Array | None:
        """(orders, size) weights of a chunk's rows, divided by the sum of their batch; None if rows have none."""
        if self._rows.weights is None:
            return None
        first = chunk.start - chunk.start % self._batch if chunk.batch > chunk.rows else chunk.start
        stop = max(chunk.stop, first + chunk.batch) if chunk.batch > chunk.rows else chunk.stop
        weights: Array = self._rows.weights[self.order(epoch, first, min(stop, len(self._rows)))]
        starts = np.arange(0, weights.shape[1], chunk.batch)
        totals = np.add.reduceat(weights, starts, 1, np.float64)
        totals[totals == 0] = 1  # a batch without weight has neither loss nor gradient
        sizes = np.diff(starts, append=weights.shape[1])
        weights = (weights / np.repeat(totals, sizes, 1)).astype(weights.dtype)
        return weights[:, chunk.start - first : chunk.stop - first]

    @cached_property
    def _taken(self) -> Array:
        return aligned((self.orders, self._most, *self.encoded.shape[1:]), self.encoded.dtype)

    @cached_property
    def _with_ones(self) -> Array | None:
        X = self._rows.X
        if X.nbytes > SMALL_BYTES or place_of(X) is not HERE or place_of(self._like) is not HERE:
            return None
        copy = inputs_with_ones((len(self._rows),), X, X)
        copy[:, :-1] = X
        return copy

    @cached_property
    def _bare(self) -> Array:
        return aligned((self._most, self._rows.X.shape[1]), self._rows.X.dtype, self._rows.X)
