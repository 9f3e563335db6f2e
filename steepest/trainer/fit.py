"""Train a network: a generator that whoever drives it stops by not asking again."""

from collections.abc import Iterator
from math import isfinite
from time import perf_counter
from typing import Final

import numpy as np

from steepest.spec.names import StoppedBy
from steepest.spec.resolved import ResolvedTrainSpec
from steepest.trainer import divergence
from steepest.trainer.arrays import Array
from steepest.trainer.course import Course
from steepest.trainer.evaluate import Evaluation
from steepest.trainer.figures import Figures, Yardstick
from steepest.trainer.initializers import initial
from steepest.trainer.monitor import Monitor
from steepest.trainer.network import Network
from steepest.trainer.records import EpochRecord, Finished, Progress
from steepest.trainer.state import State

__all__ = ["EpochRecord", "Finished", "Progress", "fit"]

PROGRESS_SECONDS: Final = 0.1
"""Between two signs of life: with the longest chunk on top still less than a quarter of a second."""


def fit(
    spec: ResolvedTrainSpec,
    X: Array,
    y: Array,
    *,
    outputs: int,
    validation: tuple[Array, Array] | None = None,
    state: State | None = None,
) -> Iterator[Progress | EpochRecord | Finished]:
    """Train, and yield progress at least every quarter of a second, each epoch's record, and at last `Finished`.

    Args:
        spec: What to do.
        X: Inputs (n, d), in the spec's precision.
        y: Class codes (n,), or values (n, outputs) in training units.
        outputs: One for binary classes, K for K classes, one for each value.
        validation: Inputs and targets that measure each epoch.
        state: Where an earlier run of the same spec on the same data stopped; the rest is equal to the bit.

    Raises:
        Diverged: a loss or weight became NaN or infinite.
        ValueError: the inputs have another precision than the spec, or the state is of another run.
    """
    if spec.precision != X.dtype:
        raise ValueError(f"the inputs are {X.dtype}; the spec's precision is {spec.precision}")
    run = _Run(spec, X, y, outputs, validation)
    if state is not None:
        run.restore(state)
    while (stopped_by := run.verdict()) is None:
        yield from run.train()
        yield from run.measure()
        yield run.close()
        run.clock.resume()
    yield run.finished(stopped_by)


