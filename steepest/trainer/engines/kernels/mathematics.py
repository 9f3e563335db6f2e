"""Elementary functions that a compiler can spread over vectors in single precision; in double, the C library's.

Symbols: x a number, |x| its size, n the nearest whole number to x / log 2, r = x - n log 2 what is left of it.
"""

import math
from typing import Any, Final

import numpy as np

from steepest.trainer.engines.numba import bits, by_precision, from_bits

_ONE, _HALF, _TWO = np.float32(1), np.float32(0.5), np.float32(2)
_LOG2E: Final = np.float32(1.44269504088896341)
_LOG2_HIGH, _LOG2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)  # their sum is log 2
_LEAST, _MOST = np.float32(-87.3), np.float32(88.7)
_E0, _E1, _E2, _E3, _E4, _E5 = map(
    np.float32,
    (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1),
)


def _exp(x: Any) -> Any:
    """2^n exp(r) with |r| <= log(2)/2, where a polynomial gives exp(r) (Cephes, Moshier 1989)."""
    x = _LEAST if x < _LEAST else x
    x = _MOST if x > _MOST else x
    n = np.rint(x * _LOG2E)
    r = x - n * _LOG2_HIGH - n * _LOG2_LOW
    y = ((((_E0 * r + _E1) * r + _E2) * r + _E3) * r + _E4) * r + _E5
    y = y * r * r + r + _ONE
    return from_bits(bits(y) + (np.int32(n) << np.int32(23)))


exp = by_precision(_exp, lambda x: math.exp(x))
"""Within 2 units in the last place; from about -87 to 88 in single precision, and constant beyond."""


def _expm1(x: Any) -> Any:
    """2^n (exp(r) - 1) + (2^n - 1), of which neither cancels the other."""
    x = _LEAST if x < _LEAST else x
    x = _MOST if x > _MOST else x
    n = np.rint(x * _LOG2E)
    r = x - n * _LOG2_HIGH - n * _LOG2_LOW
    y = ((((_E0 * r + _E1) * r + _E2) * r + _E3) * r + _E4) * r + _E5
    y = y * r * r + r
    power = from_bits(bits(_ONE) + (np.int32(n) << np.int32(23)))
    return power * y + (power - _ONE)


expm1 = by_precision(_expm1, lambda x: math.expm1(x))
"""exp(x) - 1, exact near 0 too."""


def _tanh(x: Any) -> Any:
    """With t = exp(-2|x|) - 1: -t / (2 + t), and the sign of x."""
    t = expm1(-_TWO * abs(x))
    size = -t / (_TWO + t)
    return -size if x < 0 else size


tanh = by_precision(_tanh, lambda x: math.tanh(x))
"""The hyperbolic tangent."""


def _sigmoid(x: Any) -> Any:
    """With e = exp(-|x|): e / (1 + e) below zero, 1 / (1 + e) above."""
    e = exp(-abs(x))
    return (e if x < 0 else _ONE) / (_ONE + e)


def _sigmoid_double(x: Any) -> Any:
    e = math.exp(-abs(x))
    return (e if x < 0 else 1.0) / (1.0 + e)


sigmoid = by_precision(_sigmoid, _sigmoid_double)
"""1 / (1 + exp(-x)), without overflow."""

_L3, _L5, _L7, _L9, _L11, _L13, _L15 = (np.float32(1 / odd) for odd in range(3, 17, 2))


def _log1p(x: Any) -> Any:
    """2 artanh(t) with t = x / (2 + x), at most 1/3, by its series."""
    t = x / (_TWO + x)
    s = t * t
    series = (((((_L15 * s + _L13) * s + _L11) * s + _L9) * s + _L7) * s + _L5) * s + _L3
    return _TWO * (t + t * s * series)


log1p = by_precision(_log1p, lambda x: math.log1p(x))
"""log(1 + x), of x from 0 to 1."""

_SHIFT: Final = np.int32(0x3F3504F3)  # the bits of the root of 1/2
_MANTISSA: Final = np.int32(0x7FFFFF)


def _log(x: Any) -> Any:
    """With x = 2^n m, m from the root of 1/2 to that of 2: n log 2 + 2 artanh((m - 1) / (m + 1))."""
    shifted = bits(x) - _SHIFT
    n = np.float32(shifted >> np.int32(23))
    m = from_bits((shifted & _MANTISSA) + _SHIFT)
    t = (m - _ONE) / (m + _ONE)
    s = t * t
    series = (((_L11 * s + _L9) * s + _L7) * s + _L5) * s + _L3
    return n * _LOG2_HIGH + (_TWO * (t + t * s * series) + n * _LOG2_LOW)


log = by_precision(_log, lambda x: math.log(x))
"""The logarithm of a positive, finite number."""

_R: Final = tuple(
    map(
        np.float32,
        (
            -2.72614225801306e-10,
            2.77068142495902e-08,
            -2.10102402082508e-06,
            -5.69250639462346e-05,
            -7.34990630326855e-04,
            -2.95459980854025e-03,
            -1.60960333262415e-02,
            -1.45660718464996e-05,
            -2.13374055278905e-04,
            -1.68282697438203e-03,
            -7.37332916720468e-03,
            -1.42647390514189e-02,
        ),
    )
)
_R0, _R1, _R2, _R3, _R4, _R5, _R6, _R7, _R8, _R9, _R10, _R11 = _R
_ERF_ONE: Final = np.float32(4)


def _erf(x: Any) -> Any:
    """A quotient of polynomials, of degree 13 over 8 (Eigen's)."""
    x = -_ERF_ONE if x < -_ERF_ONE else x
    x = _ERF_ONE if x > _ERF_ONE else x
    s = x * x
    above = (((((_R0 * s + _R1) * s + _R2) * s + _R3) * s + _R4) * s + _R5) * s + _R6
    return x * above / ((((_R7 * s + _R8) * s + _R9) * s + _R10) * s + _R11)


erf = by_precision(_erf, lambda x: math.erf(x))
"""The error function."""
