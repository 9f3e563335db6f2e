"""A hash of a split: which rows each part has."""

import hashlib

from steepest.data.split import Parts


def split_sha256(parts: Parts) -> str:
    """The SHA-256 of the row numbers of training, validation and test rows, as little-endian int64.

    Each part comes after its number of rows, so that no two splits share a hash by where one part ends.
    """
    digest = hashlib.sha256()
    for rows in (parts.training, parts.validation, parts.test):
        digest.update(len(rows).to_bytes(8, "little"))
        digest.update(rows.astype("<i8").tobytes())
    return digest.hexdigest()
