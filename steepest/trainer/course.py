"""The way down: weights, optimizer and data of M networks of one shape, and the plan of each chunk of an epoch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np

from steepest.spec.resolve import batch_rows
from steepest.spec.resolved import ResolvedShuffle, ResolvedTrainSpec
from steepest.trainer.arrays import Array, Plan, aligned, fetched, place_of, put, run
from steepest.trainer.backprop import Batch, Descent
from steepest.trainer.chunks import CORE, Capacity, Chunk, Cutting, check_batch
from steepest.trainer.clipping import clipping
from steepest.trainer.dropout import Words
from steepest.trainer.evaluate import Evaluation
from steepest.trainer.gather import Gather
from steepest.trainer.initializers import initial
from steepest.trainer.monitor import watched
from steepest.trainer.network import Network
from steepest.trainer.objectives import OBJECTIVES
from steepest.trainer.objectives.base import per_net
from steepest.trainer.optimizers import OPTIMIZERS, Optimizer
from steepest.trainer.penalties import Penalties, max_norm
from steepest.trainer.rates import Rates
from steepest.trainer.rows import Rows
from steepest.trainer.start import Start


@dataclass(frozen=True)
class Step:
    """A step in two halves: up to its loss, and from there to the changed weights."""

    batch: Batch
    number: int
    """Among those of its batch."""
    forward: Plan
    descent: Plan


@dataclass(frozen=True)
class Part:
    """Batches of equal size in a chunk."""

    batch: Batch
    rows: slice
    """Of the chunk."""
    steps: int


@dataclass(frozen=True)
class Passage:
    """A chunk of a certain form, ready to run: the same plan serves every such chunk of every epoch."""

    parts: tuple[Part, ...]
    steps: tuple[Step, ...]
    plan: Plan = field(repr=False)
    """The steps' operations in one row."""
    rows: tuple[int, ...]
    """Of the batch of each step that changes the weights: none in a piece that does not end its batch."""


@dataclass(frozen=True)
class Advance:
    """What a chunk came to."""

    row: int
    """Rows of the epoch that are done."""
    step: int
    """Steps of the epoch that are done."""
    sums: Array
    """(M, figures) sums over the chunk's rows; what is not finite has diverged."""
    chunk: Chunk


