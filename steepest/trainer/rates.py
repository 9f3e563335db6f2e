"""The learning rates of one network's run: its schedule, and what a plateau has made of it."""

from dataclasses import dataclass, replace

import numpy as np

from steepest.spec.resolved import ResolvedTrainSpec
from steepest.spec.schedules import Constant
from steepest.trainer.arrays import Array
from steepest.trainer.schedules import Plateau, Schedule


@dataclass(frozen=True)
class Rates:
    """A schedule, and the plateau that lowers its rates, if it is of that kind."""

    schedule: Schedule
    plateau: Plateau | None

    @classmethod
    def of(cls, spec: ResolvedTrainSpec, figure: str, steps_per_epoch: int, rows: int) -> "Rates":
        """The rates of a run whose epochs are judged by `figure`."""
        schedule = Schedule.of(
            spec.schedule,
            spec.optimizer.learning_rate,
            epochs=spec.epochs,
            steps_per_epoch=steps_per_epoch,
            rows=rows,
        )
        return cls(schedule, schedule.plateau("lowest" if figure.endswith("loss") else "highest"))

    @property
    def steady(self) -> bool:
        """Whether the rate never changes."""
        return isinstance(self.schedule.settings, Constant) and not self.schedule.settings.warmup_epochs

    def at(self, learning_rate: float) -> "Rates":
        """The same schedule at another height."""
        return replace(self, schedule=replace(self.schedule, eta=learning_rate))

    def of_steps(self, first: int, steps: int) -> Array:
        """(steps,) float64 rates from step `first` of the run on, from 0."""
        if self.steady:
            return np.full(steps, self.schedule.eta)
        rates = self.schedule.rates(first, steps)
        return rates if self.plateau is None else rates * self.plateau.multiple

    def note(self, epoch: int, figure: float | None) -> None:
        """Take the figure of an epoch that has ended; one that does not exist is no improvement."""
        if self.plateau is not None:
            self.plateau.note(epoch, np.nan if figure is None else figure)

    def state(self) -> Array:
        """What a run needs to go on, as float64 numbers."""
        plateau = self.plateau
        return np.array([] if plateau is None else [plateau.reference, plateau.waited, plateau.multiple])

    def restore(self, state: Array) -> None:
        """Go on from there."""
        if self.plateau is not None:
            self.plateau.reference, self.plateau.multiple = float(state[0]), float(state[2])
            self.plateau.waited = int(state[1])
