"""L-BFGS: Newton's method with a curvature that is guessed from the last few steps (Liu and Nocedal 1989).

Algorithms and equations are those of Nocedal and Wright, Numerical Optimization, 2nd edition. Symbols: theta (P,) the
weights, g the gradient of the loss there, d the direction of the step, a its length in units of d; phi(a) the loss at
theta + a d, so that phi'(a) = g(theta + a d) d; s and y how far theta and g went in a step.

Whoever drives an iteration evaluates the loss over all rows, at its own pace: the iteration is a generator that yields
a point and is sent what was found there.
"""

from collections.abc import Generator
from dataclasses import dataclass
from math import inf, isfinite, sqrt
from typing import Final, NamedTuple

import numpy as np

from steepest.trainer.arrays import Array

C1: Final = 1e-4
"""Share of the slope at 0 by which phi must have fallen (3.7a)."""

C2: Final = 0.9
"""Share of the slope at 0 that may be left (3.7b)."""

TRIALS: Final = 25
"""Most evaluations of a line search."""

FURTHER: Final = (2.0, 10.0)
"""At least and at most so many times as far goes the next trial, while phi falls."""

MARGIN: Final = 0.1
"""Share of a bracket at its ends in which no trial lies."""

NOISE: Final = 10.0
"""Epsilons of the precision, relative to the loss, by which a loss may be off."""

PATIENCE: Final = 50
"""Iterations in a row that bring nothing, after which there is nothing to bring."""

Asking = Generator[Array, tuple[float, Array], "Trial"]


class Point(NamedTuple):
    """Weights with what was found there."""

    theta: Array
    """(P,)"""
    loss: float
    gradient: Array
    """(P,)"""


@dataclass
class Memory:
    """What an iteration leaves to the next."""

    pairs: Array
    """(2, history, P) s and y of the last steps, in a ring."""
    count: int = 0
    """Pairs that were kept so far; the next one goes to place `count` modulo `history`."""
    smallest: float = inf
    """The smallest gradient so far, by its largest component."""
    waited: int = 0
    """Iterations in a row with neither a lower loss nor a smaller gradient."""

    @property
    def settled(self) -> bool:
        """Whether no step leads further down."""
        return self.waited >= PATIENCE

    def settle(self) -> None:
        """No step leads further down."""
        self.waited = PATIENCE

    def note(self, here: Point, new: Point) -> None:
        """Take a step."""
        self.keep(new.theta - here.theta, new.gradient - here.gradient)
        size = float(np.abs(new.gradient).max())
        if here.loss - new.loss > noise_of(here) or size < self.smallest:
            self.waited = 0
        else:
            self.waited += 1
        self.smallest = min(self.smallest, size)

    @property
    def newest_first(self) -> list[tuple[Array, Array]]:
        """Pairs s, y."""
        s, y = self.pairs
        places = [(self.count - 1 - age) % len(s) for age in range(min(self.count, len(s)))]
        return [(s[place], y[place]) for place in places]

    def keep(self, s: Array, y: Array) -> None:
        """Remember a step, if the slope along it has grown, as the curvature of a minimum makes it."""
        if dot(s, y) > np.finfo(s.dtype).eps * sqrt(dot(s, s) * dot(y, y)):
            place = self.count % self.pairs.shape[1]
            self.pairs[0, place], self.pairs[1, place] = s, y
            self.count += 1


@dataclass(frozen=True)
class Trial:
    """A point on the line."""

    a: float
    loss: float
    """phi(a)."""
    slope: float
    """phi'(a)."""
    gradient: Array


def iteration(
    theta: Array,
    loss: float,
    gradient: Array,
    memory: Memory,
    learning_rate: float = 1.0,
    first_step: float | None = None,
) -> Generator[Array, tuple[float, Array], Point]:
    """One step.

    Yields points (P,), valid until the next is asked for, and is to be sent the loss and the gradient there; the latter
    is copied. Returns the new point: the old one where nothing lower is to be found, which `memory` then knows.

    Args:
        theta: (P,) weights; left as they are.
        loss: There.
        gradient: (P,) there.
        memory: Changed; empty to begin with.
        learning_rate: The length of the first trial, in units of d.
        first_step: Its length over all weights, while there is no curvature to go by; None: at most |g| / sum |g|.
    """
    here = Point(theta, loss, gradient)
    while not memory.settled and gradient.any():
        d = direction(gradient, memory)
        first = learning_rate
        if not memory.count:  # no curvature to go by
            known = None if first_step is None else first_step / sqrt(dot(gradient, gradient))
            first *= min(1.0, 1 / float(np.abs(gradient).sum())) if known is None else known
        slope = dot(gradient, d)
        if slope < 0:
            line = Line(here, d, slope)
            best = yield from line.search(first)
            if best.a > 0:
                new = Point(line.at(best.a), best.loss, best.gradient)
                memory.note(here, new)
                return new
        if not memory.count:
            memory.settle()
        memory.count = 0
    return here


