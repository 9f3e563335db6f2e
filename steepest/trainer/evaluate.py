"""Figures and outputs of a trained network."""

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from steepest.spec.names import OutputActivationName
from steepest.trainer.arrays import Array, Plan, run
from steepest.trainer.backprop import Batch
from steepest.trainer.chunks import piece_rows
from steepest.trainer.figures import Figures, Yardstick
from steepest.trainer.gather import inputs_with_ones
from steepest.trainer.network import Network


def _softmax(z: Array) -> Array:
    a: Array = np.exp(z - z.max(1, keepdims=True))
    a /= a.sum(1, keepdims=True)
    return a


OUTPUTS: Final[dict[OutputActivationName, Callable[[Array], Array]]] = {
    "linear": lambda z: z,
    "sigmoid": lambda z: 0.5 * np.tanh(0.5 * z) + 0.5,
    "softmax": _softmax,
}
"""Output activations of weighted sums z (n, outputs)."""


class Evaluation:
    """Weights `theta` (1, P), as they are at the time, on rows that stay the same."""

    def __init__(self, network: Network, theta: Array, X: Array, y: Array) -> None:
        self.yardstick = Yardstick.of(network, y)
        self.pieces = -(-len(X) // _rows_at_a_time(network, X))
        self._X = X
        self._size = -(-len(X) // self.pieces)
        self._inputs = inputs_with_ones(self._size, X)
        self._network, self._theta = network, theta
        self._batches: dict[int, tuple[Batch, Plan]] = {}
        self._targets = self._batch(self._size)[0].objective.encode(y, X.dtype)
        self._loaded = -1

    def piecewise(self) -> Iterator[Figures | None]:
        """The figures, worked out piece by piece: None until the last."""
        sums = np.zeros(self.yardstick.sums)
        for piece in range(self.pieces):
            with np.errstate(all="ignore"):
                batch, plan = self._load(piece)
                run(plan)
                sums += batch.objective.sums(1)[0]
            yield self.yardstick.figures(sums) if piece == self.pieces - 1 else None

    def _load(self, piece: int) -> tuple[Batch, Plan]:
        start = piece * self._size
        stop = min(start + self._size, len(self._X))
        batch, plan = self._batch(stop - start)
        if piece != self._loaded:
            np.copyto(self._inputs[: stop - start, :-1], self._X[start:stop])
            batch.objective.load(self._targets[start:stop])
            self._loaded = piece
        return batch, plan

    def _batch(self, rows: int) -> tuple[Batch, Plan]:
        if rows not in self._batches:
            batch = Batch(self._network, self._theta, self._inputs[None, :rows])
            self._batches[rows] = batch, batch.forward(0)
        return self._batches[rows]


def _rows_at_a_time(network: Network, X: Array) -> int:
    """A quarter of what a step would take: where nothing comes back, less memory costs no time."""
    return max(1, min(len(X), piece_rows(network, X.itemsize) // 4))


def evaluate(network: Network, theta: Array, X: Array, y: Array, watch: Callable[[], object] | None = None) -> Figures:
    """Loss and accuracy (classes) or R2 (values) of weights `theta` (P,) on inputs X (n, d) and targets y.

    X has at least one row, and the precision of `theta`; y is as in `fit`. `watch` is called between pieces of the
    rows, and may raise to end a long evaluation.
    """
    for figures in Evaluation(network, theta[None], X, y).piecewise():
        if watch is not None:
            watch()
        if figures is not None:
            return figures
    raise ValueError("there are no rows to evaluate")


def outputs(network: Network, theta: Array, X: Array) -> Array:
    """The activations (n, outputs) of the output layer for inputs X (n, d), which has the precision of `theta`."""
    out = np.empty((len(X), network.outputs), theta.dtype)
    size = _rows_at_a_time(network, X)
    inputs = inputs_with_ones(size, X)
    batch = Batch(network, theta[None], inputs[None])
    activation = OUTPUTS[network.output_activation]
    with np.errstate(all="ignore"):
        for start in range(0, len(X), size):
            rows = min(size, len(X) - start)
            if rows < size:
                batch = Batch(network, theta[None], inputs[None, :rows])
            np.copyto(inputs[:rows, :-1], X[start : start + rows])
            run(batch.linear(0))
            out[start : start + rows] = activation(batch.objective.logits[0, 0].T)
    return out
