"""Activations that bend at zero: relu and what came of it."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np

from steepest.spec.names import ALPHAS, ActivationName
from steepest.trainer.activations.base import Activation
from steepest.trainer.arrays import Array, Plan, aligned, scalar

SELU_SCALE: Final = 1.0507009873554804934193349852946
SELU_ALPHA: Final = 1.6732632423543772848170429916717


class Relu(Activation):
    """The rectified linear unit (Nair and Hinton 2010)."""

    kinked = True

    def formula(self, z: Array, alpha: float | None = None) -> Array:
        """max(z, 0)."""
        return np.asarray(np.maximum(z, 0))

    def derivative(self, z: Array, alpha: float | None = None) -> Array:
        """1 where z > 0, else 0."""
        return np.where(z > 0, 1.0, 0.0)

    def plans(self, z: Array, delta: Array | None, alpha: float | None = None) -> tuple[Plan, Plan]:
        """Back: delta where a > 0, else 0.

        The bits of a float that is not negative, read as an integer, are 0 for zero and positive otherwise. So their
        minimum with 1 is the derivative, as an integer, and an integer product with it keeps all bits of delta or none.
        """
        # An array of zeros is faster than the number 0: it needs no conversion and no broadcasting.
        forward = (partial(np.maximum, z, aligned(z.shape, z.dtype, z), out=z),)
        if delta is None:
            return forward, ()
        integer = np.dtype(f"i{z.dtype.itemsize}")
        bits, product = z.view(integer), delta.view(integer)
        one, mask = aligned(z.shape, integer, z), aligned(z.shape, integer, z)
        one[...] = 1
        # fmin is minimum, of integers; minimum would ask for its output by keyword, which takes longer.
        return forward, (partial(np.fmin, bits, one, mask), partial(np.multiply, product, mask, product))


class LeakyRelu(Activation):
    """A relu that lets a little through below zero (Maas et al. 2013)."""

    alpha = ALPHAS["leaky_relu"]
    kinked = True

    def formula(self, z: Array, alpha: float | None = None) -> Array:
        """Where z > 0, z; else alpha z."""
        return np.where(z > 0, z, self.given(alpha) * z)

    def derivative(self, z: Array, alpha: float | None = None) -> Array:
        """1 where z > 0, else alpha."""
        return np.where(z > 0, 1.0, self.given(alpha))

    def plans(self, z: Array, delta: Array | None, alpha: float | None = None) -> tuple[Plan, Plan]:
        """Of z and alpha z the larger, or the smaller if alpha > 1."""
        alpha = self.given(alpha)
        either: Callable[..., Any] = np.maximum if alpha <= 1 else np.minimum
        kept = aligned(z.shape, z.dtype, z)
        forward = (partial(np.multiply, z, scalar(alpha, z.dtype, z), kept), partial(either, z, kept, out=z))
        if delta is None:
            return forward, ()
        return forward, (*_slopes(z, 1.0, alpha, kept), partial(np.multiply, delta, kept, delta))


class Elu(Activation):
    """The exponential linear unit (Clevert et al. 2016)."""

    alpha = ALPHAS["elu"]
    kinked = True

    def formula(self, z: Array, alpha: float | None = None) -> Array:
        """Where z > 0, z; else alpha (exp(z) - 1)."""
        return np.where(z > 0, z, self.given(alpha) * np.expm1(np.minimum(z, 0)))

    def derivative(self, z: Array, alpha: float | None = None) -> Array:
        """1 where z > 0, else alpha exp(z)."""
        return np.where(z > 0, 1.0, self.given(alpha) * np.exp(np.minimum(z, 0)))

    def plans(self, z: Array, delta: Array | None, alpha: float | None = None) -> tuple[Plan, Plan]:
        """Below zero, a + alpha is the derivative."""
        return _elu(z, delta, 1.0, self.given(alpha))


class Selu(Activation):
    """The elu whose activations come to mean 0 and variance 1 by themselves (Klambauer et al. 2017)."""

    kinked = True

    def formula(self, z: Array, alpha: float | None = None) -> Array:
        """1.0507 z where z > 0, else 1.0507 x 1.6733 (exp(z) - 1)."""
        return SELU_SCALE * np.where(z > 0, z, SELU_ALPHA * np.expm1(np.minimum(z, 0)))

    def derivative(self, z: Array, alpha: float | None = None) -> Array:
        """1.0507 where z > 0, else 1.0507 x 1.6733 exp(z)."""
        return SELU_SCALE * np.where(z > 0, 1.0, SELU_ALPHA * np.exp(np.minimum(z, 0)))

    def plans(self, z: Array, delta: Array | None, alpha: float | None = None) -> tuple[Plan, Plan]:
        """Like elu's."""
        return _elu(z, delta, SELU_SCALE, SELU_SCALE * SELU_ALPHA)


def _elu(z: Array, delta: Array | None, above: float, below: float) -> tuple[Plan, Plan]:
    """Forward above max(z, 0) + below (exp(min(z, 0)) - 1), whose second half, kept, is the derivative less `below`."""
    zeros, kept = aligned(z.shape, z.dtype, z), aligned(z.shape, z.dtype, z)
    forward: Plan = (partial(np.minimum, z, zeros, out=kept), partial(np.expm1, kept, kept))
    if below != 1:
        forward += (partial(np.multiply, kept, scalar(below, z.dtype, z), kept),)
    forward += (partial(np.maximum, z, zeros, out=z),)
    if above != 1:
        forward += (partial(np.multiply, z, scalar(above, z.dtype, z), z),)
    forward += (partial(np.add, z, kept, z),)
    if delta is None:
        return forward, ()
    if above == below:
        slope: Plan = (partial(np.add, kept, scalar(below, z.dtype, z), kept),)
    else:
        steps = aligned(z.shape, z.dtype, z)
        slope = (*_slopes(z, above, below, steps), partial(np.add, kept, steps, kept))
    return forward, (*slope, partial(np.multiply, delta, kept, delta))


def _slopes(a: Array, above: float, below: float, out: Array) -> Plan:
    """The number `above` where a > 0, else `below`."""
    zeros, mask = aligned(a.shape, a.dtype, a), aligned(a.shape, bool, a)
    return (
        partial(np.greater, a, zeros, mask),
        partial(np.multiply, mask, scalar(above - below, a.dtype, a), out),
        partial(np.add, out, scalar(below, a.dtype, a), out),
    )


KINKED: Final[dict[ActivationName, Activation]] = {
    "relu": Relu(),
    "leaky_relu": LeakyRelu(),
    "elu": Elu(),
    "selu": Selu(),
}
