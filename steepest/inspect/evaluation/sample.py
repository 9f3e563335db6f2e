"""Rows that are kept for what one pass cannot do: all of them, or of very many a sample that rows alone decide."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MOST_NUMBERS: Final = 1 << 23
"""Numbers that are kept: 32 MiB in float32, and some times as much while they are put in order."""


class Sample:
    """Keeps rows until there are too many; then every second, every fourth, and so on, by a hash of its number."""

    def __init__(self, most_numbers: int = MOST_NUMBERS) -> None:
        self._most = most_numbers
        self._bits = 0
        self._numbers = 0
        self._hashes: list[NDArray[np.uint64]] = []
        self._parts: list[tuple[NDArray[Any], ...]] = []

    def add(self, rows: NDArray[np.intp], *arrays: NDArray[Any]) -> None:
        """Take in the next rows (n,) with what is known of them, each (n, ...)."""
        hashes = mixed(rows)
        self._append(hashes, arrays)
        while self._numbers > self._most and sum(map(len, self._hashes)) > 1:
            self._bits += 1
            parts, hashed = self._parts, self._hashes
            self._parts, self._hashes, self._numbers = [], [], 0
            for numbers, part in zip(hashed, parts, strict=True):
                self._append(numbers, part)

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """All that is kept, an array for each that was given."""
        return tuple(np.concatenate(column) for column in zip(*self._parts, strict=True))

    def _append(self, hashes: NDArray[np.uint64], arrays: tuple[NDArray[Any], ...]) -> None:
        if self._bits:
            kept = hashes >> np.uint64(64 - self._bits) == 0
            hashes, arrays = hashes[kept], tuple(array[kept] for array in arrays)
        self._hashes.append(hashes)
        self._parts.append(arrays)
        self._numbers += sum(array.size for array in arrays)


def mixed(rows: NDArray[np.intp]) -> NDArray[np.uint64]:
    """Numbers (n,) whose bits are all alike random (Steele, Lea and Flood 2014: SplitMix64's finalizer)."""
    z = (rows.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
