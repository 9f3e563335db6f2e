"""Bounds on a gradient before its step: one steep batch is not to throw the weights far away.

Symbols: g a gradient, c the limit, |g| the Euclidean norm; of each of M networks on its own.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Literal

import numpy as np

from steepest.spec.training import GradientClip
from steepest.trainer.arrays import Array, Plan, aligned, scalar

NORM_EPSILON: Final = 1e-6
"""What PyTorch adds to a global norm."""


def by_value(limit: float, gradient: Array, arrays: Sequence[Array]) -> Plan:
    """Each number is cut off at +-c."""
    return (partial(np.clip, gradient, _number(-limit, gradient), _number(limit, gradient), gradient),)


def by_norm(limit: float, gradient: Array, arrays: Sequence[Array]) -> Plan:
    """Each array times c / max(|g|, c), as Keras' `clipnorm`."""
    most = _number(limit, gradient)
    shares = aligned((len(arrays), len(gradient), 1, 1), gradient.dtype, gradient)
    return (
        *(_squares(g, share) for g, share in zip(arrays, shares, strict=True)),
        partial(np.sqrt, shares, shares),
        partial(np.maximum, shares, most, out=shares),
        partial(np.divide, most, shares, shares),
        *(partial(np.multiply, g, _beside(g, share), g) for g, share in zip(arrays, shares, strict=True)),
    )


def by_global_norm(limit: float, gradient: Array, arrays: Sequence[Array]) -> Plan:
    """All of it times min(1, c / (|g| + 1e-6)) (Pascanu et al. 2013), as PyTorch's `clip_grad_norm_`."""
    share = aligned((len(gradient), 1, 1), gradient.dtype, gradient)
    return (
        _squares(gradient, share),
        partial(np.sqrt, share, share),
        partial(np.add, share, _number(NORM_EPSILON, gradient), share),
        partial(np.divide, _number(limit, gradient), share, share),
        partial(np.minimum, share, _number(1, gradient), out=share),
        partial(np.multiply, gradient, _beside(gradient, share), gradient),
    )


CLIPPINGS: Final[dict[Literal["value", "norm", "global_norm"], Callable[[float, Array, Sequence[Array]], Plan]]] = {
    "value": by_value,
    "norm": by_norm,
    "global_norm": by_global_norm,
}


def clipping(settings: GradientClip, gradient: Array, arrays: Sequence[Array]) -> Plan:
    """The operations that bound a gradient.

    Args:
        settings: How.
        gradient: (M, P).
        arrays: Views (M, ...) of each of the arrays that it consists of: weights, biases, scales and shifts.
    """
    return CLIPPINGS[settings.by](settings.limit, gradient, arrays)


def _squares(g: Array, out: Array) -> Callable[[], Array]:
    """Sums of the squares (M, 1, 1) of arrays (M, ...)."""
    return partial(np.matmul, g.reshape(len(g), 1, -1), g.reshape(len(g), -1, 1), out)


def _beside(g: Array, share: Array) -> Array:
    """A share (M, 1, 1) for each network with as many axes as its array."""
    return share.reshape(len(g), *(1,) * (g.ndim - 1))


def _number(value: float, gradient: Array) -> Array:
    """A number that goes with the gradient's."""
    return scalar(value, gradient.dtype, gradient)
