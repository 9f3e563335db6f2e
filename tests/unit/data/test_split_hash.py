import hashlib

import numpy as np

from steepest.data.split import Parts
from steepest.data.split_hash import split_sha256


def parts(*rows: list[int], dtype: type = np.intp) -> Parts:
    return Parts(*(np.array(each, dtype) for each in rows))


def test_the_hash_is_of_the_row_numbers_as_they_are_downloaded_whatever_the_platform() -> None:
    written = b"".join(number.to_bytes(8, "little") for number in (2, 0, 3, 1, 1, 1, 2))
    assert split_sha256(parts([0, 3], [1], [2])) == hashlib.sha256(written).hexdigest()
    assert split_sha256(parts([0, 3], [1], [2], dtype=np.int32)) == split_sha256(parts([0, 3], [1], [2]))


def test_where_a_part_ends_counts() -> None:
    assert split_sha256(parts([0, 1], [2], [])) != split_sha256(parts([0, 1], [], [2]))
    assert split_sha256(parts([0, 1], [2], [])) != split_sha256(parts([0], [1, 2], []))
