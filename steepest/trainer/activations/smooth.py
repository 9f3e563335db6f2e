"""Activations that look like a relu from afar, and are smooth."""

from functools import partial
from math import erf, inf
from typing import Final

import numpy as np

from steepest.spec.names import ActivationName
from steepest.trainer import special
from steepest.trainer.activations.base import Activation
from steepest.trainer.arrays import Array, Plan, aligned, scalar

TINY_EXPONENT: Final[dict[int, float]] = {4: -80.0, 8: -700.0}
"""By bytes of a number: where exp is nearly nothing, and its reciprocal does not overflow."""


class Gelu(Activation):
    """z times the normal distribution of z, exactly (Hendrycks and Gimpel 2016)."""

    def formula(self, z: Array, alpha: float | None = None) -> Array:
        """The product z (1 + erf(z / sqrt 2)) / 2."""
        return np.asarray(z * (1 + np.vectorize(erf)(z / np.sqrt(2))) / 2)

    def derivative(self, z: Array, alpha: float | None = None) -> Array:
        """(1 + erf(z / sqrt 2)) / 2 + z exp(-z^2/2) / sqrt(2 pi)."""
        return np.asarray((1 + np.vectorize(erf)(z / np.sqrt(2))) / 2 + z * np.exp(-z * z / 2) / np.sqrt(2 * np.pi))

    def plans(self, z: Array, delta: Array | None, alpha: float | None = None) -> tuple[Plan, Plan]:
        """Phi(z) and, for the way back, Phi(z) + z phi(z)."""
        bounded, share = aligned(z.shape, z.dtype, z), aligned(z.shape, z.dtype, z)
        low, high = scalar(-special.LIMIT, z.dtype, z), scalar(special.LIMIT, z.dtype, z)
        forward: Plan = (
            partial(np.clip, z, low, high, bounded),
            *special.distribution(bounded, share),
            partial(np.multiply, z, share, z),
        )
        if delta is None:
            return forward, ()
        slope = aligned(z.shape, z.dtype, z)
        return forward, (
            *special.density(bounded, slope),
            partial(np.multiply, slope, bounded, slope),
            partial(np.add, slope, share, slope),
            partial(np.multiply, delta, slope, delta),
        )


class Silu(Activation):
    """z times its sigmoid, also called swish (Elfwing et al. 2018)."""

    def formula(self, z: Array, alpha: float | None = None) -> Array:
        """The quotient z / (1 + exp(-z))."""
        return np.asarray(z / (1 + np.exp(-z)))

    def derivative(self, z: Array, alpha: float | None = None) -> Array:
        """The sum s + z s (1 - s) with s = 1 / (1 + exp(-z))."""
        s = 1 / (1 + np.exp(-z))
        return np.asarray(s + z * s * (1 - s))

    def plans(self, z: Array, delta: Array | None, alpha: float | None = None) -> tuple[Plan, Plan]:
        """Back: s + a (1 - s)."""
        s = aligned(z.shape, z.dtype, z)
        one, floor, top = (scalar(value, z.dtype, z) for value in (1, TINY_EXPONENT[z.dtype.itemsize], inf))
        forward = (
            partial(np.clip, z, floor, top, z),  # quicker than a maximum with a number
            partial(np.negative, z, s),
            partial(np.exp, s, s),
            partial(np.add, s, one, s),
            partial(np.divide, one, s, s),
            partial(np.multiply, z, s, z),
        )
        if delta is None:
            return forward, ()
        slope = aligned(z.shape, z.dtype, z)
        return forward, (
            partial(np.subtract, one, s, slope),
            partial(np.multiply, slope, z, slope),
            partial(np.add, slope, s, slope),
            partial(np.multiply, delta, slope, delta),
        )


class Softplus(Activation):
    """A relu without a kink (Dugas et al. 2001)."""

    def formula(self, z: Array, alpha: float | None = None) -> Array:
        """log(1 + exp(z))."""
        return np.asarray(np.log1p(np.exp(z)))

    def derivative(self, z: Array, alpha: float | None = None) -> Array:
        """1 / (1 + exp(-z))."""
        return np.asarray(1 / (1 + np.exp(-z)))

    def plans(self, z: Array, delta: Array | None, alpha: float | None = None) -> tuple[Plan, Plan]:
        """Forward max(z, 0) + log(1 + exp(-|z|)), which never overflows; back 1 - exp(-a)."""
        kept, zeros = aligned(z.shape, z.dtype, z), aligned(z.shape, z.dtype, z)
        forward = (
            partial(np.absolute, z, kept),
            partial(np.negative, kept, kept),
            partial(np.exp, kept, kept),
            partial(np.log1p, kept, kept),
            partial(np.maximum, z, zeros, out=z),
            partial(np.add, z, kept, z),
        )
        if delta is None:
            return forward, ()
        return forward, (
            partial(np.negative, z, kept),
            partial(np.expm1, kept, kept),
            partial(np.multiply, delta, kept, delta),
            partial(np.negative, delta, delta),
        )


SMOOTH: Final[dict[ActivationName, Activation]] = {"gelu": Gelu(), "silu": Silu(), "softplus": Softplus()}
