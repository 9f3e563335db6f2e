"""M networks of one shape on their way through the epochs together; one alone is a stack of one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import isfinite
from typing import Any, Final

import numpy as np

from steepest.spec.errors import Diverged
from steepest.spec.names import StoppedBy
from steepest.spec.resolved import ResolvedTrainSpec
from steepest.trainer import divergence
from steepest.trainer.arrays import aligned, fetched
from steepest.trainer.clock import Clock
from steepest.trainer.course import Advance
from steepest.trainer.engines.choice import Engine
from steepest.trainer.engines.courses import course_for
from steepest.trainer.evaluate import Evaluation
from steepest.trainer.figures import Figures, Yardstick
from steepest.trainer.initializers import initial
from steepest.trainer.monitor import Monitor, watched
from steepest.trainer.network import Network
from steepest.trainer.records import EpochRecord, Failed, Finished, Item, Progress
from steepest.trainer.rows import Rows
from steepest.trainer.snapshot import Place, restore, snapshot
from steepest.trainer.start import Start
from steepest.trainer.state import State

PROGRESS_SECONDS: Final = 0.1
"""Between two signs of life: with the longest chunk on top still less than a quarter of a second."""


def shape_of(spec: ResolvedTrainSpec) -> Any:
    """What the networks of a stack have in common: all but the numbers that each may have of its own."""
    own = {"seed", "epochs", "early_stopping", "schedule", "optimizer", "layers", "regularization"}
    # How kernels divide a layer among threads depends on whether it has dropout, and with it the last bits.
    layers = tuple(layer.model_copy(update={"dropout": 0.5 if layer.dropout else 0.0}) for layer in spec.layers)
    return spec.model_dump(exclude=own), layers, spec.optimizer.name, spec.regularization.max_norm


@dataclass
class Net:
    """One network of the stack that is still learning."""

    number: int
    """Among the specs that the stack began with."""
    spec: ResolvedTrainSpec
    monitor: Monitor
    validated: Figures | None = None
    """On the validation rows, at the end of the epoch."""
    failed: Diverged | None = None


class Stack:
    """The networks and how far they are."""

    def __init__(
        self,
        specs: Sequence[ResolvedTrainSpec],
        rows: Rows,
        outputs: int,
        validation: Rows | None,
        states: Sequence[State] | None,
        engine: Engine,
        starts: Sequence[Start] | None = None,
    ) -> None:
        """Start at the first weights, or at `starts`, or where `states` were taken."""
        if any(shape_of(spec) != shape_of(specs[0]) for spec in specs[1:]):
            raise ValueError("the specs of a stack must be equal but for seeds and numbers")
        if specs[0].precision != rows.X.dtype:
            raise ValueError(f"the inputs are {rows.X.dtype}; the spec's precision is {specs[0].precision}")
        self._clock = Clock()
        self._network = Network.of(specs[0], rows.X.shape[1], outputs)
        self._course = course_for(specs, self._network, rows, engine, validated=validation is not None)
        self._yardstick = Yardstick.of(self._network, rows.y)
        self._validation_rows = None if validation is None else self._course.settle(validation)
        self._validation = self._evaluation()
        self._nets = [
            Net(
                number,
                spec,
                Monitor(
                    spec.early_stopping,
                    watched(spec, validated=validation is not None),
                    aligned(self._network.size, rows.X.dtype, self._course.theta),
                ),
            )
            for number, spec in enumerate(specs)
        ]
        self._at = Place(1, 0, 0)
        self._sums = np.zeros((len(specs), self._yardstick.sums))
        self._leaving: set[int] = set()
        self._starts = starts
        if starts is not None:
            self._course.begin(starts)
        if states:
            self._restore(states)

    def run(self) -> Iterator[Item | Failed]:
        """Progress, records, and each network's end."""
        yield from self._part_with(self._over())
        while self._nets:
            self._clock.resume()
            yield from self._train()
            if self._nets:
                yield from self._measure()
                yield from self._close()
                yield from self._part_with(self._over())

    def leave(self, number: int) -> None:
        """Let a network learn no longer, after the record that it has just given; it yields nothing more."""
        self._leaving.add(number)

    def pace(self, number: int, learning_rate: float) -> None:
        """Let a network go on at another learning rate, after the record that it has just given.

        Its schedule goes on at that height, and a velocity goes on as it is. Of whatever else decided it, a state knows
        nothing: who resumes the run says it again.
        """
        self._course.pace(self._place(number), learning_rate)

    def restores_best(self, number: int) -> bool:
        """Whether predictions with a network that is still learning use its best weights, not its last."""
        rule = next(net.spec.early_stopping for net in self._nets if net.number == number)
        return rule is not None and rule.restore_best

    def _train(self) -> Iterator[Progress | Finished | Failed]:
        """The rest of the epoch; a network that diverges leaves at once."""
        while self._nets and self._at.row < len(self._course.rows):
            yield from self._advance()
            yield from self._part_with_failed()
            if self._time_is_up:
                return

    def _advance(self) -> Iterator[Progress]:
        """Train until the epoch's end, the last of the time, or a loss that is not finite."""
        for advance in self._course.descend(self._at.epoch, self._at.row):
            wrong = not isfinite(np.add.reduce(advance.sums, None))
            if wrong:
                self._diagnose(advance)
            self._sums += advance.sums
            self._at = Place(self._at.epoch, advance.row, advance.step)
            if wrong or self._time_is_up:
                return
            if self._clock.is_due(PROGRESS_SECONDS):
                # A loss is that of the weights before the last step: they may be the first to overflow.
                self._look_at_weights()
                if any(net.failed for net in self._nets):
                    return
                yield from self._progress()

    def _look_at_weights(self) -> None:
        """No state is handed out whose weights are not finite."""
        for place, sound in enumerate(self._course.sound.tolist()):
            if not sound:
                self._nets[place].failed = divergence.of_weights(self._course, place, self._at.epoch, self._at.step)

    def _diagnose(self, advance: Advance) -> None:
        """Find out what went wrong with the networks whose figures are not finite."""
        for place in np.flatnonzero(~np.isfinite(advance.sums).all(1)).tolist():
            net = self._nets[place]
            net.failed = net.failed or divergence.in_chunk(self._course, place, self._at.epoch, advance.chunk)

    def _measure(self) -> Iterator[Progress]:
        """The validation rows, with the weights at the epoch's end."""
        if self._validation is None:
            return
        for figures in self._validation.piecewise():
            if figures is not None:
                for net, each in zip(self._nets, figures, strict=True):
                    net.validated = each
            elif self._clock.is_due(PROGRESS_SECONDS):
                yield from self._progress()

    def _close(self) -> Iterator[Item | Failed]:
        """End the epoch; the next begins."""
        self._look_at_weights()
        for place, net in enumerate(self._nets):
            if net.validated and not isfinite(net.validated.loss):
                net.failed = net.failed or divergence.of_weights(self._course, place, self._at.epoch, self._at.step)
        yield from self._part_with_failed()
        self._clock.pause()
        rates = self._course.learning_rates(self._at.epoch, max(0, self._at.step - 1), 1)[0].tolist()
        records = [self._record(place, rates[place]) for place in range(len(self._nets))]
        self._at = Place(self._at.epoch + 1, 0, 0)
        self._sums[:] = 0
        self._clock.next_epoch()
        yield from records

    def _record(self, place: int, rate: float) -> EpochRecord:
        net, course = self._nets[place], self._course
        cut_short = self._at.row < len(course.rows)
        training = self._yardstick.figures(self._sums[place], self._at.row if cut_short else None)
        of_part = training if net.monitor.figure.startswith("training") else net.validated
        figure = of_part.named(net.monitor.figure) if of_part else None
        course.rates[place].note(self._at.epoch, figure)
        return EpochRecord(
            epoch=self._at.epoch,
            training_loss=training.loss,
            validation_loss=net.validated.loss if net.validated else None,
            metric=self._yardstick.metric,
            training_metric=training.metric,
            validation_metric=net.validated.metric if net.validated else None,
            learning_rate=rate,
            seconds=self._clock.seconds,
            best=net.monitor.note(self._at.epoch, course.theta[place], figure),
            state=partial(self._state, net),
            net=net.number,
            passes=course.passes,
            steepness=course.steepness,
        )

    def _over(self) -> dict[int, StoppedBy | None]:
        """The places of the networks that learn no longer, and why."""
        over: dict[int, StoppedBy | None] = {}
        for place, net in enumerate(self._nets):
            why = net.monitor.verdict(self._at.epoch - 1, net.spec.epochs)
            if self._out_of_time and self._at.epoch > 1 and self._at.row == 0:
                why = why or "max_seconds"
            if why or net.number in self._leaving:
                over[place] = why
        return over

    def _part_with_failed(self) -> Iterator[Finished | Failed]:
        yield from self._part_with({place: None for place, net in enumerate(self._nets) if net.failed})
        self._clock.resume()

    def _part_with(self, over: Mapping[int, StoppedBy | None]) -> Iterator[Finished | Failed]:
        """The ends of some networks; the others go on without them."""
        if not over:
            return
        ends = [self._end(place, why) for place, why in over.items()]
        left = [place for place in range(len(self._nets)) if place not in over]
        self._nets = [self._nets[place] for place in left]
        self._sums = self._sums[left]
        if left:
            self._course = self._course.without_others(left)
            self._validation = self._evaluation()
        self._clock.pause()
        yield from (end for end in ends if end is not None)

    def _end(self, place: int, why: StoppedBy | None) -> Finished | Failed | None:
        """What a network ends with; the weights are copies of their own."""
        net = self._nets[place]
        rule, spec = net.spec.early_stopping, net.spec
        last, best = fetched(self._course.theta[place]), fetched(net.monitor.best)
        if self._starts is not None:
            first = self._starts[net.number].theta.copy()
        else:
            first = initial(self._network, spec.initializer, spec.seed, last.dtype)[0]
        if net.failed:
            best_epoch = net.monitor.best_epoch
            return Failed(net.failed, self._at.epoch - 1, best_epoch, best if best_epoch else first, net.number)
        if why is None or net.number in self._leaving:
            return None
        return Finished(
            epochs=self._at.epoch - 1,
            best_epoch=net.monitor.best_epoch,
            stopped_by=why,
            theta=best if rule is not None and rule.restore_best else last,
            last=last,
            best=best,
            initial=first,
            net=net.number,
        )

    def _progress(self) -> Iterator[Progress]:
        self._clock.pause()
        for net, sums in zip(list(self._nets), self._sums, strict=True):
            yield Progress(
                epoch=self._at.epoch,
                step=self._at.step,
                steps_per_epoch=self._course.cutting.steps,
                training_loss=float(sums[0]) / max(1, self._at.row),
                state=partial(self._state, net),
                net=net.number,
            )
        self._clock.resume()

    def _state(self, net: Net) -> State:
        place = self._place(net.number)
        return snapshot(self._course, place, net.monitor, self._sums[place], self._clock, self._at)

    def _place(self, number: int) -> int:
        return next(place for place, net in enumerate(self._nets) if net.number == number)

    def _restore(self, states: Sequence[State]) -> None:
        """Go on where the states were taken."""
        if len({(state.epoch, state.row) for state in states}) != 1 or len(states) != len(self._nets):
            raise ValueError("the states of a stack must be of all its networks, at one place")
        first = states[0]
        self._at = Place(first.epoch, first.row, first.step)
        self._clock.seconds, self._clock.elapsed = first.seconds, first.elapsed
        for place, (net, state) in enumerate(zip(self._nets, states, strict=True)):
            restore(state, self._course, place, net.monitor, self._sums[place])

    def _evaluation(self) -> Evaluation | None:
        rows = self._validation_rows
        return None if rows is None else self._course.evaluation(rows)

    @property
    def _time_is_up(self) -> bool:
        """Whether this epoch is to be cut short: an epoch that comes in one piece, as that of L-BFGS, never is."""
        return self._at.row > 0 and self._out_of_time

    @property
    def _out_of_time(self) -> bool:
        most = self._course.specs[0].max_seconds
        return most is not None and self._clock.total >= most