def direction(gradient: Array, memory: Memory) -> Array:
    """Minus the inverse Hessian, as far as it is known, times the gradient (algorithm 7.4, with gamma of 7.20)."""
    d = -gradient
    pairs = memory.newest_first
    alphas = []
    for s, y in pairs:
        alphas.append(dot(s, d) / dot(s, y))
        d -= d.dtype.type(alphas[-1]) * y
    if pairs:
        s, y = pairs[0]
        d *= d.dtype.type(dot(s, y) / dot(y, y))
    for (s, y), alpha in zip(reversed(pairs), reversed(alphas), strict=True):
        beta = dot(y, d) / dot(s, y)
        d += d.dtype.type(alpha - beta) * s
    return d


class Line:
    """The line theta + a d."""

    def __init__(self, here: Point, d: Array, slope: float) -> None:
        self._theta, self._d = here.theta, d
        self._start = Trial(0.0, here.loss, slope, here.gradient)
        self._noise = noise_of(here)
        self._left = TRIALS

    def at(self, a: float) -> Array:
        """(P,) the weights at a."""
        weights: Array = self._theta + self._theta.dtype.type(a) * self._d
        return weights

    def search(self, first: float) -> Asking:
        """A trial that meets the strong Wolfe conditions, else the best there is, or the start (algorithm 3.5)."""
        before, a = self._start, first
        while self._left and self._differs(before.a, a):
            trial = yield from self._try(a)
            if not self._low_enough(trial) or trial.loss > before.loss + self._noise:
                return (yield from self._zoom(before, trial))
            if self._flat_enough(trial):
                return trial
            if trial.slope >= 0:
                return (yield from self._zoom(trial, before))
            least, most = (times * a for times in FURTHER)
            before, a = trial, min(max(_lowest(before, trial, self._noise), least), most)
        return self._found(before)

    def _zoom(self, low: Trial, high: Trial) -> Asking:
        """The same between two trials, the first of which is low enough and slopes towards the other (3.6)."""
        while self._left and self._differs(low.a, high.a):
            edges = sorted(low.a + share * (high.a - low.a) for share in (MARGIN, 1 - MARGIN))
            trial = yield from self._try(min(max(_lowest(low, high, self._noise), edges[0]), edges[1]))
            if not self._low_enough(trial) or trial.loss > low.loss + self._noise:
                high = trial
                continue
            if self._flat_enough(trial):
                return trial
            if trial.slope * (high.a - low.a) >= 0:
                high = low
            low = trial
        return self._found(low)

    def _try(self, a: float) -> Asking:
        self._left -= 1
        loss, gradient = yield self.at(a)
        return Trial(a, float(loss), dot(gradient, self._d), gradient.copy())

    def _low_enough(self, trial: Trial) -> bool:
        """Near a minimum losses differ by less than their rounding, and the slope alone tells (Hager, Zhang 2005)."""
        start = self._start
        if not isfinite(trial.slope):
            return False
        if trial.loss <= start.loss + C1 * trial.a * start.slope:
            return True
        return trial.loss <= start.loss + self._noise and trial.slope <= (2 * C1 - 1) * start.slope

    def _flat_enough(self, trial: Trial) -> bool:
        return abs(trial.slope) <= -C2 * self._start.slope

    def _differs(self, one: float, other: float) -> bool:
        """Whether there is a point between that is neither."""
        return not np.array_equal(self.at(one), self.at(other))

    def _found(self, trial: Trial) -> Trial:
        """A trial that is no more than low enough, or the start if it is not really lower."""
        return trial if trial.loss < self._start.loss else self._start


def _lowest(one: Trial, other: Trial, noise: float) -> float:
    """Where the cubic through both lies lowest (3.59); of losses that say nothing, where a parabola does by its slopes.

    Halfway if there is no such place, and at the first if the numbers are too large to tell.
    """
    width, middle = other.a - one.a, (one.a + other.a) / 2
    if not (isfinite(other.loss) and isfinite(other.slope)):
        return one.a
    if abs(other.loss - one.loss) <= noise:
        bend = other.slope - one.slope
        return one.a - one.slope * width / bend if bend else middle
    d1 = one.slope + other.slope - 3 * (other.loss - one.loss) / width
    square = d1 * d1 - one.slope * other.slope
    if not isfinite(square):
        return one.a
    if square < 0:
        return middle
    d2 = sqrt(square) if width > 0 else -sqrt(square)
    bend = other.slope - one.slope + 2 * d2
    return other.a - width * (other.slope + d2 - d1) / bend if bend else middle


def noise_of(here: Point) -> float:
    """What losses like this one may be off by."""
    return NOISE * float(np.finfo(here.theta.dtype).eps) * abs(here.loss)


def dot(one: Array, other: Array) -> float:
    """The scalar product, summed up in double precision."""
    if one.dtype == np.float64:
        return float(one.dot(other))
    return float(np.add.reduce(one * other, None, np.float64))
