"""A course by L-BFGS: an epoch is one iteration, which looks at all rows as often as its line search asks to.

Rows are looked at chunk by chunk, as in any other step over more rows than a chunk. Inside an iteration there is
nothing that a state would have to hold: whoever goes on starts the iteration again, and finds the same points.
"""

from collections.abc import Generator, Iterator, Sequence
from math import isfinite
from typing import Any, NamedTuple

import numpy as np

from steepest.spec.resolved import ResolvedTrainSpec
from steepest.trainer.arrays import Array
from steepest.trainer.chunks import Chunk
from steepest.trainer.course import Advance, Course
from steepest.trainer.lbfgs import Memory, Point, iteration
from steepest.trainer.network import Network
from steepest.trainer.rows import Rows


class Visit(NamedTuple):
    """A point, and the sums of the figures there."""

    point: Point
    sums: Array
    chunk: Chunk
    """The last that was looked at."""


class QuasiNewton(Course):
    """The way down of one network by L-BFGS."""

    def __init__(
        self, specs: Sequence[ResolvedTrainSpec], network: Network, rows: Rows, *, validated: bool = False
    ) -> None:
        """Start at the first weights."""
        if len(specs) != 1:
            raise ValueError("networks that L-BFGS trains are not stacked")
        super().__init__(specs, network, rows, validated=validated)
        self.numbers = np.array([[0.0, np.inf, 0.0]])
        self._here: Visit | None = None
        """Where the weights are, once it has been looked at."""

    def descend(self, epoch: int, row: int) -> Iterator[Advance]:
        """One iteration, with a sign of life after each chunk of rows."""
        if row == len(self.rows):
            return
        looks = 0
        if self._here is None:
            looks = 1
            self._here = yield from self._visit(self.theta[0].copy())
        here, memory = self._here, self._memory
        if not (isfinite(here.point.loss) and np.isfinite(here.point.gradient).all()):
            yield Advance(len(self.rows), 1, np.full_like(here.sums[None], np.nan), here.chunk)  # no way leads on
            return
        visits = [here]
        settings: Any = self.specs[0].optimizer
        asking = iteration(*here.point, memory, settings.learning_rate, settings.first_step)
        try:
            asked = next(asking)
            while True:
                visit = yield from self._visit(asked)
                visits.append(visit)
                asked = asking.send((visit.point.loss, visit.point.gradient))
        except StopIteration as end:
            arrived: Point = end.value
        # The same loss at two points of a line is rare, and then either's figures will do.
        sums = next(visit.sums for visit in visits if visit.point.loss == arrived.loss)
        self._here = Visit(arrived, sums, here.chunk)
        self.passes = looks + len(visits) - 1
        self.steepness = float(np.abs(arrived.gradient).max())
        np.copyto(self.theta[0], arrived.theta)
        self.numbers[0] = memory.count, memory.smallest, memory.waited
        yield Advance(len(self.rows), 1, sums[None], here.chunk)

    @property
    def _memory(self) -> Memory:
        count, smallest, waited = self.numbers[0].tolist()
        pairs = self.optimizer.slots.reshape(2, -1, self.theta.shape[1])
        return Memory(pairs, int(count), smallest, int(waited))

    def _visit(self, theta: Array) -> Generator[Advance, None, Visit]:
        """Look at all rows from there."""
        start = self.theta[0].copy()
        total: Array | float = 0.0
        for chunk in self.cutting.after(0):
            np.copyto(self.theta[0], theta)
            self._gather.look_ahead(1, chunk)
            sums = self.advance(1, chunk)
            total = total + sums
            np.copyto(self.theta[0], start)  # what a state takes is where the iteration began
            yield Advance(0, 0, np.zeros_like(sums), chunk)
        sums = np.asarray(total)[0]
        loss = float(sums[0]) / len(self.rows)
        return Visit(Point(theta.copy(), loss, self.optimizer.gradient[0].copy()), sums, chunk)
