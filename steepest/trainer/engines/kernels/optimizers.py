"""Optimizers: from the gradient to the changed weights, in one pass over memory.

Symbols: see `steepest.trainer.optimizers`, whose slots these pieces share; t counts steps from 1. A rule's settings are
the numbers that `SETTINGS` names, in this order. `code` is a number of `codes.OPTIMIZERS`.
"""

from math import sqrt
from typing import Any, Final

import numpy as np

from steepest.trainer.engines.numba import piece, summing

SETTINGS: Final[dict[str, tuple[str, ...]]] = {
    "gradient_descent": (),
    "momentum": ("momentum",),
    "nesterov": ("momentum",),
    "adagrad": ("epsilon",),
    "rmsprop": ("rho", "epsilon"),
    "adam": ("beta_1", "beta_2", "epsilon", "epsilon_hat"),
    "adamw": ("beta_1", "beta_2", "epsilon", "weight_decay"),
}

MOST_SETTINGS: Final = 4


@piece
def aim(code: int, settings: Any, eta: float, t: int) -> Any:
    """The four numbers of a step, in double precision: its rate, and what else its rule needs."""
    rate, a, b, c = eta, 0.0, 0.0, 0.0
    if code == 1 or code == 2 or code == 3:
        a = settings[0]
    elif code == 4:
        unit = sqrt(1 - settings[0])
        rate, a, b = eta / unit, settings[0], settings[1] / unit
    elif code >= 5:
        a, b = settings[0], settings[1]
        root = sqrt((1 - b) / (1 - b**t))
        hat = code == 5 and settings[3] > 0
        rate, c = eta * (1 - a) / ((1 - a**t) * root), settings[2] / (sqrt(1 - b) if hat else root)
    return rate, a, b, c


@piece
def step(code: int, theta: Any, g: Any, v: Any, m: Any, numbers: Any, left: Any) -> None:
    """Change theta by its gradient g; v is the last of the slots, m the first of two. `left` is what decay leaves."""
    kind = theta.dtype.type
    rate, a, b, c = kind(numbers[0]), kind(numbers[1]), kind(numbers[2]), kind(numbers[3])
    if code == 0:
        move(theta, g, rate)
    elif code == 1:
        _momentum(theta, g, v, rate, a)
    elif code == 2:
        _nesterov(theta, g, v, rate, a)
    elif code == 3:
        _adagrad(theta, g, v, rate, a)
    elif code == 4:
        _rmsprop(theta, g, v, rate, a, b)
    elif code == 5:
        _adam(theta, g, m, v, rate, a, b, c)
    elif code == 6:
        _adamw(theta, g, m, v, rate, a, b, c, kind(left))


@piece
def move(theta: Any, v: Any, rate: Any) -> None:
    """Theta - eta v."""
    for i in range(theta.size):
        theta[i] -= rate * v[i]


@piece
def _momentum(theta: Any, g: Any, v: Any, rate: Any, mu: Any) -> None:
    """V = mu v + g; theta - eta v."""
    for i in range(theta.size):
        v[i] = mu * v[i] + g[i]
        theta[i] -= rate * v[i]


@piece
def _nesterov(theta: Any, g: Any, u: Any, rate: Any, mu: Any) -> None:
    """U = mu (u + g); theta - eta (g + u)."""
    for i in range(theta.size):
        u[i] = mu * (u[i] + g[i])
        theta[i] -= rate * (g[i] + u[i])


@piece
def _adagrad(theta: Any, g: Any, v: Any, rate: Any, epsilon: Any) -> None:
    """V = v + g^2; theta - eta g / (sqrt(v) + epsilon)."""
    for i in range(theta.size):
        v[i] += g[i] * g[i]
        theta[i] -= rate * g[i] / (np.sqrt(v[i]) + epsilon)


@piece
def _rmsprop(theta: Any, g: Any, v: Any, rate: Any, rho: Any, epsilon: Any) -> None:
    """V = rho v + g^2; theta - eta' g / (sqrt(v) + epsilon')."""
    for i in range(theta.size):
        v[i] = rho * v[i] + g[i] * g[i]
        theta[i] -= rate * g[i] / (np.sqrt(v[i]) + epsilon)


@piece
def _adam(theta: Any, g: Any, m: Any, v: Any, rate: Any, b1: Any, b2: Any, epsilon: Any) -> None:
    """M = b1 m + g; v = b2 v + g^2; theta - alpha m / (sqrt(v) + epsilon')."""
    for i in range(theta.size):
        m[i] = b1 * m[i] + g[i]
        v[i] = b2 * v[i] + g[i] * g[i]
        theta[i] -= rate * m[i] / (np.sqrt(v[i]) + epsilon)


@piece
def _adamw(theta: Any, g: Any, m: Any, v: Any, rate: Any, b1: Any, b2: Any, epsilon: Any, left: Any) -> None:
    """Adam from what the decay leaves of theta."""
    for i in range(theta.size):
        m[i] = b1 * m[i] + g[i]
        v[i] = b2 * v[i] + g[i] * g[i]
        theta[i] = left * theta[i] - rate * m[i] / (np.sqrt(v[i]) + epsilon)


@piece
def penalize(theta: Any, g: Any, l1: Any, l2: Any) -> None:
    """Add to the gradient l1 sign(w) + l2 w."""
    zero, one = theta.dtype.type(0), theta.dtype.type(1)
    for i in range(theta.size):
        sign = one if theta[i] > zero else (-one if theta[i] < zero else zero)
        g[i] += l1 * sign + l2 * theta[i]


@summing
def penalty(theta: Any, l1: float, l2: float) -> float:
    """l1 sum |w| + (l2/2) sum w^2, summed up in double precision."""
    sizes, squares = 0.0, 0.0
    for i in range(theta.size):
        w = np.float64(theta[i])
        sizes += abs(w)
        squares += w * w
    return l1 * sizes + 0.5 * l2 * squares
