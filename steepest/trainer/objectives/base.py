"""What an objective is. Symbols: see `steepest.trainer.objectives`."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from steepest.trainer.arrays import Array, Plan, aligned, put, scalar


class Objective(ABC):
    """A loss with its output activation, for up to `steps` batches of `rows` rows, of M networks."""

    def __init__(
        self,
        steps: int,
        nets: int,
        outputs: int,
        rows: int,
        dtype: DTypeLike,
        *,
        orders: int = 1,
        weight: float | None = None,
        weighted: bool = False,
        label_smoothing: float = 0.0,
        delta: float = 1.0,
        like: Array | None = None,
    ) -> None:
        """Allocate.

        Args:
            steps: Batches at a time.
            nets: M.
            outputs: K.
            rows: Of a batch.
            dtype: The precision.
            orders: 1 if all networks take the rows in one order, else M.
            weight: w of a row where all count alike; None: 1/rows. Losses are summed up in multiples of it.
            weighted: Whether each row has a weight of its own.
            label_smoothing: Share of a class's target that all classes divide among themselves.
            delta: Where the huber loss turns from a parabola into a line.
            like: Where all arrays are to live; None: here.
        """
        self.weight = 1 / rows if weight is None else weight
        self.logits = aligned((steps, nets, outputs, rows), dtype, like)
        """z of each step: where the last layer's product goes, and what `forward` changes."""
        self.targets = aligned((steps, orders, outputs, rows), dtype, like)
        """Of each step."""
        self.weights = aligned((steps, orders, 1, rows), dtype, like) if weighted else None
        """w of each step's rows, if they have weights of their own."""
        self.delta = aligned((nets, outputs, rows), dtype, like)
        """The derivative by z of the step in progress."""
        self.label_smoothing = label_smoothing
        self.bend = delta
        self._factor = self.factor(outputs)
        self._scales = aligned((steps, orders, 1, rows), dtype, like) if weighted else None

    @staticmethod
    def factor(outputs: int) -> float:
        """What the derivative is multiplied by, beside w."""
        return 1.0

    @staticmethod
    def encode(y: Array, dtype: DTypeLike) -> Array:
        """The targets of all rows, once, in the form that `load` takes: (n,) or (n, outputs)."""
        return y.astype(dtype, copy=False).reshape(len(y), -1)

    def load(self, encoded: Array, weights: Array | None = None) -> None:
        """Set the targets of the first steps, from arrays that are here.

        Args:
            encoded: (orders, r, ...) targets of r rows as `encode` leaves them.
            weights: (orders, r) w of each, if rows have weights of their own.
        """
        steps = self._load_weights(weights, encoded.shape[1])
        self._load_targets(encoded, steps)

    @abstractmethod
    def forward(self, step: int) -> Plan:
        """Turn the step's z into what is kept of it."""

    @abstractmethod
    def backward(self, step: int) -> Plan:
        """Work out delta, right after `forward`."""

    @abstractmethod
    def sums(self, steps: int) -> Array:
        """(M, figures) float64 sums over the rows of the first steps: the loss, then what the metric is made of.

        A row's loss counts w / `weight` times; the metric knows no weights.
        """

    @abstractmethod
    def formula(self, z: Array, y: Array) -> Array:
        """(n,) losses of rows z with targets y (n, K), as a textbook writes them."""

    @abstractmethod
    def derivative(self, z: Array, y: Array) -> Array:
        """(n, K) dloss/dz of rows z with targets y (n, K), as a textbook writes it."""

    @property
    def kinks(self) -> tuple[float, ...]:
        """What `forward` may leave of z where the loss is not smooth."""
        return ()

    def _load_weights(self, weights: Array | None, size: int) -> int:
        """The number of steps that `size` rows make."""
        orders, _, rows = self.targets.shape[1:]
        steps: int = size // rows
        if self.weights is not None and self._scales is not None:
            if weights is None:
                raise ValueError("the rows' weights are missing")
            put(self.weights[:steps, :, 0], weights.reshape(orders, steps, rows).swapaxes(0, 1))
            np.multiply(self.weights[:steps], self._factor, self._scales[:steps])
        return steps

    def _load_targets(self, encoded: Array, steps: int) -> None:
        orders, outputs, rows = self.targets.shape[1:]
        put(self.targets[:steps], encoded.reshape(orders, steps, rows, outputs).transpose(1, 0, 3, 2))

    def _scale(self, step: int) -> Array:
        """The factor times w: a number, or one for each row."""
        if self._scales is None:
            return scalar(self.weight * self._factor, self.delta.dtype, self.delta)
        return lean(self._scales[step])

    def _weighed(self, losses: Array) -> Array:
        """(M,) sums of the rows' losses (steps, M, K or 1, rows)."""
        if self.weights is not None:
            losses = losses * (self.weights[: len(losses)] / self.weight)
        return per_net(losses)


def lean(array: Array) -> Array:
    """One network's array without the axis of networks: NumPy is quicker to broadcast fewer axes."""
    return array[0] if len(array) == 1 else array


def per_net(array: Array) -> Array:
    """(M,) sums of an array (steps, M, ...): each network's as if it were alone, to the bit."""
    of_nets = contiguous(array.swapaxes(0, 1))
    totals: Array = np.add.reduce(of_nets.reshape(len(of_nets), -1), 1, np.float64)
    return totals


def contiguous(array: Array) -> Array:
    """The array with its last axis closest in memory: NumPy adds up in an order that the memory's decides."""
    return array if array.flags.c_contiguous else array.copy()


def count(mask: Array) -> Any:
    """(M,) trues in an array (steps, M, ...) of booleans; of one network, a number."""
    if mask.shape[1] == 1:
        return np.count_nonzero(mask)
    return np.count_nonzero(mask.swapaxes(0, 1).reshape(mask.shape[1], -1), 1)


def with_hits(losses: Array, right: Any) -> Array:
    """(M, 2) float64: the losses (M,) and, beside them, the hits (M,)."""
    sums: Array = np.empty_like(losses, np.float64, shape=(len(losses), 2))
    sums[:, 0], sums[:, 1] = losses, right
    return sums


def hits(scores: Array, codes: Array) -> Any:
    """(M,) rows whose class `codes` (steps, orders, rows) has the highest of `scores` (steps, M, K, rows).

    Of equals the first counts.
    """
    return count(scores.argmax(2) == codes)