class _Run:
    """A run and how far it is."""

    def __init__(
        self, spec: ResolvedTrainSpec, X: Array, y: Array, outputs: int, validation: tuple[Array, Array] | None
    ) -> None:
        self.clock = _Clock()
        self._spec = spec
        self._network = Network.of(spec, X.shape[1], outputs)
        self._course = Course(spec, self._network, X, y)
        self._yardstick = Yardstick.of(self._network, y)
        self._validation = Evaluation(self._network, self._course.theta, *validation) if validation else None
        self._validated: Figures | None = None
        self._monitor = Monitor(spec.early_stopping, np.zeros_like(self._course.theta))
        self._epoch = 1
        self._chunk = 0
        self._sums = np.zeros(self._yardstick.sums)

    def verdict(self) -> StoppedBy | None:
        """Why the run is over, if it is."""
        return self._monitor.verdict(self._epoch - 1, self._spec.epochs)

    def train(self) -> Iterator[Progress]:
        """The rest of the epoch's chunks."""
        course = self._course
        for number in range(self._chunk, len(course.cutting)):
            chunk = course.cutting[number]
            sums = course.advance(self._epoch, chunk)
            if sums is None:
                raise divergence.in_chunk(self._spec, course, self._epoch, chunk)
            self._sums += sums
            self._chunk = number + 1
            if self.clock.is_due:
                yield from self._progress()

    def measure(self) -> Iterator[Progress]:
        """The validation rows, with the weights at the epoch's end."""
        if self._validation is not None:
            for figures in self._validation.piecewise():
                self._validated = figures
                if self.clock.is_due and figures is None:
                    yield from self._progress()

    def close(self) -> EpochRecord:
        """End the epoch; the next begins."""
        training, validated = self._yardstick.figures(self._sums), self._validated
        validation_loss = validated.loss if validated else None
        if not self._course.sound or not isfinite(validation_loss or 0.0):
            raise divergence.at_epochs_end(self._spec, self._course, self._epoch)
        self.clock.pause()
        record = EpochRecord(
            epoch=self._epoch,
            training_loss=training.loss,
            validation_loss=validation_loss,
            metric=self._yardstick.metric,
            training_metric=training.metric,
            validation_metric=validated.metric if validated else None,
            learning_rate=self._spec.optimizer.learning_rate,
            seconds=self.clock.seconds,
            best=self._monitor.note(self._epoch, self._course.theta, training.loss, validation_loss),
            state=self._state,
        )
        self._epoch += 1
        self._chunk = 0
        self._sums = np.zeros_like(self._sums)
        self.clock.seconds = 0.0
        return record

    def finished(self, stopped_by: StoppedBy) -> Finished:
        """The weights, as copies of their own."""
        rule = self._spec.early_stopping
        last, best = self._course.theta[0].copy(), self._monitor.best[0].copy()
        return Finished(
            epochs=self._epoch - 1,
            best_epoch=self._monitor.best_epoch,
            stopped_by=stopped_by,
            theta=best if rule is not None and rule.restore_best else last,
            last=last,
            best=best,
            initial=initial(self._network, self._spec.initializer, self._spec.seed, last.dtype)[0],
        )

    def restore(self, state: State) -> None:
        """Go on where `state` was taken."""
        course, monitor = self._course, self._monitor
        for kept, array in (
            (state.theta, course.theta),
            (state.slots, course.optimizer.slots),
            (state.gradient, course.total),
            (state.sums, self._sums),
            (state.best, monitor.best),
        ):
            if kept.shape != array.shape or kept.dtype != array.dtype:
                raise ValueError("the state is of another network, optimizer, precision or batch size")
            np.copyto(array, kept)
        self._epoch, self._chunk = state.epoch, state.chunk
        monitor.best_epoch, monitor.best_figure = state.best_epoch, state.best_figure
        monitor.reference, monitor.waited = state.reference, state.waited
        self.clock.seconds = state.seconds

    def _state(self) -> State:
        course, monitor = self._course, self._monitor
        return State(
            epoch=self._epoch,
            chunk=self._chunk,
            step=self._step,
            theta=course.theta.copy(),
            slots=course.optimizer.slots.copy(),
            gradient=course.total.copy(),
            sums=self._sums.copy(),
            seconds=self.clock.seconds,
            best=monitor.best.copy(),
            best_epoch=monitor.best_epoch,
            best_figure=monitor.best_figure,
            reference=monitor.reference,
            waited=monitor.waited,
        )

    def _progress(self) -> Iterator[Progress]:
        self.clock.pause()
        yield Progress(
            epoch=self._epoch,
            step=self._step,
            steps_per_epoch=self._course.cutting.steps,
            training_loss=float(self._sums[0]) / self._course.cutting[self._chunk - 1].stop,
            state=self._state,
        )
        self.clock.resume()

    @property
    def _step(self) -> int:
        """Steps of the epoch that are done."""
        if not self._chunk:
            return 0
        chunk = self._course.cutting[self._chunk - 1]
        return chunk.step + chunk.steps


class _Clock:
    """Seconds spent on the epoch, without what the caller does between two records."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._resumed_at = perf_counter()

    def pause(self) -> None:
        """The caller's turn."""
        self.seconds += perf_counter() - self._resumed_at

    def resume(self) -> None:
        """The trainer's turn."""
        self._resumed_at = perf_counter()

    @property
    def is_due(self) -> bool:
        """Whether the caller has waited long enough for a sign of life."""
        return perf_counter() - self._resumed_at >= PROGRESS_SECONDS
