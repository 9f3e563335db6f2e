"""What everything here is made of: arrays, and operations that are bound to their arrays once and run many times."""

from collections.abc import Callable, Iterable
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


def aligned(shape: int | tuple[int, ...], dtype: DTypeLike) -> Array:
    """A zeroed C-contiguous array that starts on a cache line."""
    dtype = np.dtype(dtype)
    size = int(np.prod(shape)) * dtype.itemsize
    memory = np.zeros(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(shape)


def scalar(value: float, dtype: DTypeLike) -> Array:
    """A 0-d array: the form of a number that a NumPy operation takes up fastest."""
    return np.array(value, dtype)


def run(plan: Iterable[Operation]) -> None:
    """Run a plan."""
    for operation in plan:
        operation()
