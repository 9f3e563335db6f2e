"""Losses, each fused with the output activation that it is taken of.

Symbols: z (outputs, rows) the weighted sums of the output layer, a its activations, y the targets, K the outputs, w the
weight of a row: 1/rows where a batch is taken at once, for a loss is a mean. `delta` is w times the derivative of the
sum of the rows' losses by z. Taken together, loss and activation have simple derivatives that never overflow.

An objective keeps what it needs of every batch of a chunk, and works out loss and figures once per chunk.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import DTypeLike

from steepest.spec.names import LossName, OutputActivationName
from steepest.trainer.activations import sigmoid_backward, sigmoid_forward
from steepest.trainer.arrays import Array, Plan, aligned, scalar

FEW_CLASSES: Final = 32


class Objective(ABC):
    """A loss with its output activation, for up to `steps` batches of `rows` rows, of M networks."""

    def __init__(self, steps: int, nets: int, outputs: int, rows: int, dtype: DTypeLike, weight: float) -> None:
        self.weight = weight
        self.logits = aligned((steps, nets, outputs, rows), dtype)
        """z of each step: where the last layer's product goes, and what `forward` changes."""
        self.targets = aligned((steps, 1, outputs, rows), dtype)
        """Of each step, for all networks."""
        self.delta = aligned((nets, outputs, rows), dtype)
        """The derivative by z of the step in progress."""

    @staticmethod
    def encode(y: Array, dtype: DTypeLike) -> Array:
        """The targets of all rows, once, in the form that `load` takes: (n,) or (n, outputs)."""
        return y.astype(dtype).reshape(len(y), -1)

    def load(self, encoded: Array) -> None:
        """Set the targets of the first steps."""
        outputs, rows = self.delta.shape[1:]
        steps = len(encoded) // rows
        np.copyto(self.targets[:steps, 0], encoded.reshape(steps, rows, outputs).swapaxes(1, 2))

    @abstractmethod
    def forward(self, step: int) -> Plan:
        """Turn the step's z into what is kept of it."""

    @abstractmethod
    def backward(self, step: int) -> Plan:
        """Work out delta, right after `forward`."""

    def sums(self, steps: int) -> Array:
        """(M, figures) float64 sums over the rows of the first steps: the loss, then what the metric is made of."""
        return np.array([self._sums(steps, net) for net in range(self.delta.shape[0])], np.float64)

    @abstractmethod
    def _sums(self, steps: int, net: int) -> Sequence[float]:
        """The same of one network."""


class SoftmaxCrossEntropy(Objective):
    """Row loss -log a_y with a = softmax(z), so that dloss/dz = a - y (one-hot)."""

    def __init__(self, steps: int, nets: int, outputs: int, rows: int, dtype: DTypeLike, weight: float) -> None:
        super().__init__(steps, nets, outputs, rows, dtype, weight)
        self._top = aligned((nets, 1, rows), dtype)
        # The weight of a row rides along in the sum of exponentials and in the targets, and costs nothing. For few
        # classes a product that gives the sum to each of them is quicker than to divide by it row by row.
        copies = outputs if outputs <= FEW_CLASSES else 1
        self._ones = np.full((copies, outputs), 1 / weight, dtype)
        self._totals = aligned((steps, nets, copies, rows), dtype)
        step, row = np.indices((steps, rows))
        self._places = (step * outputs * rows + row).ravel()
        self._targets_at = self._places

    @staticmethod
    def encode(y: Array, dtype: DTypeLike) -> Array:
        """The class codes, as they are."""
        return y

    def load(self, encoded: Array) -> None:
        """Set the one-hot targets, each worth the weight of a row."""
        self._codes = encoded
        self._targets_at = encoded * self.delta.shape[-1] + self._places[: len(encoded)]
        self.targets.fill(0)
        self.targets.reshape(-1)[self._targets_at] = self.weight

    def forward(self, step: int) -> Plan:
        """Z less its largest; the exponentials wait in delta."""
        z, top, exponentials = map(_lean, (self.logits[step], self._top, self.delta))
        return (
            partial(np.maximum.reduce, z, -2, None, top, True),
            partial(np.subtract, z, top, z),
            partial(np.exp, z, exponentials),
            *(partial(self._ones.dot, e, total) for e, total in zip(self.delta, self._totals[step], strict=True)),
        )

    def backward(self, step: int) -> Plan:
        """Delta = w (a - y)."""
        exponentials, totals = map(_lean, (self.delta, self._totals[step]))
        return (
            partial(np.divide, exponentials, totals, exponentials),
            partial(np.subtract, self.delta, self.targets[step], self.delta),
        )

    def _sums(self, steps: int, net: int) -> Sequence[float]:
        """Loss log(sum exp z) - z_y, and rows whose likeliest class is theirs."""
        z = self.logits[:steps, net]
        logs = np.log(self._totals[:steps, net, 0] * self.weight)
        of_targets = z.reshape(-1)[self._targets_at[: logs.size]]
        # z is 0 for the likeliest class alone, unless several are equally likely: then the first counts.
        tied = np.count_nonzero(z == 0) > logs.size
        hits = _hits(z, self._codes) if tied else int(np.count_nonzero(of_targets == 0))
        return _total(logs) - _total(of_targets), hits


