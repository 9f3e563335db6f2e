"""The learning rate of each step: a function of its place in the run, times what a plateau has made of it.

Symbols: eta the optimizer's learning rate, n the steps of an epoch, s a step and e an epoch, both from 0 and, where the
schedule has a warm-up, from its end; S and E how many of them there are from there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any, Final, Literal

import numpy as np

from steepest.spec import schedules as spec
from steepest.trainer.arrays import Array

THRESHOLD: Final = 1e-4
"""Share of the best figure by which a figure must be better to count as an improvement."""

LEAST_CHANGE: Final = 1e-8
"""A smaller change of the rate is not made."""

UP: Final = 0.3
"""Share of its steps in which one cycle rises."""

FIRST: Final = 1 / 25
"""Share of the rate that one cycle starts with."""

LAST: Final = FIRST / 1e4
"""Share of the rate that it ends with."""


@dataclass(frozen=True)
class Span:
    """What a schedule stretches over, from the end of its warm-up."""

    steps_per_epoch: int
    """n."""
    epochs: int
    """E; at least 1."""
    rows: int
    """Of the training data."""

    @property
    def steps(self) -> int:
        """S."""
        return self.steps_per_epoch * self.epochs


Rule = Callable[[Any, Array, Span], Array]
"""Of a schedule's settings, steps s as float64 and the span: what eta is multiplied by in each step."""


def _constant(settings: spec.Constant, s: Array, span: Span) -> Array:
    return np.ones_like(s)


def _step(settings: spec.Step, s: Array, span: Span) -> Array:
    """factor^floor(e / step_epochs)."""
    return np.asarray(settings.factor ** ((s // span.steps_per_epoch) // settings.step_epochs))


def _exponential(settings: spec.Exponential, s: Array, span: Span) -> Array:
    """factor^e."""
    return np.asarray(settings.factor ** (s // span.steps_per_epoch))


def _cosine(settings: spec.Cosine, s: Array, span: Span) -> Array:
    """(1 + cos(pi s / S)) / 2 (Loshchilov and Hutter 2017, equation 5)."""
    return np.asarray((1 + np.cos(np.pi * s / span.steps)) / 2)


def _one_cycle(settings: spec.OneCycle, s: Array, span: Span) -> Array:
    """Half a cosine up and half a cosine down (Smith and Topin 2018, as PyTorch's OneCycleLR has it)."""
    top, end = UP * span.steps - 1, span.steps - 1
    rising = s <= top
    done = np.where(rising, s / (top or 1), (s - top) / (end - top))
    start, goal = np.where(rising, FIRST, 1.0), np.where(rising, 1.0, LAST)
    return np.asarray(goal + (start - goal) / 2 * (1 + np.cos(np.pi * done)))


def _plateau(settings: spec.Plateau, s: Array, span: Span) -> Array:
    """What a `Plateau` adds is not a function of time."""
    return np.ones_like(s)


def _inverse_scaling(settings: spec.InverseScaling, s: Array, span: Span) -> Array:
    """1 / (e rows + 1)^power, as scikit-learn's `invscaling`."""
    return np.asarray(1 / ((s // span.steps_per_epoch) * span.rows + 1) ** settings.power)


RULES: Final[dict[str, Rule]] = {
    "constant": _constant,
    "step": _step,
    "exponential": _exponential,
    "cosine": _cosine,
    "one_cycle": _one_cycle,
    "plateau": _plateau,
    "inverse_scaling": _inverse_scaling,
}
"""Adding a schedule is adding a rule here, and its settings to the spec."""


@dataclass(frozen=True)
class Schedule:
    """The learning rates of one network's run."""

    settings: spec.Schedule
    eta: float
    span: Span

    @classmethod
    def of(cls, settings: spec.Schedule, eta: float, *, epochs: int, steps_per_epoch: int, rows: int) -> "Schedule":
        """For a run of `epochs` epochs over `rows` training rows."""
        return cls(settings, eta, Span(steps_per_epoch, max(1, epochs - settings.warmup_epochs), rows))

    @property
    def warmup(self) -> int:
        """Steps of the warm-up."""
        return self.settings.warmup_epochs * self.span.steps_per_epoch

    def rates(self, first_step: int, steps: int) -> Array:
        """(steps,) float64 learning rates from step `first_step` of the run, from 0."""
        s = np.arange(first_step, first_step + steps, dtype=np.float64)
        after = RULES[self.settings.name](self.settings, np.maximum(s - self.warmup, 0), self.span)
        return np.asarray(self.eta * np.where(s < self.warmup, (s + 1) / (self.warmup or 1), after))

    def plateau(self, best: Literal["lowest", "highest"] = "lowest") -> "Plateau | None":
        """What watches the epochs' figures, if this is the schedule to do so."""
        if not isinstance(self.settings, spec.Plateau):
            return None
        return Plateau(self.settings, self.eta, best, inf if best == "lowest" else -inf)


@dataclass
class Plateau:
    """Lowers the rate when a figure has stopped getting better, as PyTorch's ReduceLROnPlateau by default."""

    settings: spec.Plateau
    eta: float
    best: Literal["lowest", "highest"]
    """Which figure is the best."""
    reference: float
    """The best figure so far."""
    waited: int = 0
    """Epochs since then, or since the rate was lowered."""
    multiple: float = 1.0
    """What the rates of the steps to come are multiplied by."""

    def note(self, epoch: int, figure: float) -> None:
        """Take the figure of an epoch, from 1; those of the warm-up do not count."""
        if epoch <= self.settings.warmup_epochs:
            return
        if self._improves(figure):
            self.reference, self.waited = figure, 0
        else:
            self.waited += 1
        if self.waited > self.settings.patience:
            self.waited = 0
            lower = self.multiple * self.settings.factor
            if self.eta * (self.multiple - lower) > LEAST_CHANGE:
                self.multiple = lower

    def _improves(self, figure: float) -> bool:
        if self.best == "lowest":
            return figure < self.reference * (1 - THRESHOLD)
        return figure > self.reference * (1 + THRESHOLD)
