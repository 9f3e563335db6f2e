"""The normal distribution in place: NumPy has no error function.

Symbols: z a number, phi(z) = exp(-z^2/2) / sqrt(2 pi) the density, Phi(z) = (1 + erf(z / sqrt 2)) / 2 the distribution.

Phi is looked up at the next grid point z0, and the rest is the integral of phi over the d = z - z0 that is missing. A
Taylor series about the middle m = (z0 + z)/2 has even terms alone:

    Phi(z) = Phi(z0) + d phi(m) (1 + (m^2 - 1) d^2/24 + ...)

With 256 points in a unit, d is at most 1/512: what is left out is below 4e-17, and in single precision even d^2 is.
"""

from functools import cache, partial
from math import erfc, pi, sqrt
from typing import Final

import numpy as np

from steepest.trainer.arrays import Array, Plan, aligned, place_of, placed, scalar

LIMIT: Final = 9.0
"""Beyond it Phi is 0 or 1 for all that matters: Phi(-9) is 1e-19."""

POINTS: Final = 256
"""Of the grid, in a unit."""

PEAK: Final = 1 / sqrt(2 * pi)
"""phi(0)."""


def distribution(z: Array, out: Array) -> Plan:
    """The operations that leave Phi(z) in `out`, of z within +-LIMIT.

    The error is below an epsilon of the precision, and below 1e-12 (single: 40 epsilons) of Phi in its left tail.
    """
    dtype, integer = z.dtype, np.dtype(f"i{z.dtype.itemsize}")
    grid, d, change = (aligned(z.shape, dtype, z) for _ in range(3))
    place = aligned(z.shape, np.intp, z)
    # Next to this number, numbers of the precision are 1/POINTS apart: a sum with it is rounded to the grid, and its
    # bits count the points.
    rounder = scalar(1.5 * 2.0 ** np.finfo(dtype).nmant / POINTS, dtype, z)
    first = rounder.view(integer) - integer.type(LIMIT * POINTS)
    middle, density = grid, change
    plan: Plan = (
        partial(np.add, z, rounder, grid),
        partial(np.subtract, grid.view(integer), first, place),
        place_of(z).look_up(placed(_table(dtype.char), z), place, out),
        partial(np.subtract, grid, rounder, grid),
        partial(np.subtract, z, grid, d),
        partial(np.add, z, grid, middle),  # 2m
        partial(np.multiply, middle, middle, middle),  # 4 m^2
        partial(np.multiply, middle, scalar(-1 / 8, dtype, z), density),
        partial(np.exp, density, density),
    )
    if dtype == np.float64:
        plan += (
            partial(np.subtract, middle, scalar(4, dtype, z), middle),
            partial(np.multiply, middle, d, middle),
            partial(np.multiply, middle, d, middle),
            partial(np.multiply, middle, scalar(PEAK / 96, dtype, z), middle),
            partial(np.add, middle, scalar(PEAK, dtype, z), middle),
            partial(np.multiply, density, middle, density),
        )
    else:
        plan += (partial(np.multiply, density, scalar(PEAK, dtype, z), density),)
    return (*plan, partial(np.multiply, density, d, change), partial(np.add, out, change, out))


def density(z: Array, out: Array) -> Plan:
    """The operations that leave phi(z) in `out`, of z within +-LIMIT."""
    return (
        partial(np.multiply, z, z, out),
        partial(np.multiply, out, scalar(-0.5, z.dtype, z), out),
        partial(np.exp, out, out),
        partial(np.multiply, out, scalar(PEAK, z.dtype, z), out),
    )


@cache
def _table(char: str) -> Array:
    """Phi at the points of the grid; at its ends exactly 0 and 1."""
    count = int(LIMIT * POINTS)
    values = [erfc(-point / POINTS / sqrt(2)) / 2 for point in range(-count, count + 1)]
    return np.array([0.0, *values[1:-1], 1.0], char)
