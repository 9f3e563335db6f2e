"""Cross-entropies: minus the logarithm of the probability that the network gave to what was seen.

With label smoothing (Szegedy et al. 2016) by e, the target y of each class becomes (1 - e) y + e / classes.
"""

from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike

from steepest.spec.names import LossName, OutputActivationName
from steepest.trainer.arrays import HERE, Array, Plan, aligned, place_of, placed, scalar
from steepest.trainer.objectives.base import Objective, count, hits, lean, per_net, with_hits

FEW_CLASSES: Final = 32


class SoftmaxCrossEntropy(Objective):
    """Row loss -sum y log a with a = softmax(z), so that dloss/dz = a - y; y is one-hot but for smoothing."""

    def __init__(self, steps: int, nets: int, outputs: int, rows: int, dtype: DTypeLike, **options: Any) -> None:
        super().__init__(steps, nets, outputs, rows, dtype, **options)
        self._top = aligned((nets, 1, rows), dtype, self.delta)
        # The weight of a row rides along in the sum of exponentials and in the targets, and costs little. For few
        # classes a product that gives the sum to each of them is quicker than to divide by it row by row.
        copies = outputs if outputs <= FEW_CLASSES else 1
        self._ones = aligned((copies, outputs), dtype, self.delta)
        self._ones[...] = 1 / self.weight if self.weights is None else 1
        self.totals = aligned((steps, nets, copies, rows), dtype, self.delta)
        """Sum of each row's exponentials, over w."""
        self._rarities = None if self.weights is None else aligned(self.weights.shape, dtype, self.delta)
        """1/w; infinite for a row that does not count."""
        self._first_logits, self._first_targets = _firsts(self.logits), _firsts(self.targets)

    @staticmethod
    def encode(y: Array, dtype: DTypeLike) -> Array:
        """The class codes, as they are."""
        return y

    def forward(self, step: int) -> Plan:
        """Z less its largest; the exponentials wait in delta."""
        z, top, exponentials = map(lean, (self.logits[step], self._top, self.delta))
        plan: Plan = (
            place_of(z).largest(z, -2, top),
            partial(np.subtract, z, top, z),
            partial(np.exp, z, exponentials),
            *(partial(self._ones.dot, e, total) for e, total in zip(self.delta, self.totals[step], strict=True)),
        )
        if self._rarities is not None:
            plan += (partial(np.multiply, self.totals[step], self._rarities[step], self.totals[step]),)
        return plan

    def backward(self, step: int) -> Plan:
        """Delta = w (a - y)."""
        exponentials, totals = map(lean, (self.delta, self.totals[step]))
        return (
            partial(np.divide, exponentials, totals, exponentials),
            partial(np.subtract, self.delta, self.targets[step], self.delta),
        )

    def sums(self, steps: int) -> Array:
        """Loss log(sum exp z) - sum y z, and rows whose likeliest class is theirs."""
        z, smoothing = self.logits[:steps], self.label_smoothing
        if self._first_logits.shape == self._first_targets.shape:
            places = self._places[:steps]
        else:
            places = self._offsets[:steps] + self._first_logits[:steps]
        of_targets = self.logits.reshape(-1)[places]
        if self.weights is None:
            logs = np.log(self.totals[:steps, :, :1] * self.weight)
        else:
            logs = np.log(np.exp(z).sum(2, keepdims=True))
        if self.weights is None and not smoothing:
            losses = per_net(logs) - per_net(of_targets)
        else:
            losses = self._weighed(logs - (1 - smoothing) * of_targets - smoothing * z.mean(2, keepdims=True))
        # z is 0 for the likeliest class alone, unless several are equally likely: then the first counts. To ask is
        # worth it here; elsewhere, to wait for the answer would take longer than to search.
        clear = place_of(z) is HERE and np.count_nonzero(z == 0) <= logs.size
        return with_hits(losses, count(of_targets == 0) if clear else hits(z, self._codes[:steps]))

    def formula(self, z: Array, y: Array) -> Array:
        """-sum y log a."""
        return np.asarray(-(y * np.log(_softmax(z))).sum(1))

    def derivative(self, z: Array, y: Array) -> Array:
        """(a - y)."""
        return _softmax(z) - y

    def _load_targets(self, encoded: Array, steps: int) -> None:
        """Set the one-hot targets, each worth the weight of its row."""
        orders, outputs, rows = self.targets.shape[1:]
        self._codes = placed(encoded.reshape(orders, steps, rows).swapaxes(0, 1), self.targets)
        self._offsets = self._codes[:, :, None] * rows
        self._places = self._offsets + self._first_targets[:steps]
        w: Any = self.weight
        if self.weights is not None and self._rarities is not None:
            w = self.weights[:steps]
            with np.errstate(divide="ignore"):
                np.divide(1, w, self._rarities[:steps])
        shared = self.label_smoothing / outputs
        self.targets[:steps] = w * shared if shared else 0
        self.targets.reshape(-1)[self._places] = w * (1 - self.label_smoothing + shared)


