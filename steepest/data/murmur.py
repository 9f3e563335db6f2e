"""MurmurHash3 of labels, which gives each one a bucket without a list of them (Weinberger et al. 2009)."""

from typing import Final

_MASK: Final = 0xFFFFFFFF
_C1: Final = 0xCC9E2D51
_C2: Final = 0x1B873593


def murmur3(data: bytes) -> int:
    """MurmurHash3_x86_32 (Appleby, smhasher) with seed 0, from 0 to 2^32 - 1."""
    hashed = 0
    whole = len(data) & ~3
    for start in range(0, whole, 4):
        hashed ^= _mixed(int.from_bytes(data[start : start + 4], "little"))
        hashed = (_rotated(hashed, 13) * 5 + 0xE6546B64) & _MASK
    if whole < len(data):
        hashed ^= _mixed(int.from_bytes(data[whole:], "little"))
    hashed ^= len(data)
    hashed ^= hashed >> 16
    hashed = hashed * 0x85EBCA6B & _MASK
    hashed ^= hashed >> 13
    hashed = hashed * 0xC2B2AE35 & _MASK
    return hashed ^ hashed >> 16


def bucket_of(label: str, buckets: int) -> int:
    """The bucket of a label, from 0: |h| mod `buckets`, h its hash (UTF-8) as a signed number of 32 bits.

    So does scikit-learn's `FeatureHasher`, to whose answers these are equal.
    """
    hashed = murmur3(label.encode())
    return (hashed if hashed < 1 << 31 else (1 << 32) - hashed) % buckets


def _mixed(word: int) -> int:
    return _rotated(word * _C1 & _MASK, 15) * _C2 & _MASK


def _rotated(word: int, bits: int) -> int:
    return (word << bits | word >> 32 - bits) & _MASK
