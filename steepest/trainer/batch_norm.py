"""Batch normalization (Ioffe and Szegedy 2015, algorithm 1), as PyTorch has it.

Symbols: z (units, rows) a layer's weighted sums, m and v their mean and variance over the n rows, x = (z - m) / s the
normalized sums with s = sqrt(v + epsilon), gamma the scale, beta the shift, y = gamma x + beta what goes on. Backward,
dy is the derivative of the loss by y:

    dgamma = sum dy x      dbeta = sum dy      dz = gamma / (n s) (n dy - dbeta - x dgamma)

Training normalizes with the batch's own m and v and keeps running figures of them, of v the unbiased one; whoever uses
the trained network normalizes with those.
"""

from functools import partial
from typing import Final

import numpy as np

from steepest.trainer.arrays import Array, Plan, aligned, scalar
from steepest.trainer.network import Norm

EPSILON: Final = 1e-5
MOMENTUM: Final = 0.1
"""Share of a new batch in the running figures."""


class BatchNorm:
    """One layer's normalization of the sums z (M, units, rows), in place, with a batch's own figures."""

    def __init__(self, norm: Norm, z: Array, slopes: tuple[Array, Array]) -> None:
        """Allocate.

        Args:
            norm: Scale and shift, and the running figures that each batch moves.
            z: (M, units, rows) weighted sums.
            slopes: (M, units) where the gradients of scale and shift go.
        """
        self._norm, self._z = norm, z
        self._slopes = tuple(slope[..., None] for slope in slopes)
        self._x, self._scratch = aligned(z.shape, z.dtype, z), aligned(z.shape, z.dtype, z)
        self._mean, self._variance, self._over_s, self._term = (
            aligned((*z.shape[:-1], 1), z.dtype, z) for _ in range(4)
        )

    def forward(self) -> Plan:
        """Z becomes y, and the running figures move."""
        z, x, square, m, v, over_s = self._z, self._x, self._scratch, self._mean, self._variance, self._over_s
        share, one = scalar(1 / z.shape[-1], z.dtype, z), scalar(1, z.dtype, z)
        return (
            partial(np.add.reduce, z, -1, None, m, True),
            partial(np.multiply, m, share, m),
            partial(np.subtract, z, m, x),
            partial(np.multiply, x, x, square),
            partial(np.add.reduce, square, -1, None, v, True),
            partial(np.multiply, v, share, v),
            *self._move_running(),
            partial(np.add, v, scalar(EPSILON, z.dtype, z), over_s),
            partial(np.sqrt, over_s, over_s),
            partial(np.divide, one, over_s, over_s),
            partial(np.multiply, x, over_s, x),
            partial(np.multiply, x, self._norm.scale[..., None], z),
            partial(np.add, z, self._norm.shift[..., None], z),
        )

    def backward(self, dy: Array) -> Plan:
        """`dy` becomes dz; the gradients of scale and shift are left where they belong."""
        x, product, gamma = self._x, self._scratch, self._norm.scale[..., None]
        dgamma, dbeta = self._slopes
        n = dy.shape[-1]
        return (
            partial(np.multiply, dy, x, product),
            partial(np.add.reduce, product, -1, None, dgamma, True),
            partial(np.add.reduce, dy, -1, None, dbeta, True),
            partial(np.multiply, x, dgamma, product),
            partial(np.multiply, dy, scalar(n, dy.dtype, dy), dy),
            partial(np.subtract, dy, dbeta, dy),
            partial(np.subtract, dy, product, dy),
            partial(np.multiply, self._over_s, gamma, self._term),
            partial(np.multiply, self._term, scalar(1 / n, dy.dtype, dy), self._term),
            partial(np.multiply, dy, self._term, dy),
        )

    def _move_running(self) -> Plan:
        """Running = (1 - momentum) running + momentum new. A single row, which may end an epoch, says nothing of v."""
        rows, dtype, term = self._z.shape[-1], self._z.dtype, self._term
        plan: Plan = ()
        if rows == 1:
            return plan
        unbiased = rows / (rows - 1)
        for running, new, share in (
            (self._norm.mean, self._mean, MOMENTUM),
            (self._norm.variance, self._variance, MOMENTUM * unbiased),
        ):
            kept = running[..., None]
            plan += (
                partial(np.multiply, kept, scalar(1 - MOMENTUM, dtype, term), kept),
                partial(np.multiply, new, scalar(share, dtype, term), term),
                partial(np.add, kept, term, kept),
            )
        return plan


def with_running_figures(norm: Norm, z: Array) -> Plan:
    """Z (M, units, rows) becomes y with the running figures, as they are at the time."""
    mean, variance, gamma, beta = (each[..., None] for each in (norm.mean, norm.variance, norm.scale, norm.shift))
    factor, offset = aligned(mean.shape, z.dtype, z), aligned(mean.shape, z.dtype, z)
    return (
        partial(np.add, variance, scalar(EPSILON, z.dtype, z), factor),
        partial(np.sqrt, factor, factor),
        partial(np.divide, gamma, factor, factor),
        partial(np.multiply, mean, factor, offset),
        partial(np.subtract, beta, offset, offset),
        partial(np.multiply, z, factor, z),
        partial(np.add, z, offset, z),
    )
