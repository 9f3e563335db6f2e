"""The classic activations: linear, and the two that saturate on both sides."""

from functools import partial
from typing import Final

import numpy as np

from steepest.spec.names import ActivationName
from steepest.trainer.activations.base import Activation
from steepest.trainer.arrays import Array, Plan, aligned, scalar


class Linear(Activation):
    """None: the layer is its weighted sums."""

    def formula(self, z: Array, alpha: float | None = None) -> Array:
        """The identity: z."""
        return z

    def derivative(self, z: Array, alpha: float | None = None) -> Array:
        """1."""
        return np.ones_like(z)

    def plans(self, z: Array, delta: Array | None, alpha: float | None = None) -> tuple[Plan, Plan]:
        """Nothing."""
        return (), ()


class Sigmoid(Activation):
    """The logistic function (Verhulst 1838)."""

    def formula(self, z: Array, alpha: float | None = None) -> Array:
        """1 / (1 + exp(-z))."""
        return np.asarray(1 / (1 + np.exp(-z)))

    def derivative(self, z: Array, alpha: float | None = None) -> Array:
        """exp(-z) / (1 + exp(-z))^2."""
        return np.asarray(np.exp(-z) / (1 + np.exp(-z)) ** 2)

    def plans(self, z: Array, delta: Array | None, alpha: float | None = None) -> tuple[Plan, Plan]:
        """By means of tanh."""
        return sigmoid_forward(z), () if delta is None else sigmoid_backward(z, delta)


def sigmoid_forward(z: Array) -> Plan:
    """1 / (1 + exp(-z)) = tanh(z/2)/2 + 1/2, which never overflows."""
    half = scalar(0.5, z.dtype, z)
    return (
        partial(np.multiply, z, half, z),
        partial(np.tanh, z, z),
        partial(np.multiply, z, half, z),
        partial(np.add, z, half, z),
    )


def sigmoid_backward(a: Array, delta: Array) -> Plan:
    """Delta a (1 - a) = delta a - delta a a."""
    product = aligned(a.shape, a.dtype, a)
    return (
        partial(np.multiply, delta, a, delta),
        partial(np.multiply, delta, a, product),
        partial(np.subtract, delta, product, delta),
    )


class Tanh(Activation):
    """The hyperbolic tangent."""

    def formula(self, z: Array, alpha: float | None = None) -> Array:
        """tanh(z)."""
        return np.asarray(np.tanh(z))

    def derivative(self, z: Array, alpha: float | None = None) -> Array:
        """1 / cosh(z)^2."""
        return np.asarray(1 / np.cosh(z) ** 2)

    def plans(self, z: Array, delta: Array | None, alpha: float | None = None) -> tuple[Plan, Plan]:
        """Back: delta (1 - a^2) = delta - delta a a."""
        forward = (partial(np.tanh, z, z),)
        if delta is None:
            return forward, ()
        product = aligned(z.shape, z.dtype, z)
        return forward, (
            partial(np.multiply, delta, z, product),
            partial(np.multiply, product, z, product),
            partial(np.subtract, delta, product, delta),
        )


BOUNDED: Final[dict[ActivationName, Activation]] = {"linear": Linear(), "sigmoid": Sigmoid(), "tanh": Tanh()}
