"""The way down: weights, optimizer and data, and the plan of each chunk of an epoch."""

from dataclasses import dataclass
from functools import partial
from math import isfinite

import numpy as np

from steepest.spec.resolved import ResolvedTrainSpec
from steepest.trainer.arrays import Array, Plan, aligned, run, scalar
from steepest.trainer.backprop import Batch
from steepest.trainer.chunks import Chunk, Cutting
from steepest.trainer.gather import Gather
from steepest.trainer.initializers import initial
from steepest.trainer.network import Network
from steepest.trainer.objectives import OBJECTIVES
from steepest.trainer.optimizers import OPTIMIZERS
from steepest.trainer.randomness import Shuffle


@dataclass(frozen=True)
class Step:
    """A step in two halves: up to its loss, and from there to the changed weights."""

    batch: Batch
    number: int
    """Among those of its batch."""
    forward: Plan
    descent: Plan

    @property
    def loss(self) -> float:
        """Sum over the rows of the batch's steps up to this one."""
        return float(self.batch.objective.sums(self.number + 1)[0, 0])


@dataclass(frozen=True)
class Passage:
    """A chunk of a certain form, ready to run: the same plan serves every such chunk of every epoch."""

    parts: tuple[tuple[Batch, slice, int], ...]
    """Batches of equal size, with their rows in the chunk and their number."""
    steps: tuple[Step, ...]
    plan: Plan
    """The steps' operations in one row."""


class Course:
    """All that changes while a network learns from certain rows; every buffer is allocated once."""

    def __init__(self, spec: ResolvedTrainSpec, network: Network, X: Array, y: Array) -> None:
        self.network = network
        batch = min(len(X), spec.batch_size) if isinstance(spec.batch_size, int) else len(X)
        self.cutting = Cutting.of(network, len(X), batch, X.itemsize)
        self.theta = initial(network, spec.initializer, spec.seed, X.dtype)
        self.optimizer = OPTIMIZERS[spec.optimizer.name](spec.optimizer, self.theta, self.cutting.together)
        self.total = aligned(self.theta.shape if self.cutting.in_pieces else (0, 0), X.dtype)
        """(1, P) sum of the gradients of a step's pieces so far."""
        targets = OBJECTIVES[network.loss, network.output_activation].encode(y, X.dtype)
        shuffle = Shuffle(spec.seed, len(X)) if self.cutting.steps > 1 else None
        self._gather = Gather(X, targets, self.cutting.piece, shuffle)
        self._batches: dict[tuple[int, int], Batch] = {}
        self._passages: dict[tuple[int, int, int, bool], Passage] = {}
        self.before = [np.empty_like(array) for array in self._moving] if self.cutting.together > 1 else []
        """Weights and slots before the last chunk, if chunks have several steps, of which one may go wrong."""

    def advance(self, epoch: int, chunk: Chunk) -> Array | None:
        """Train on a chunk; the sums (figures,) over its rows, or None if the loss became NaN or infinite."""
        with np.errstate(all="ignore"):  # what overflows shows in the loss
            passage = self.passage(chunk)
            targets = self._gather.load(epoch, chunk.start, chunk.stop)
            for batch, rows, _ in passage.parts:
                batch.objective.load(targets[rows])
            self.optimizer.aim((epoch - 1) * self.cutting.steps + chunk.step)
            for kept, array in zip(self.before, self._moving, strict=False):
                np.copyto(kept, array)
            run(passage.plan)
            sums: Array = sum(batch.objective.sums(steps)[0] for batch, _, steps in passage.parts)
        return sums if isfinite(sums[0]) else None

    def passage(self, chunk: Chunk) -> Passage:
        """The plan for chunks of this form."""
        form = (chunk.rows, chunk.steps, chunk.batch, chunk.start % self.cutting.batch == 0)
        if form not in self._passages:
            make = self._piece if self.cutting.in_pieces else self._together
            self._passages[form] = make(chunk)
        return self._passages[form]

    def rewind(self) -> None:
        """Go back to before the last chunk, if it had several steps."""
        for kept, array in zip(self.before, self._moving, strict=False):
            np.copyto(array, kept)

    @property
    def sound(self) -> bool:
        """Whether all weights are finite: one sum tells as well as a look at each, and takes no memory."""
        with np.errstate(all="ignore"):
            return isfinite(np.add.reduce(self.theta, None, np.float64))

    @property
    def _moving(self) -> tuple[Array, Array]:
        return self.theta, self.optimizer.slots

    def _together(self, chunk: Chunk) -> Passage:
        """Whole batches, one step after the other; the last may be short."""
        whole, rest = divmod(chunk.rows, chunk.batch)
        parts: list[tuple[Batch, slice, int]] = []
        steps: list[Step] = []
        for rows, start, number in ((chunk.batch, 0, whole), (rest, whole * chunk.batch, 1)):
            if rows and number:
                batch = self._batch(rows, start, 1 / rows)
                parts.append((batch, slice(start, start + rows * number), number))
                for step in range(number):
                    descent = batch.backward(step) + self.optimizer.step(len(steps))
                    steps.append(Step(batch, step, batch.forward(step), descent))
        return _passage(parts, steps)

    def _piece(self, chunk: Chunk) -> Passage:
        """A piece of a batch: its gradient is added to the step's, and the last piece takes the step."""
        batch = self._batch(chunk.rows, 0, 1.0)
        g, total = self.optimizer.gradient, self.total
        descent = batch.backward(0)
        if chunk.start % self.cutting.batch == 0:
            descent += (partial(np.copyto, total, g),)
        else:
            descent += (partial(np.add, total, g, total),)
        if chunk.steps:
            descent += (partial(np.multiply, total, scalar(1 / chunk.batch, g.dtype), g), *self.optimizer.step(0))
        return _passage([(batch, slice(0, chunk.rows), 1)], [Step(batch, 0, batch.forward(0), descent)])

    def _batch(self, rows: int, start: int, weight: float) -> Batch:
        """Buffers for batches of `rows` rows that begin at row `start` of the chunk."""
        if (rows, start) not in self._batches:
            inputs = self._gather.inputs[start:]
            steps = max(1, self.cutting.together if start == 0 else 1)
            steps = min(steps, len(inputs) // rows)
            x = inputs[: steps * rows].reshape(steps, rows, -1)
            self._batches[rows, start] = Batch(self.network, self.theta, x, self.optimizer.gradient, weight)
        return self._batches[rows, start]


def _passage(parts: list[tuple[Batch, slice, int]], steps: list[Step]) -> Passage:
    plan = tuple(operation for step in steps for operation in step.forward + step.descent)
    return Passage(tuple(parts), tuple(steps), plan)
