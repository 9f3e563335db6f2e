"""Cells as 64-bit hashes, and what a bounded sample of hashes tells about how many different ones there are.

The hash is multilinear (Lemire and Kaser 2014, "Strongly universal string hashing is fast") over words that a product
and a shift have mixed first, since small numbers differ in their highest bits alone.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

_PRODUCT: Final = np.uint64(0x9E3779B97F4A7C15)
_SECOND_PRODUCT: Final = np.uint64(0xBF58476D1CE4E5B9)
_HALF: Final = np.uint64(32)
_ALL: Final = 1 << 64
_CHUNK: Final = 1 << 18
"""Characters that are hashed together."""
_TOGETHER: Final = 1 << 16
"""Hashes that are sorted together, at least."""


def mix(words: Hashes) -> Hashes:
    """Spread every bit over the whole word, in place; different words stay different (Stafford 2011)."""
    words ^= words >> _HALF
    words *= _SECOND_PRODUCT
    words ^= words >> np.uint64(29)
    words *= _PRODUCT
    words ^= words >> _HALF
    return words


def random_words(start: int, count: int) -> Hashes:
    """(count,) odd words that follow from their numbers, `start` and after."""
    words: Hashes = mix(np.arange(start + 1, start + 1 + count, dtype=np.uint64) * _PRODUCT)
    return words | np.uint64(1)


def number_hashes(numbers: NDArray[np.float64]) -> Hashes:
    """(k,) a hash of each number. All NaN that NumPy writes are one, 0.0 and -0.0 too."""
    words: Hashes = (numbers + 0.0).view(np.uint64)
    words *= _PRODUCT
    words ^= words >> _HALF
    words *= _SECOND_PRODUCT
    return words


MISSING_HASH: Final[np.uint64] = number_hashes(np.array([np.nan]))[0]
"""The hash of a cell that has no value."""


def text_hashes(texts: Sequence[str]) -> Hashes:
    """(k,) a hash of each text."""
    ends = np.cumsum(np.fromiter(map(len, texts), np.intp, len(texts)))
    hashes = np.empty(len(texts), np.uint64)
    start = passed = 0
    while start < len(texts):
        end = max(start + 1, int(np.searchsorted(ends, passed + _CHUNK, side="right")))
        hashes[start:end] = _hashes(texts[start:end])
        start, passed = end, int(ends[end - 1])
    return hashes


def _hashes(texts: Sequence[str]) -> Hashes:
    data = "\0".join([*texts, ""]).encode("utf-8", "surrogatepass")
    if data.isascii():
        lengths = np.fromiter(map(len, texts), np.intp, len(texts)) + 1
    else:
        lengths = np.fromiter((len(text.encode("utf-8", "surrogatepass")) for text in texts), np.intp, len(texts)) + 1
    starts = np.cumsum(lengths) - lengths
    places = np.arange(len(data)) - np.repeat(starts, lengths)
    products = random_words(0, int(lengths.max()))[places]
    products *= np.frombuffer(data, np.uint8) + np.uint64(1)  # else a NUL would not count
    return mix(np.add.reduceat(products, starts))


class HashSample:
    """How often each hash below a bound came; the bound is halved whenever there are too many.

    Adaptive sampling, by M. Wegman (Flajolet 1990): the estimates' relative standard error is 1.2 / sqrt(most), and
    they are exact as long as there are no more than `most` different hashes.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._bound = _ALL
        self._kept: Hashes = np.empty(0, np.uint64)
        self._counts: NDArray[np.int64] = np.empty(0, np.int64)
        self._waiting: list[Hashes] = []
        self._waiting_length = 0

    def add(self, hashes: Hashes) -> None:
        """Take in (k,) hashes."""
        hashes = hashes[hashes < self._bound] if self._bound < _ALL else hashes.copy()
        if len(hashes):
            self._waiting.append(hashes)
            self._waiting_length += len(hashes)
            if self._waiting_length >= min(self._most, _TOGETHER):
                self._merge()

    def add_different(self, hashes: Hashes) -> None:
        """Take in (k,) hashes that all differ: as many are left out at once as have to be."""
        while len(hashes) > self._most:
            self._bound //= 2
            hashes = hashes[hashes < self._bound]
        self.add(hashes)

    @property
    def exact(self) -> bool:
        """Whether no hash was left out."""
        self._merge()
        return self._bound == _ALL

    @property
    def distinct(self) -> int:
        """How many different hashes came."""
        self._merge()
        return round(len(self._kept) * (_ALL / self._bound))

    @property
    def repeated(self) -> int:
        """How many hashes had come before."""
        self._merge()
        return round(int((self._counts - 1).sum()) * (_ALL / self._bound))

    @property
    def error(self) -> float:
        """The relative standard error of `distinct`."""
        return 0.0 if self.exact else 1.2 / self._most**0.5

    def _merge(self) -> None:
        if not self._waiting:
            return
        fresh, counts = np.unique(np.concatenate(self._waiting), return_counts=True)
        self._waiting, self._waiting_length = [], 0
        place = np.searchsorted(self._kept, fresh)
        known = np.zeros(len(fresh), bool)
        inside = place < len(self._kept)
        known[inside] = self._kept[place[inside]] == fresh[inside]
        self._counts[place[known]] += counts[known]
        self._kept = np.insert(self._kept, place[~known], fresh[~known])
        self._counts = np.insert(self._counts, place[~known], counts[~known])
        while len(self._kept) > self._most:
            self._bound //= 2
            left = int(np.searchsorted(self._kept, np.uint64(self._bound)))
            self._kept, self._counts = self._kept[:left].copy(), self._counts[:left].copy()