class SigmoidCrossEntropy(Objective):
    """Row loss -log of the probability of what was seen, a = sigmoid(z), so that dloss/dz = a - y.

    Targets are +1 and -1: with s = 2y - 1 the loss is log(1 + exp(-s z)), and a - y = (tanh(z/2) - s) / 2.
    """

    @staticmethod
    def encode(y: Array, dtype: DTypeLike) -> Array:
        """-1 and +1."""
        return (2 * y - 1).astype(dtype).reshape(len(y), -1)

    def forward(self, step: int) -> Plan:
        """Z is kept as it is."""
        return ()

    def backward(self, step: int) -> Plan:
        """Delta = w (tanh(z/2) - s) / 2."""
        z, s, delta = self.logits[step], self.targets[step], self.delta
        half = scalar(0.5, z.dtype)
        return (
            partial(np.multiply, z, half, delta),
            partial(np.tanh, delta, delta),
            partial(np.subtract, delta, s, delta),
            partial(np.multiply, delta, scalar(0.5 * self.weight, z.dtype), delta),
        )

    def _sums(self, steps: int, net: int) -> Sequence[float]:
        """Loss log(1 + exp(-|sz|)) + (|sz| - sz) / 2, which never overflows, and rows on the right side of 0."""
        z, s = self.logits[:steps, net], self.targets[:steps, 0]
        margin = z * s
        size = np.abs(margin)
        loss = _total(np.log1p(np.exp(-size))) + _total(size - margin) / 2
        return loss, int(np.count_nonzero((z > 0) == (s > 0)))


class SquaredError(Objective):
    """Row loss mean over outputs of r^2 with r = z - y, so that dloss/dz = 2 r / K."""

    def forward(self, step: int) -> Plan:
        """Keep r."""
        r = self.logits[step]
        return (partial(np.subtract, r, self.targets[step], r),)

    def backward(self, step: int) -> Plan:
        """Delta = w 2 r / K."""
        r = self.logits[step]
        return (partial(np.multiply, r, scalar(2 * self.weight / r.shape[-2], r.dtype), self.delta),)

    def _sums(self, steps: int, net: int) -> Sequence[float]:
        """Loss, and for each output the sum of r^2."""
        squares = np.square(self.logits[:steps, net]).sum((0, 2), np.float64)
        return [squares.mean(), *squares]


class SigmoidSquaredError(Objective):
    """Row loss mean over outputs of (a - y)^2 with a = sigmoid(z) and y one-hot: dloss/dz = 2 (a - y) a (1 - a) / K."""

    def load(self, encoded: Array) -> None:
        """Set the one-hot targets; a single output stands for the second class."""
        self._codes = encoded[:, 0].astype(np.intp)
        outputs, rows = self.delta.shape[1:]
        classes = np.arange(outputs) if outputs > 1 else np.ones(1)
        steps = len(encoded) // rows
        np.copyto(self.targets[:steps, 0], encoded.reshape(steps, 1, rows) == classes[:, None])

    def forward(self, step: int) -> Plan:
        """Keep a."""
        return sigmoid_forward(self.logits[step])

    def backward(self, step: int) -> Plan:
        """Delta = w 2 (a - y) a (1 - a) / K."""
        a, delta = self.logits[step], self.delta
        return (
            partial(np.subtract, a, self.targets[step], delta),
            *sigmoid_backward(a, delta),
            partial(np.multiply, delta, scalar(2 * self.weight / a.shape[-2], a.dtype), delta),
        )

    def _sums(self, steps: int, net: int) -> Sequence[float]:
        """Loss, and rows whose likeliest class is theirs."""
        a, y = self.logits[:steps, net], self.targets[:steps, 0]
        loss = _total(np.square(a - y)) / a.shape[1]
        hits = _hits(a, self._codes) if a.shape[1] > 1 else int(np.count_nonzero((a > 0.5) == (y > 0.5)))
        return loss, hits


def _lean(array: Array) -> Array:
    """One network's array without the axis of networks: NumPy is quicker to broadcast fewer axes."""
    return array[0] if len(array) == 1 else array


def _total(array: Array) -> float:
    return float(np.add.reduce(array.reshape(-1)))


def _hits(scores: Array, codes: Array) -> int:
    """Rows whose class has the highest score, the first of equals, in `scores` (steps, K, rows)."""
    steps, _, rows = scores.shape
    return int(np.count_nonzero(scores.argmax(1).ravel() == codes[: steps * rows]))


OBJECTIVES: Final[dict[tuple[LossName, OutputActivationName], type[Objective]]] = {
    ("categorical_crossentropy", "softmax"): SoftmaxCrossEntropy,
    ("binary_crossentropy", "sigmoid"): SigmoidCrossEntropy,
    ("mean_squared_error", "linear"): SquaredError,
    ("mean_squared_error", "sigmoid"): SigmoidSquaredError,
}
"""Adding a loss is adding a class and its entry here."""
