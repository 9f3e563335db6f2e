"""Losses of values: means over the K outputs, and the squared error of classes."""

from abc import abstractmethod
from functools import partial
from typing import Final

import numpy as np

from steepest.spec.names import LossName, OutputActivationName
from steepest.trainer.activations.bounded import sigmoid_backward, sigmoid_forward
from steepest.trainer.arrays import Array, Plan, placed, put, scalar
from steepest.trainer.objectives.base import Objective, contiguous, count, hits, lean, with_hits


class OfResiduals(Objective):
    """A loss of r = z - y."""

    @staticmethod
    def factor(outputs: int) -> float:
        """Of a mean."""
        return 1 / outputs

    def forward(self, step: int) -> Plan:
        """Keep r."""
        z, y = lean(self.logits[step]), lean(self.targets[step])
        return (partial(np.subtract, z, y, z),)

    def sums(self, steps: int) -> Array:
        """Loss, and for each output the sum of r^2."""
        r = self.logits[:steps]
        return with_squares(self._weighed(self.losses(r)) / r.shape[2], r)

    def formula(self, z: Array, y: Array) -> Array:
        """The mean over outputs."""
        return np.asarray(self.losses(z - y).mean(1))

    def derivative(self, z: Array, y: Array) -> Array:
        """Of the mean."""
        return np.asarray(self.slopes(z - y) / z.shape[1])

    @abstractmethod
    def losses(self, r: Array) -> Array:
        """Each output's loss, as a textbook writes it."""

    @abstractmethod
    def slopes(self, r: Array) -> Array:
        """Its derivative by r, as a textbook writes it."""


class SquaredError(OfResiduals):
    """Row loss mean over outputs of r^2, so that dloss/dz = 2 r / K."""

    @staticmethod
    def factor(outputs: int) -> float:
        """Of r."""
        return 2 / outputs

    def backward(self, step: int) -> Plan:
        """Delta = w 2 r / K."""
        return (partial(np.multiply, lean(self.logits[step]), self._scale(step), lean(self.delta)),)

    def sums(self, steps: int) -> Array:
        """Loss, and for each output the sum of r^2, which add up to it where all rows count alike."""
        if self.weights is not None:
            return super().sums(steps)
        sums = with_squares(0.0, self.logits[:steps])
        sums[:, 0] = sums[:, 1:].mean(1)
        return sums

    def losses(self, r: Array) -> Array:
        """r^2."""
        return np.square(r)

    def slopes(self, r: Array) -> Array:
        """2 r."""
        return 2 * r


class AbsoluteError(OfResiduals):
    """Row loss mean over outputs of |r|, so that dloss/dz = sign(r) / K."""

    def backward(self, step: int) -> Plan:
        """Delta = w sign(r) / K."""
        r, delta = lean(self.logits[step]), lean(self.delta)
        return (partial(np.sign, r, delta), partial(np.multiply, delta, self._scale(step), delta))

    def losses(self, r: Array) -> Array:
        """|r|."""
        return np.abs(r)

    def slopes(self, r: Array) -> Array:
        """sign(r)."""
        return np.sign(r)

    @property
    def kinks(self) -> tuple[float, ...]:
        """Where r changes its sign."""
        return (0.0,)


class Huber(OfResiduals):
    """Row loss mean over outputs of r^2 / 2 for |r| <= d, else d (|r| - d/2): dloss/dz = c / K, c = r cut off at +-d.

    A parabola that goes on as lines (Huber 1964); both are c (r - c/2).
    """

    def backward(self, step: int) -> Plan:
        """Delta = w c / K."""
        r, delta = lean(self.logits[step]), lean(self.delta)
        low, high = scalar(-self.bend, r.dtype, r), scalar(self.bend, r.dtype, r)
        return (
            partial(np.clip, r, low, high, delta),
            partial(np.multiply, delta, self._scale(step), delta),
        )

    def losses(self, r: Array) -> Array:
        """Both halves at once: c (r - c/2)."""
        c: Array = np.clip(r, -self.bend, self.bend)
        return c * (r - c / 2)

    def slopes(self, r: Array) -> Array:
        """The residual, cut off at +-d."""
        return np.clip(r, -self.bend, self.bend)

    @property
    def kinks(self) -> tuple[float, ...]:
        """Where the parabola ends."""
        return (-self.bend, self.bend)


