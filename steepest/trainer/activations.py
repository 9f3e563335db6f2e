"""Activations of hidden layers: formula, derivative, and the operations that compute both in place.

Symbols: z a layer's weighted sums, a = f(z) its activations, delta the derivative of the loss by a and, once multiplied
by f'(z), by z. The derivatives are written by means of a, so that z need not be kept: `forward` turns z into a where it
lies, and `backward` multiplies delta by f'(z).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from steepest.spec.names import ActivationName
from steepest.trainer.arrays import Array, Plan, aligned, scalar


@dataclass(frozen=True)
class Activation:
    """One activation. Adding another is adding an entry to `ACTIVATIONS`."""

    formula: Callable[[Array], Array]
    """a of z, as a textbook writes it."""
    derivative: Callable[[Array], Array]
    """da/dz of z, as a textbook writes it."""
    forward: Callable[[Array], Plan]
    """The operations that turn the array z into a."""
    backward: Callable[[Array, Array], Plan]
    """The operations that, given a, multiply the array delta by da/dz."""
    kinked: bool = False
    """Whether the derivative jumps at z = 0."""


def _nothing(*_: Array) -> Plan:
    return ()


def sigmoid_forward(z: Array) -> Plan:
    """1 / (1 + exp(-z)) = tanh(z/2)/2 + 1/2, which never overflows."""
    half = scalar(0.5, z.dtype)
    return (
        partial(np.multiply, z, half, z),
        partial(np.tanh, z, z),
        partial(np.multiply, z, half, z),
        partial(np.add, z, half, z),
    )


def sigmoid_backward(a: Array, delta: Array) -> Plan:
    """Delta a (1 - a) = delta a - delta a a."""
    product = aligned(a.shape, a.dtype)
    return (
        partial(np.multiply, delta, a, delta),
        partial(np.multiply, delta, a, product),
        partial(np.subtract, delta, product, delta),
    )


def _tanh_backward(a: Array, delta: Array) -> Plan:
    """Delta (1 - a^2) = delta - delta a a."""
    product = aligned(a.shape, a.dtype)
    return (
        partial(np.multiply, delta, a, product),
        partial(np.multiply, product, a, product),
        partial(np.subtract, delta, product, delta),
    )


def _relu_forward(z: Array) -> Plan:
    # An array of zeros is faster than the number 0: it needs no conversion and no broadcasting.
    return (partial(np.maximum, z, aligned(z.shape, z.dtype), out=z),)


def _relu_backward(a: Array, delta: Array) -> Plan:
    """Delta where a > 0, else 0.

    The bits of a float that is not negative, read as an integer, are 0 for zero and positive otherwise. So their
    minimum with 1 is the derivative, as an integer, and an integer product with it keeps all bits of delta or none.
    """
    integer = np.dtype(f"i{a.dtype.itemsize}")
    bits, product = a.view(integer), delta.view(integer)
    one, mask = np.ones(a.shape, integer), aligned(a.shape, integer)
    # fmin is minimum, of integers; minimum would ask for its output by keyword, which takes longer.
    return (partial(np.fmin, bits, one, mask), partial(np.multiply, product, mask, product))


ACTIVATIONS: Final[dict[ActivationName, Activation]] = {
    "linear": Activation(
        formula=lambda z: z,
        derivative=np.ones_like,
        forward=_nothing,
        backward=_nothing,
    ),
    "sigmoid": Activation(
        formula=lambda z: 1 / (1 + np.exp(-z)),
        derivative=lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2,
        forward=sigmoid_forward,
        backward=sigmoid_backward,
    ),
    "tanh": Activation(
        formula=np.tanh,
        derivative=lambda z: 1 / np.cosh(z) ** 2,
        forward=lambda z: (partial(np.tanh, z, z),),
        backward=_tanh_backward,
    ),
    "relu": Activation(
        formula=lambda z: np.maximum(z, 0),
        derivative=lambda z: np.where(z > 0, 1.0, 0.0),
        forward=_relu_forward,
        backward=_relu_backward,
        kinked=True,
    ),
}