class Course:
    """All that changes while M networks learn from the same rows; every buffer is allocated once."""

    capacity: ClassVar[Capacity] = CORE

    def __init__(
        self, specs: Sequence[ResolvedTrainSpec], network: Network, rows: Rows, *, validated: bool = False
    ) -> None:
        """Start at the first weights. The specs differ in seeds and in numbers alone, not in the network's shape."""
        spec, X = specs[0], rows.X
        self.specs, self.network, self.rows = specs, network, rows
        batch = batch_rows(spec.batch_size, len(X))
        check_batch(network, batch, X.itemsize, self.capacity)
        self._silence = [np.array([each.layers[n].dropout for each in specs]) for n in range(len(network.layers))]
        self.cutting = self._cut(batch)
        self.theta = aligned((len(specs), network.size), X.dtype, self._home)
        for theta, each in zip(self.theta, specs, strict=True):
            put(theta, initial(network, each.initializer, each.seed, X.dtype)[0])
        self.rates = [Rates.of(each, watched(each, validated=validated), self.cutting.steps, len(X)) for each in specs]
        self._steady = self._steady_rates()
        """(steps, M) learning rates of every chunk, if they never change by themselves."""
        self.optimizer = self._make_optimizer()
        self.numbers = np.zeros((len(specs), 0))
        """(M, k) what the optimizer keeps beside its slots."""
        self.passes = 1
        """Times that the last epoch has looked at all rows."""
        self.steepness: float | None = None
        """The largest component of the gradient at its end, where that is known."""
        self.taken = 0
        """Steps before the first of this run, that made the slots what they were at its start."""
        self._penalties = self._make_penalties()
        self.total = aligned(self.optimizer.gradient.shape if self.cutting.in_pieces else (0, 0), X.dtype, self.theta)
        """(M, P) sum of the gradients of a step's pieces so far."""
        self._gather = self._make_gather(batch)
        self._all_words: dict[tuple[int, int], list[Words | None]] = {}
        self._batches: dict[tuple[int, int, int], Batch] = {}
        self._passages: dict[tuple[int, int, int, bool], Passage] = {}
        self.before = [np.empty_like(array) for array in self._moving] if self.cutting.together > 1 else []
        """Weights and slots before the last chunk, if chunks have several steps, of which one may go wrong."""

    def begin(self, starts: Sequence[Start]) -> None:
        """Start elsewhere than at weights that the seeds draw; one place for each network.

        Raises:
            ValueError: a start is of another network, optimizer or precision, or they differ in their steps.
        """
        if len(starts) != len(self.specs) or len({start.steps for start in starts}) != 1:
            raise ValueError("a stack needs a start for each of its networks, all after equally many steps")
        for net, start in enumerate(starts):
            for given, array in ((start.theta, self.theta[net]), (start.slots, self.optimizer.slots[:, net])):
                if given is None:
                    continue
                if given.shape != array.shape or given.dtype != array.dtype:
                    raise ValueError("the start is of another network, optimizer or precision")
                put(array, given)
        self.taken = starts[0].steps

    def pace(self, net: int, learning_rate: float) -> None:
        """Let a network go on at another learning rate; a velocity that it has goes on as it is."""
        before, after = self.rates[net], self.rates[net].at(learning_rate)
        self.optimizer.rescale(net, before.schedule.eta / after.schedule.eta)
        self.rates[net] = after
        self._steady = self._steady_rates()

    def settle(self, rows: Rows) -> Rows:
        """Rows to measure by, with their inputs where they are quickest to use."""
        return rows

    def evaluation(self, rows: Rows) -> Evaluation:
        """The figures of the weights, as they are at the time, on settled rows."""
        return Evaluation(self.network, self.theta, rows, self.capacity)

    def without_others(self, nets: Sequence[int]) -> Self:
        """The same way for some of the networks, at the same place."""
        course = self._another([self.specs[net] for net in nets])
        for array, kept in zip(course._moving, self._moving, strict=True):
            if kept.size:
                np.copyto(array, kept[..., nets, :])
        if self.cutting.in_pieces:
            np.copyto(course.total, self.total[nets])
        course.numbers, course.taken = self.numbers[nets], self.taken
        course._keep_rates([self.rates[net] for net in nets])
        return course

    def again(self, net: int, chunk: Chunk) -> "tuple[Course, range] | None":
        """A network whose loss is not finite after a chunk, alone, as it was before; None if that is gone.

        Beside it the steps of the chunk, from 0, that it has yet to take, of which one went wrong.
        """
        if not self.before:
            return None
        theta, slots = self.before
        return self._alone(net, theta[net : net + 1], slots[:, net : net + 1]), range(chunk.steps)

    def signals(self, net: int, chunk: Chunk) -> list[Array]:
        """What each layer made of the rows of the last chunk, one of a single step; empty if that is not kept."""
        (step,) = self.passage(chunk).steps
        return [signal[net] for signal in step.batch.signals(0)]

    def descend(self, epoch: int, row: int) -> Iterator[Advance]:
        """Train on what is left of an epoch after `row` rows, chunk by chunk."""
        for chunk in self.cutting.after(row):
            self._gather.look_ahead(epoch, chunk)
            sums = self.advance(epoch, chunk)
            yield Advance(chunk.stop, chunk.step + chunk.steps, sums, chunk)

    def learning_rates(self, epoch: int, step: int, steps: int) -> Array:
        """(steps, M) learning rates from a step of an epoch on."""
        if self._steady is not None:
            return self._steady[:steps]
        first = (epoch - 1) * self.cutting.steps + step
        return np.stack([rates.of_steps(first, steps) for rates in self.rates], 1)

    def done(self, epoch: int, step: int) -> int:
        """Steps that the optimizer has taken before a step of an epoch."""
        return self.taken + (epoch - 1) * self.cutting.steps + step

    def advance(self, epoch: int, chunk: Chunk) -> Array:
        """Train on a chunk; the sums (M, figures) over its rows, not finite where the loss is not."""
        with np.errstate(all="ignore"):  # what overflows shows in the loss
            passage = self.passage(chunk)
            self._load(epoch, chunk, passage)
            for kept, array in zip(self.before, self._moving, strict=False):
                np.copyto(kept, array)
            run(passage.plan)
            return self._sums(passage)

    def steps(self, epoch: int, chunk: Chunk) -> tuple[Step, ...]:
        """The steps of a chunk, with all that they need in place, for whoever wants to take them one by one."""
        passage = self.passage(chunk)
        self._load(epoch, chunk, passage)
        return passage.steps

    def passage(self, chunk: Chunk) -> Passage:
        """The plan for chunks of this form."""
        form = (chunk.rows, chunk.steps, chunk.batch, chunk.start % self.cutting.batch == 0)
        if form not in self._passages:
            make = self._piece if self.cutting.in_pieces else self._together
            self._passages[form] = make(chunk)
        return self._passages[form]

    @property
    def sound(self) -> Array:
        """(M,) whether all weights of each network are finite: a sum tells as well as a look at each number.

        In double precision, which no sum of single ones leaves; one that is finite in theirs has no need of it.
        """
        with np.errstate(all="ignore"):
            if np.isfinite(fetched(np.add.reduce(self.theta, None))):
                return np.ones(len(self.theta), bool)
            return np.asarray(np.isfinite(fetched(np.add.reduce(self.theta, 1, np.float64))))

    @property
    def _home(self) -> Array:
        """An array that lives where all of this shall live."""
        return self.rows.X

    def _another(self, specs: Sequence[ResolvedTrainSpec]) -> Self:
        """A course of this kind, at its start."""
        return type(self)(specs, self.network, self.rows)

    def _on_plan(self, specs: Sequence[ResolvedTrainSpec]) -> "Course":
        """A course whose steps can be taken one by one, at its start."""
        return self._another(specs)

    def _alone(self, net: int, theta: Array, slots: Array) -> "Course":
        """One network at a place (1, P + R), (k, 1, P), on the plan, whose steps can be taken one by one."""
        course = self._on_plan([self.specs[net]])
        course.taken = self.taken
        course._keep_rates([self.rates[net]])
        for array, kept in zip(course._moving, (theta, slots), strict=True):
            np.copyto(array, kept)
        return course

    def _keep_rates(self, rates: list[Rates]) -> None:
        self.rates = rates
        self._steady = self._steady_rates()

    def _steady_rates(self) -> Array | None:
        if not all(rates.steady for rates in self.rates):
            return None
        return np.stack([rates.of_steps(0, self.cutting.together) for rates in self.rates], 1)

    def _cut(self, batch: int) -> Cutting:
        return Cutting.of(self.network, len(self.rows), batch, self.rows.X.itemsize, len(self.specs), self.capacity)

    @property
    def _moving(self) -> tuple[Array, Array]:
        return self.theta, self.optimizer.slots

    def _make_optimizer(self) -> Optimizer[Any]:
        settings = [spec.optimizer for spec in self.specs]
        theta = self.theta[:, : self.network.parameters]
        return OPTIMIZERS[settings[0].name](settings, theta, self.cutting.together)

    def _make_penalties(self) -> Penalties | None:
        settings = [spec.regularization for spec in self.specs]
        if not any(each.l1 or each.l2 for each in settings):
            return None
        blocks, slopes = self.network.blocks(self.theta), self.network.blocks(self.optimizer.gradient)
        return Penalties(settings, blocks, slopes, self.cutting.together)

    def _make_gather(self, batch: int) -> Gather:
        return Gather(*self._to_gather(batch))

    def _to_gather(self, batch: int) -> tuple[Rows, Array, int, int, list[int] | None, Array, ResolvedShuffle]:
        targets = OBJECTIVES[self.network.loss, self.network.output_activation].encode(self.rows.y, self.theta.dtype)
        seeds = [each.seed for each in self.specs] if self.cutting.steps > 1 else None
        return self.rows, targets, self.cutting.piece, batch, seeds, self.theta, self.specs[0].shuffle

    def _load(self, epoch: int, chunk: Chunk, passage: Passage) -> None:
        """Bring in all that differs from chunk to chunk: rows, targets, weights, silent units, learning rates."""
        order = self._gather.bring(epoch, chunk)
        targets, weights = self._gather.targets(order), self._gather.weights(epoch, chunk)
        for part in passage.parts:
            rows = part.rows
            part.batch.objective.load(targets[:, rows], None if weights is None else weights[:, rows])
            for words in self._words(part.batch.rows, rows.start):
                if words is not None:
                    words.draw(epoch, chunk.start + rows.start, rows.stop - rows.start)
        steps = min(self.cutting.together, self.cutting.steps - chunk.step)
        if self.cutting.is_mark(epoch, chunk.start):
            self.optimizer.forget()
        self.optimizer.aim(self.done(epoch, chunk.step), self.learning_rates(epoch, chunk.step, steps))

    def _sums(self, passage: Passage) -> Array:
        first, *others = (part.batch.objective.sums(part.steps) for part in passage.parts)
        for other in others:
            np.add(first, other, first)
        sums = fetched(first)
        if self._penalties is not None:
            values = self._penalties.values(len(passage.rows))
            sums[:, 0] += per_net(np.reshape(passage.rows, (-1, 1)) * values)
        return sums

    def _together(self, chunk: Chunk) -> Passage:
        """Whole batches, one step after the other; the last may be short."""
        whole, rest = divmod(chunk.rows, chunk.batch)
        parts: list[Part] = []
        steps: list[Step] = []
        for rows, start, number in ((chunk.batch, 0, whole), (rest, whole * chunk.batch, 1)):
            if rows and number:
                batch = self._batch(rows, start, 1 / rows)
                parts.append(Part(batch, slice(start, start + rows * number), number))
                for step in range(number):
                    scale = self.optimizer.rate(len(steps)) if self._carries else None
                    descent = batch.backward(step, scale) + self._after_backward(len(steps), rows)
                    steps.append(Step(batch, step, batch.forward(step), descent))
        return _passage(parts, steps, [step.batch.rows for step in steps])

    def _piece(self, chunk: Chunk) -> Passage:
        """A piece of a batch: its gradient is added to the step's, and the last piece takes the step."""
        batch = self._batch(chunk.rows, 0, 1 / chunk.batch)
        g, total = self.optimizer.gradient, self.total
        descent = batch.backward(0)
        if chunk.start % self.cutting.batch == 0:
            descent += (partial(np.copyto, total, g),)
        else:
            descent += (partial(np.add, total, g, total),)
        if chunk.steps:
            descent += (partial(np.copyto, g, total), *self._after_backward(0, chunk.batch))
        step = Step(batch, 0, batch.forward(0), descent)
        return _passage([Part(batch, slice(0, chunk.rows), 1)], [step], [chunk.batch] * chunk.steps)

    @property
    def _carries(self) -> bool:
        """Whether delta carries eta, which spares the gradient a pass: nothing must look at the gradient itself."""
        watched = self._penalties is not None or self.specs[0].gradient_clip is not None
        return self.optimizer.linear and not watched and not self.cutting.in_pieces

    def _words(self, rows: int, start: int) -> list[Words | None]:
        """Random words for the dropout of each hidden layer, in the batches of `rows` rows from row `start` on."""
        if (rows, start) not in self._all_words:
            steps = self.cutting.together if start == 0 else 1
            seeds = [spec.seed for spec in self.specs]
            self._all_words[rows, start] = [
                Words(seeds, number, layer.units, steps, rows, self.theta) if rates.any() else None
                for number, (layer, rates) in enumerate(zip(self.network.layers, self._silence, strict=True))
            ]
        return self._all_words[rows, start]

    def _after_backward(self, position: int, rows: int) -> Plan:
        """From the gradient to the changed weights, after a batch of `rows` rows at a position in the chunk."""
        spec, network = self.specs[0], self.network
        plan: Plan = () if self._penalties is None else self._penalties.step(position, rows)
        if spec.gradient_clip is not None:
            gradient = self.optimizer.gradient
            plan += clipping(spec.gradient_clip, gradient, network.trained(gradient))
        plan += self.optimizer.step_of_scaled() if self._carries else self.optimizer.step(position)
        if spec.regularization.max_norm is not None:
            plan += max_norm(spec.regularization.max_norm, network.blocks(self.theta))
        return plan

    def _batch(self, rows: int, start: int, weight: float) -> Batch:
        """Buffers for batches of `rows` rows that begin at row `start` of the chunk."""
        key = (rows, start, round(1 / weight))
        if key not in self._batches:
            inputs = self._gather.inputs[:, start:]
            steps = min(self.cutting.together if start == 0 else 1, inputs.shape[1] // rows)
            x = inputs[:, : steps * rows].reshape(self._gather.orders, steps, rows, -1)
            words = self._words(rows, start)
            dropout = [None if each is None else (each, self._silence[n]) for n, each in enumerate(words)]
            self._batches[key] = Batch(
                self.network,
                self.theta,
                x,
                Descent(self.optimizer.gradient, weight, dropout),
                weighted=self.rows.weights is not None,
            )
        return self._batches[key]


def _passage(parts: list[Part], steps: list[Step], rows: list[int]) -> Passage:
    plan = tuple(operation for step in steps for operation in step.forward + step.descent)
    plan = place_of(parts[0].batch.objective.delta).prepare(plan)
    return Passage(tuple(parts), tuple(steps), plan, tuple(rows))