class Poisson(Objective):
    """Row loss mean over outputs of a - y z with a = exp(z), so that dloss/dz = (a - y) / K.

    But for a term of y alone it is minus the log-likelihood of counts y of which a are expected.
    """

    @staticmethod
    def factor(outputs: int) -> float:
        """Of a - y."""
        return 1 / outputs

    def forward(self, step: int) -> Plan:
        """Z is kept as it is."""
        return ()

    def backward(self, step: int) -> Plan:
        """Delta = w (exp(z) - y) / K."""
        z, y, delta = map(lean, (self.logits[step], self.targets[step], self.delta))
        return (
            partial(np.exp, z, delta),
            partial(np.subtract, delta, y, delta),
            partial(np.multiply, delta, self._scale(step), delta),
        )

    def sums(self, steps: int) -> Array:
        """Loss, and for each output the sum of (a - y)^2."""
        z, y = self.logits[:steps], self.targets[:steps]
        a = np.exp(z)
        return with_squares(self._weighed(a - y * z) / z.shape[2], a - y)

    def formula(self, z: Array, y: Array) -> Array:
        """exp(z) - y z, the mean over outputs."""
        return np.asarray((np.exp(z) - y * z).mean(1))

    def derivative(self, z: Array, y: Array) -> Array:
        """(exp(z) - y) / K."""
        return np.asarray((np.exp(z) - y) / z.shape[1])


class SigmoidSquaredError(Objective):
    """Row loss mean over outputs of (a - y)^2 with a = sigmoid(z) and y one-hot: dloss/dz = 2 (a - y) a (1 - a) / K."""

    @staticmethod
    def factor(outputs: int) -> float:
        """Of (a - y) a (1 - a)."""
        return 2 / outputs

    def forward(self, step: int) -> Plan:
        """Keep a."""
        return sigmoid_forward(lean(self.logits[step]))

    def backward(self, step: int) -> Plan:
        """Delta = w 2 (a - y) a (1 - a) / K."""
        a, y, delta = map(lean, (self.logits[step], self.targets[step], self.delta))
        return (
            partial(np.subtract, a, y, delta),
            *sigmoid_backward(a, delta),
            partial(np.multiply, delta, self._scale(step), delta),
        )

    def sums(self, steps: int) -> Array:
        """Loss, and rows whose likeliest class is theirs."""
        a, y = self.logits[:steps], self.targets[:steps]
        losses = self._weighed(np.square(a - y)) / a.shape[2]
        right = hits(a, self._codes[:steps]) if a.shape[2] > 1 else count((a > 0.5) == (y > 0.5))
        return with_hits(losses, right)

    def formula(self, z: Array, y: Array) -> Array:
        """(a - y)^2, the mean over outputs."""
        return np.asarray(np.square(1 / (1 + np.exp(-z)) - y).mean(1))

    def derivative(self, z: Array, y: Array) -> Array:
        """2 (a - y) a (1 - a) / K."""
        a = 1 / (1 + np.exp(-z))
        return np.asarray(2 * (a - y) * a * (1 - a) / z.shape[1])

    def _load_targets(self, encoded: Array, steps: int) -> None:
        """Set the one-hot targets; a single output stands for the second class."""
        orders, outputs, rows = self.targets.shape[1:]
        codes = encoded.reshape(orders, steps, rows).swapaxes(0, 1).astype(np.intp)
        classes = np.arange(outputs) if outputs > 1 else np.ones(1, np.intp)
        put(self.targets[:steps], codes[:, :, None] == classes[:, None])
        self._codes = placed(codes, self.targets)
        if e := self.label_smoothing:
            self.targets[:steps] *= 1 - e
            self.targets[:steps] += e / max(2, outputs)


def with_squares(losses: Array | float, r: Array) -> Array:
    """(M, 1 + K): the losses (M,), and the sums of r^2 over all but networks and outputs of r (steps, M, K, rows)."""
    # What overflows in the run's precision is to show.
    squares = contiguous(np.square(r).astype(np.float64).swapaxes(0, 1).swapaxes(1, 2))
    sums: Array = np.empty_like(squares, shape=(len(squares), 1 + squares.shape[1]))
    sums[:, 0], sums[:, 1:] = losses, np.add.reduce(squares.reshape(*squares.shape[:2], -1), 2)
    return sums


OF_VALUES: Final[dict[tuple[LossName, OutputActivationName], type[Objective]]] = {
    ("mean_squared_error", "linear"): SquaredError,
    ("mean_squared_error", "sigmoid"): SigmoidSquaredError,
    ("mean_absolute_error", "linear"): AbsoluteError,
    ("huber", "linear"): Huber,
    ("poisson", "exponential"): Poisson,
}
