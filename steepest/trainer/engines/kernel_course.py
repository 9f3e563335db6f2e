"""A course by kernels: a chunk of many steps is one operation, which gathers its rows itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

import numpy as np

from steepest.spec.resolved import ResolvedTrainSpec
from steepest.trainer.arrays import Array
from steepest.trainer.chunks import Chunk, Cutting, steps_in_time
from steepest.trainer.course import Course
from steepest.trainer.dropout import Words
from steepest.trainer.engines.steps import Batches, Moving, Rules, Steps
from steepest.trainer.engines.ways import way
from steepest.trainer.network import Network
from steepest.trainer.objectives.base import per_net
from steepest.trainer.penalties import strengths
from steepest.trainer.rows import Rows

MOST_STEPS: Final = 512
"""Steps of a chunk."""

KEPT_BYTES: Final = 4 * 1024 * 1024
"""Of logits and random words, which are kept for all steps of a chunk."""


@dataclass(frozen=True)
class Part:
    """Steps over batches of one size."""

    steps: Steps
    rows: int
    """Of a batch."""
    words: Sequence[Words | None]
    """Of the dropout of each hidden layer."""


@dataclass(frozen=True)
class Stopped:
    """A network that has come to a step in which its output, its loss or a figure was not finite."""

    step: int
    """Of the chunk, from 0: the first that was not taken."""
    theta: Array
    """(1, P + R) its weights before it."""
    slots: Array
    """(k, 1, P)"""


class KernelCourse(Course):
    """The way down of M networks, by kernels."""

    def __init__(
        self,
        specs: Sequence[ResolvedTrainSpec],
        network: Network,
        rows: Rows,
        *,
        validated: bool = False,
        threads: int = 1,
    ) -> None:
        """Start at the first weights; up to `threads` threads work at it."""
        self._threads = threads
        super().__init__(specs, network, rows, validated=validated)
        self.before = []
        self._parts: dict[tuple[int, int], Part] = {}
        self._stopped: dict[int, Stopped] = {}
        """Networks that the last chunk was too much for."""

    def advance(self, epoch: int, chunk: Chunk) -> Array:
        """Train on a chunk; the sums (M, figures) over its rows, not finite where the loss is not."""
        batch, weights = self.cutting.batch, self._gather.weights(epoch, chunk)
        whole, rest = divmod(chunk.rows, batch)
        self._stopped.clear()
        sums: list[Array] = []
        with np.errstate(all="ignore"):  # what overflows shows in the loss
            for rows, first, number in ((batch, 0, whole), (rest, whole, 1)):
                if rows and number:
                    here = slice(first * batch, first * batch + number * rows)
                    part = self._part(rows, self.cutting.together if rows == batch else 1)
                    share = None if weights is None else np.ascontiguousarray(weights[:, here])
                    sums.append(self._advance(part, epoch, chunk, here, share))
        return sums[0] if len(sums) == 1 else np.add(*sums)

    def again(self, net: int, chunk: Chunk) -> tuple[Course, range] | None:
        """The network alone, on the plan, before the step that was not taken; None if only its penalty overflowed."""
        stopped = self._stopped.get(net)
        if stopped is None:
            return None
        return self._alone(net, stopped.theta, stopped.slots), range(stopped.step, stopped.step + 1)

    def signals(self, net: int, chunk: Chunk) -> list[Array]:
        """None: they stay in the kernels."""
        return []

    def _advance(self, part: Part, epoch: int, chunk: Chunk, here: slice, weights: Array | None) -> Array:
        """Take the steps over some rows of a chunk."""
        order = self._gather.order(epoch, chunk.start + here.start, chunk.start + here.stop)
        for words in part.words:
            if words is not None:
                words.draw(epoch, chunk.start + here.start, here.stop - here.start)
        steps, first = order.shape[1] // part.rows, here.start // self.cutting.batch
        done = self.done(epoch, chunk.step + first)
        if self.cutting.is_mark(epoch, chunk.start + here.start):
            self.optimizer.forget()
        rates = self.learning_rates(epoch, chunk.step + first, steps)
        sums = part.steps.run(np.ascontiguousarray(order), rates, done, weights)
        if self._penalized:
            sums[:, 0] += part.rows * per_net(part.steps.penalties(steps))
        if min(part.steps.taken.tolist()) < steps:
            self._stop(part.steps.taken, steps, first)
            sums[part.steps.taken < steps] = np.nan
        return sums

    def _stop(self, taken: Array, steps: int, first: int) -> None:
        """Keep what networks were before the step that was too much for them."""
        for net in np.flatnonzero(taken < steps).tolist():
            own = slice(net, net + 1)
            kept = Stopped(first + int(taken[net]), self.theta[own].copy(), self.optimizer.slots[:, own].copy())
            self._stopped.setdefault(net, kept)

    def _part(self, rows: int, steps: int) -> Part:
        """What steps over batches of `rows` rows need, up to `steps` at a time."""
        if (rows, steps) not in self._parts:
            words = self._words(rows, 0 if rows == self.cutting.batch else self.cutting.batch)
            silence = [None if each is None else (each, self._silence[n]) for n, each in enumerate(words)]
            penalties = [strengths(spec.regularization, rows) for spec in self.specs]
            kernel = Steps(
                self.network,
                Moving(self.theta, self.optimizer.gradient, self.optimizer.slots),
                Rules(
                    [spec.optimizer for spec in self.specs],
                    [l1 for l1, _ in penalties],
                    [l2 for _, l2 in penalties],
                ),
                Batches(
                    rows,
                    steps,
                    np.ascontiguousarray(self.rows.X),
                    self._gather.encoded,
                    orders=self._gather.orders,
                    weighted=self.rows.weights is not None,
                ),
                silence,
                way(self.network, self.cutting.batch, len(self.specs), self._threads, silenced=any(silence)),
            )
            self._parts[rows, steps] = Part(kernel, rows, words)
        return self._parts[rows, steps]

    @cached_property
    def _penalized(self) -> bool:
        return any(spec.regularization.l1 or spec.regularization.l2 for spec in self.specs)

    def _another(self, specs: Sequence[ResolvedTrainSpec]) -> Self:
        return type(self)(specs, self.network, self.rows, threads=self._threads)

    def _on_plan(self, specs: Sequence[ResolvedTrainSpec]) -> Course:
        return Course(specs, self.network, self.rows)

    def _make_penalties(self) -> None:
        """None: the kernels have their own."""

    def _cut(self, batch: int) -> Cutting:
        """Chunks of many steps, that take as long as others do."""
        network, rows, itemsize = self.network, len(self.rows), self.rows.X.itemsize
        nets = len(self.specs)
        silent = sum(layer.units for layer, rates in zip(network.layers, self._silence, strict=True) if rates.any())
        kept = nets * batch * (network.outputs * itemsize + silent * Words.BYTES)
        in_time = steps_in_time(network, batch, itemsize, nets)
        steps = max(1, min(MOST_STEPS, in_time, KEPT_BYTES // kept, -(-rows // batch)))
        return Cutting(rows, batch, steps, steps * batch)
