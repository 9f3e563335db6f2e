"""What everything here is made of: arrays, and operations that are bound to their arrays once and run many times.

Arrays know where they live: a new one is made beside another, `like`. Those of NumPy live here; an engine whose arrays
live on a device says in `PLACES` how they are made, filled and fetched.
"""

from collections.abc import Callable, Iterable
from functools import partial
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]
"""Floats in the run's precision, unless said otherwise."""

Operation = Callable[[], Any]
"""A NumPy function bound to its inputs and its output: `partial(np.add, a, b, out)`."""

Plan = tuple[Operation, ...]
"""Operations in the order in which they run."""

ALIGNMENT: Final = 64
"""Bytes: a cache line, and the widest vector register."""


class Place:
    """Where arrays live: here, in this process's memory, as NumPy's do."""

    def zeros(self, shape: int | tuple[int, ...], dtype: DTypeLike) -> Array:
        """A zeroed C-contiguous array that starts on a cache line."""
        dtype = np.dtype(dtype)
        size = prod(shape if isinstance(shape, tuple) else (shape,)) * dtype.itemsize
        memory = np.zeros(size + ALIGNMENT, np.uint8)
        start = -memory.ctypes.data % ALIGNMENT
        return memory[start : start + size].view(dtype).reshape(shape)

    def number(self, value: float, dtype: DTypeLike) -> Array:
        """A 0-d array."""
        return np.array(value, dtype)

    def put(self, out: Array, values: Array) -> None:
        """Copy values that are here, or beside `out`, to `out`."""
        np.copyto(out, values)

    def fetch(self, array: Array, out: Array | None = None) -> Array:
        """A copy that is here, in `out` if that is given."""
        if out is None:
            return array.copy()
        np.copyto(out, array)
        return out

    def take(self, array: Array, rows: Array, out: Array) -> None:
        """Bring rows together by their numbers, which are here."""
        # With "clip" the rows go straight to where they belong; by default NumPy would check and copy again.
        array.take(rows, 0, out, "clip")

    def look_up(self, table: Array, places: Array, out: Array) -> Operation:
        """The entries (n,) of a table at integer places; beyond its ends, the last."""
        return partial(table.take, places, None, out, "clip")

    def largest(self, array: Array, axis: int, out: Array) -> Operation:
        """The largest along an axis, which stays."""
        return partial(np.maximum.reduce, array, axis, None, out, True)

    def prepare(self, plan: Plan) -> Plan:
        """The form in which a plan runs fastest."""
        return plan


HERE: Final = Place()

PLACES: Final[dict[type, Place]] = {}
"""By the type of array, where it does not live here."""


def place_of(array: Array) -> Place:
    """Where an array lives."""
    return PLACES.get(type(array), HERE)


def aligned(shape: int | tuple[int, ...], dtype: DTypeLike, like: Array | None = None) -> Array:
    """A zeroed C-contiguous array where `like` lives; here, unless said otherwise."""
    return HERE.zeros(shape, dtype) if like is None else place_of(like).zeros(shape, dtype)


def scalar(value: float, dtype: DTypeLike, like: Array | None = None) -> Array:
    """A number in the form that operations with arrays such as `like` take up fastest."""
    return HERE.number(value, dtype) if like is None else place_of(like).number(value, dtype)


def placed(values: Array, like: Array) -> Array:
    """Values that are here, where `like` lives."""
    if type(like) not in PLACES:
        return values
    out = aligned(values.shape, values.dtype, like)
    put(out, values)
    return out


def put(out: Array, values: Array) -> None:
    """Copy values that are here, or where `out` lives, to `out`."""
    PLACES.get(type(out), HERE).put(out, values)


def fetched(array: Array, out: Array | None = None) -> Array:
    """A copy of an array that is here, wherever that lives; in `out` if that is given."""
    return PLACES.get(type(array), HERE).fetch(array, out)


def run(plan: Iterable[Operation]) -> None:
    """Run a plan."""
    for operation in plan:
        operation()
