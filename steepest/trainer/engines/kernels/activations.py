"""Activations: for each, what turns z into a where it lies, and beside it what multiplies delta by da/dz.

Symbols: see `steepest.trainer.activations`. `kept` is what the way back needs: a, or for those in `KEEP_SUMS` z.
`code` is a number of `codes.ACTIVATIONS`.
"""

from math import pi, sqrt
from typing import Any, Final

from steepest.spec.names import ActivationName
from steepest.trainer.activations.kinked import SELU_ALPHA, SELU_SCALE
from steepest.trainer.engines.kernels.mathematics import erf, exp, expm1, log1p, sigmoid, tanh
from steepest.trainer.engines.numba import piece

KEEP_SUMS: Final[frozenset[ActivationName]] = frozenset({"gelu", "silu", "softplus"})
"""Activations whose derivative is not a function of a."""

_PEAK: Final = 1 / sqrt(2 * pi)


@piece
def activate(code: int, z: Any, alpha: Any) -> None:
    """Turn z (size,) into a."""
    if code == 1:
        _sigmoid(z)
    elif code == 2:
        _tanh(z)
    elif code == 3:
        _relu(z)
    elif code == 4:
        _leaky_relu(z, alpha)
    elif code == 5:
        _elu(z, z.dtype.type(1), alpha)
    elif code == 6:
        _elu(z, z.dtype.type(SELU_SCALE), z.dtype.type(SELU_SCALE * SELU_ALPHA))
    elif code == 7:
        _gelu(z)
    elif code == 8:
        _silu(z)
    elif code == 9:
        _softplus(z)


@piece
def turn_back(code: int, kept: Any, delta: Any, alpha: Any) -> None:
    """Multiply delta (size,) by da/dz."""
    if code == 1:
        _sigmoid_back(kept, delta)
    elif code == 2:
        _tanh_back(kept, delta)
    elif code == 3:
        _leaky_relu_back(kept, delta, delta.dtype.type(0))
    elif code == 4:
        _leaky_relu_back(kept, delta, alpha)
    elif code == 5:
        _elu_back(kept, delta, delta.dtype.type(1), alpha)
    elif code == 6:
        _elu_back(kept, delta, delta.dtype.type(SELU_SCALE), delta.dtype.type(SELU_SCALE * SELU_ALPHA))
    elif code == 7:
        _gelu_back(kept, delta)
    elif code == 8:
        _silu_back(kept, delta)
    elif code == 9:
        _softplus_back(kept, delta)


@piece
def _sigmoid(z: Any) -> None:
    """1 / (1 + exp(-z))."""
    for i in range(z.size):
        z[i] = sigmoid(z[i])


@piece
def _sigmoid_back(a: Any, delta: Any) -> None:
    """A (1 - a)."""
    for i in range(delta.size):
        delta[i] *= a[i] - a[i] * a[i]


@piece
def _tanh(z: Any) -> None:
    """Tanh z."""
    for i in range(z.size):
        z[i] = tanh(z[i])


@piece
def _tanh_back(a: Any, delta: Any) -> None:
    """1 - a^2."""
    one = delta.dtype.type(1)
    for i in range(delta.size):
        delta[i] *= one - a[i] * a[i]


@piece
def _relu(z: Any) -> None:
    """Max(z, 0); NaN stays."""
    zero = z.dtype.type(0)
    for i in range(z.size):
        z[i] = zero if z[i] < zero else z[i]


@piece
def _leaky_relu(z: Any, alpha: Any) -> None:
    """Z where z > 0, else alpha z."""
    zero = z.dtype.type(0)
    for i in range(z.size):
        z[i] = alpha * z[i] if z[i] < zero else z[i]


@piece
def _leaky_relu_back(a: Any, delta: Any, alpha: Any) -> None:
    """1 where a > 0, else alpha."""
    zero = delta.dtype.type(0)
    for i in range(delta.size):
        delta[i] = delta[i] if a[i] > zero else alpha * delta[i]


@piece
def _elu(z: Any, above: Any, below: Any) -> None:
    """`above` z where z > 0, else `below` (exp(z) - 1)."""
    zero = z.dtype.type(0)
    for i in range(z.size):
        under = below * expm1(zero if z[i] > zero else z[i])
        z[i] = above * z[i] if z[i] > zero else under


@piece
def _elu_back(a: Any, delta: Any, above: Any, below: Any) -> None:
    """`above` where a > 0, else a + `below`."""
    zero = delta.dtype.type(0)
    for i in range(delta.size):
        delta[i] *= above if a[i] > zero else a[i] + below


@piece
def _gelu(z: Any) -> None:
    """Z Phi(z) = z (1 + erf(z / sqrt 2)) / 2."""
    half, one, root = z.dtype.type(0.5), z.dtype.type(1), z.dtype.type(sqrt(0.5))
    for i in range(z.size):
        z[i] *= half * (one + erf(z[i] * root))


@piece
def _gelu_back(z: Any, delta: Any) -> None:
    """Phi(z) + z exp(-z^2/2) / sqrt(2 pi)."""
    half, one, root = z.dtype.type(0.5), z.dtype.type(1), z.dtype.type(sqrt(0.5))
    peak = z.dtype.type(_PEAK)
    for i in range(delta.size):
        delta[i] *= half * (one + erf(z[i] * root)) + z[i] * peak * exp(-half * z[i] * z[i])


@piece
def _silu(z: Any) -> None:
    """Z / (1 + exp(-z))."""
    for i in range(z.size):
        z[i] *= sigmoid(z[i])


@piece
def _silu_back(z: Any, delta: Any) -> None:
    """With s = 1 / (1 + exp(-z)): s + z s (1 - s)."""
    for i in range(delta.size):
        s = sigmoid(z[i])
        delta[i] *= s + z[i] * (s - s * s)


@piece
def _softplus(z: Any) -> None:
    """log(1 + exp(z)) = max(z, 0) + log(1 + exp(-|z|))."""
    zero = z.dtype.type(0)
    for i in range(z.size):
        z[i] = (zero if z[i] < zero else z[i]) + log1p(exp(-abs(z[i])))


@piece
def _softplus_back(z: Any, delta: Any) -> None:
    """1 / (1 + exp(-z))."""
    for i in range(delta.size):
        delta[i] *= sigmoid(z[i])
