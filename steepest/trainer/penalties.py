"""What keeps weights small: penalties on their size, and a bound on the weights that enter a unit.

Symbols: w a weight, biases excluded; W (inputs, units) the weights of a layer.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from steepest.spec.training import Regularization
from steepest.trainer.arrays import Array, Plan, aligned, fetched, placed, scalar


class Penalties:
    """The loss's second part, l1 sum |w| + (l2/2) sum w^2, whose derivative is l1 sign(w) + l2 w."""

    def __init__(
        self, settings: Sequence[Regularization], blocks: Sequence[Array], slopes: Sequence[Array], steps: int
    ) -> None:
        """Allocate.

        Args:
            settings: Of each of the M networks; their numbers may differ.
            blocks: (M, inputs + 1, outputs) each layer's weights and, in the last row, biases.
            slopes: Their gradients, of equal shape.
            steps: In a chunk.
        """
        self._weights = [block[:, :-1] for block in blocks]
        self._slopes = [block[:, :-1] for block in slopes]
        self._scratch = _scratch(self._weights)
        self._settings = settings
        self._parts = aligned((steps, 2, len(blocks), len(settings), 1, 1), blocks[0].dtype, blocks[0])

    def step(self, position: int, rows: int = 1) -> Plan:
        """The operations that add the penalties' derivatives to the gradient, and note what the penalties come to.

        `rows`: of the batch, which a penalty per row is divided by.
        """
        plan: Plan = ()
        l1, l2 = (self._number([strengths(one, rows)[place] for one in self._settings]) for place in (0, 1))
        for layer, (w, slope) in enumerate(zip(self._weights, self._slopes, strict=True)):
            pull = self._scratch[: w.size].reshape(w.shape)
            row, column = pull.reshape(len(w), 1, -1), w.reshape(len(w), -1, 1)
            ways: list[tuple[Plan, Array]] = []
            if l1.any():
                sign = (partial(np.sign, w, pull), partial(np.multiply, pull, l1, pull))
                ways.append((sign, self._parts[position, 0, layer]))
            if l2.any():
                ways.append(((partial(np.multiply, w, l2, pull),), self._parts[position, 1, layer]))
            for pulls, part in ways:
                plan += (*pulls, partial(np.add, slope, pull, slope), partial(np.matmul, row, column, part))
        return plan

    def values(self, steps: int) -> Array:
        """(steps, M) float64, here: the penalties at the weights before each of the first steps."""
        l1, twice_l2 = fetched(self._parts[:steps].sum((2, 4, 5), np.float64)).swapaxes(0, 1)
        return np.asarray(l1 + twice_l2 / 2)

    def _number(self, values: list[float]) -> Array:
        """One number for all networks where they agree, else (M, 1, 1)."""
        dtype = self._scratch.dtype
        if len(set(values)) == 1:
            return scalar(values[0], dtype, self._scratch)
        return placed(np.array(values, dtype)[:, None, None], self._scratch)


def strengths(settings: Regularization, rows: int) -> tuple[float, float]:
    """l1 and l2 in the step over a batch of `rows` rows."""
    share = rows if settings.per_row else 1
    return settings.l1 / share, settings.l2 / share


def max_norm(limit: float, blocks: Sequence[Array]) -> Plan:
    """The operations that, after a step, shorten the weights that enter a unit to length `limit` if they are longer.

    A projection (Srebro et al. 2005); `blocks` are as in `Penalties`.
    """
    weights = [block[:, :-1] for block in blocks]
    scratch = _scratch(weights)
    most = scalar(limit, scratch.dtype, scratch)
    plan: Plan = ()
    for W in weights:
        squares, share = scratch[: W.size].reshape(W.shape), aligned((len(W), 1, W.shape[2]), W.dtype, W)
        plan += (
            partial(np.multiply, W, W, squares),
            partial(np.add.reduce, squares, 1, None, share, True),
            partial(np.sqrt, share, share),
            partial(np.maximum, share, most, out=share),
            partial(np.divide, most, share, share),
            partial(np.multiply, W, share, W),
        )
    return plan


def _scratch(arrays: Sequence[Array]) -> Array:
    """Room for the largest."""
    return aligned(max(array.size for array in arrays), arrays[0].dtype, arrays[0])
