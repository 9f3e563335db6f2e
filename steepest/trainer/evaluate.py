"""Figures and outputs of trained networks."""

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from steepest.paging import pages_of
from steepest.spec.names import OutputActivationName
from steepest.trainer.arrays import Array, Plan, fetched, place_of, put, run
from steepest.trainer.backprop import Batch
from steepest.trainer.chunks import CORE, Capacity, piece_rows
from steepest.trainer.figures import Figures, Yardstick
from steepest.trainer.gather import inputs_with_ones
from steepest.trainer.network import Network
from steepest.trainer.rows import Rows


def _softmax(z: Array) -> Array:
    a: Array = np.exp(z - z.max(1, keepdims=True))
    a /= a.sum(1, keepdims=True)
    return a


OUTPUTS: Final[dict[OutputActivationName, Callable[[Array], Array]]] = {
    "linear": lambda z: z,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),  # exact where it is next to nothing
    "softmax": _softmax,
    "exponential": np.exp,
}
"""Output activations of weighted sums z (n, outputs)."""


class Evaluation:
    """Weights `theta` (M, P + R), as they are at the time, on rows that stay the same."""

    def __init__(self, network: Network, theta: Array, rows: Rows, capacity: Capacity = CORE) -> None:
        """Cut the rows into pieces; their weights, if they have any, count in the loss alone.

        The inputs live here or where the weights live; targets and weights of rows, here.
        """
        X = rows.X
        self.yardstick = Yardstick.of(network, rows.y)
        self.pieces = -(-len(X) // _rows_at_a_time(network, X, capacity))
        self._X = X
        self._size = -(-len(X) // self.pieces)
        self._inputs = inputs_with_ones((1, self._size), X, theta)
        self._network, self._theta = network, theta
        self._weights = None if rows.weights is None else _shares(rows.weights)
        self._batches: dict[int, tuple[Batch, Plan]] = {}
        self._targets = self._batch(self._size)[0].objective.encode(rows.y, X.dtype)
        self._pages = pages_of((X,))
        self._loaded = -1

    def piecewise(self) -> Iterator[list[Figures] | None]:
        """The figures of each network, worked out piece by piece: None until the last."""
        sums = np.zeros((len(self._theta), self.yardstick.sums))
        for piece in range(self.pieces):
            with np.errstate(all="ignore"):
                batch, plan = self._load(piece)
                run(plan)
                sums += fetched(batch.objective.sums(1))
            yield [self.yardstick.figures(each) for each in sums] if piece == self.pieces - 1 else None

    def _load(self, piece: int) -> tuple[Batch, Plan]:
        start = piece * self._size
        stop = min(start + self._size, len(self._X))
        batch, plan = self._batch(stop - start)
        if piece != self._loaded:
            for pages in self._pages:
                pages.ahead(stop, min(stop + self._size, len(self._X)))
            put(self._inputs[0, : stop - start, :-1], self._X[start:stop])
            for pages in self._pages:
                pages.release(start, stop)
            weights = None if self._weights is None else self._weights[None, start:stop]
            batch.objective.load(self._targets[None, start:stop], weights)
            self._loaded = piece
        return batch, plan

    def _batch(self, rows: int) -> tuple[Batch, Plan]:
        if rows not in self._batches:
            x = self._inputs[:, None, :rows]
            batch = Batch(self._network, self._theta, x, weighted=self._weights is not None)
            self._batches[rows] = batch, place_of(self._theta).prepare(batch.forward(0))
        return self._batches[rows]


def _shares(weights: Array) -> Array:
    """Weights (n,) in such a measure that their mean is one."""
    shares: Array = weights / (weights.mean(dtype=np.float64) or 1.0)
    return shares


def _rows_at_a_time(network: Network, X: Array, capacity: Capacity = CORE) -> int:
    """A quarter of what a step would take: where nothing comes back, less memory costs no time."""
    return max(1, min(len(X), piece_rows(network, X.itemsize, capacity) // 4))


def evaluate(network: Network, theta: Array, rows: Rows, watch: Callable[[], object] | None = None) -> Figures:
    """Loss and accuracy (classes, labels) or R2 (values) of weights `theta` (P + R,) on some rows.

    There is at least one row, in the precision of `theta`. `watch` is called between pieces of the rows, and may raise
    to end a long evaluation.
    """
    for figures in Evaluation(network, theta[None], rows).piecewise():
        if watch is not None:
            watch()
        if figures is not None:
            return figures[0]
    raise ValueError("there are no rows to evaluate")


def outputs(network: Network, theta: Array, X: Array) -> Array:
    """The activations (n, outputs) of the output layer for inputs X (n, d), which has the precision of `theta`."""
    out = np.empty((len(X), network.outputs), theta.dtype)
    size = _rows_at_a_time(network, X)
    inputs = inputs_with_ones((1, 1, size), X, theta)
    batch = Batch(network, theta[None], inputs)
    activation = OUTPUTS[network.output_activation]
    with np.errstate(all="ignore"):
        for start in range(0, len(X), size):
            rows = min(size, len(X) - start)
            if rows < size:
                batch = Batch(network, theta[None], inputs[:, :, :rows])
            put(inputs[0, 0, :rows, :-1], X[start : start + rows])
            run(batch.linear(0))
            out[start : start + rows] = activation(batch.objective.logits[0, 0].T)
    return out