def _softmax(z: Array) -> Array:
    """exp(z) / sum exp(z), of rows z (n, K)."""
    return np.asarray(np.exp(z) / np.exp(z).sum(1, keepdims=True))


def _firsts(array: Array) -> Array:
    """(steps, nets, 1, rows) places of the first class in an array (steps, nets, K, rows) laid flat."""
    steps, nets, outputs, rows = array.shape
    step, net, _, row = np.indices((steps, nets, 1, rows))
    return placed((step * nets + net) * outputs * rows + row, array)


class SigmoidCrossEntropy(Objective):
    """Row loss -sum over outputs of the log of the probability of what was seen, a = sigmoid(z): dloss/dz = a - y.

    Targets are +1 and -1: with s = 2y - 1 the loss is log(1 + exp(-s z)), and a - y = (tanh(z/2) - s) / 2. Smoothing
    makes them 1 - e and e - 1. Several outputs are several labels, each of which a row has or has not.
    """

    @staticmethod
    def factor(outputs: int) -> float:
        """Of a - y."""
        return 0.5

    @staticmethod
    def encode(y: Array, dtype: DTypeLike) -> Array:
        """-1 and +1."""
        return (2 * y.astype(dtype) - 1).reshape(len(y), -1)

    def forward(self, step: int) -> Plan:
        """Z is kept as it is."""
        return ()

    def backward(self, step: int) -> Plan:
        """Delta = w (tanh(z/2) - s) / 2."""
        z, s, delta = map(lean, (self.logits[step], self.targets[step], self.delta))
        return (
            partial(np.multiply, z, scalar(0.5, z.dtype, z), delta),
            partial(np.tanh, delta, delta),
            partial(np.subtract, delta, s, delta),
            partial(np.multiply, delta, self._scale(step), delta),
        )

    def sums(self, steps: int) -> Array:
        """Loss log(1 + exp(-|z|)) + (|z| - sz) / 2, which never overflows, and rows with each z on its side of 0."""
        z, s = self.logits[:steps], self.targets[:steps]
        size = np.abs(z)
        losses = self._weighed(np.log1p(np.exp(-size))) + self._weighed(size - z * s) / 2
        right = (z > 0) == (s > 0)
        return with_hits(losses, count(right if z.shape[2] == 1 else right.all(2)))

    def formula(self, z: Array, y: Array) -> Array:
        """-sum y log a + (1 - y) log(1 - a)."""
        a = 1 / (1 + np.exp(-z))
        return np.asarray(-(y * np.log(a) + (1 - y) * np.log(1 - a)).sum(1))

    def derivative(self, z: Array, y: Array) -> Array:
        """(a - y)."""
        return np.asarray(1 / (1 + np.exp(-z)) - y)

    def _load_targets(self, encoded: Array, steps: int) -> None:
        super()._load_targets(encoded, steps)
        if self.label_smoothing:
            self.targets[:steps] *= 1 - self.label_smoothing


OF_PROBABILITIES: Final[dict[tuple[LossName, OutputActivationName], type[Objective]]] = {
    ("categorical_crossentropy", "softmax"): SoftmaxCrossEntropy,
    ("binary_crossentropy", "sigmoid"): SigmoidCrossEntropy,
}
