"""What else a hidden layer does to its sums: batch normalization and dropout, unit by unit, and their ways back.

Symbols: see `steepest.trainer.batch_norm` and `steepest.trainer.dropout`.
"""

from typing import Any, Final

import numpy as np

from steepest.trainer.batch_norm import EPSILON, MOMENTUM
from steepest.trainer.engines.numba import piece, summing


@summing
def _sum(z: Any) -> Any:
    total = z.dtype.type(0)
    for i in range(z.size):
        total += z[i]
    return total


@summing
def _sum_of_products(x: Any, y: Any) -> Any:
    total = x.dtype.type(0)
    for i in range(x.size):
        total += x[i] * y[i]
    return total


@piece
def normalize(z: Any, x: Any, scale: Any, shift: Any) -> Any:
    """Turn one unit's z (rows,) into y, leave the normalized sums in x, and return m, v and 1/s."""
    kind = z.dtype.type
    n = kind(z.size)
    m = _sum(z) / n
    for i in range(z.size):
        x[i] = z[i] - m
    v = _sum_of_products(x, x) / n
    over_s = kind(1) / np.sqrt(v + kind(EPSILON))
    for i in range(z.size):
        x[i] *= over_s
        z[i] = scale * x[i] + shift
    return m, v, over_s


@piece
def normalize_back(dy: Any, x: Any, scale: Any, over_s: Any) -> Any:
    """Turn one unit's dy (rows,) into dz, and return the gradients of scale and shift."""
    n = dy.dtype.type(dy.size)
    dscale, dshift = _sum_of_products(dy, x), _sum(dy)
    factor = scale * over_s / n
    for i in range(dy.size):
        dy[i] = factor * (n * dy[i] - dshift - x[i] * dscale)
    return dscale, dshift


_KEPT: Final = 1 - MOMENTUM


@piece
def follow(running: Any, new: Any, correction: float) -> None:
    """Move the running figures (units,) toward a batch's."""
    kept, share = running.dtype.type(_KEPT), running.dtype.type(MOMENTUM * correction)
    for i in range(running.size):
        running[i] = kept * running[i] + share * new[i]


@piece
def silence(a: Any, words: Any, least: int, scale: Any, out: Any) -> None:
    """Leave in `out` a (size,) times `scale` where its word is not below `least`, else 0."""
    zero = a.dtype.type(0)
    for i in range(a.size):
        out[i] = scale * a[i] if words[i] >= least else zero
