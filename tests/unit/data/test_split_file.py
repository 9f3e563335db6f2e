"""A split's file: an ordinary npz archive that is read in pieces, and a hash that anyone can compute."""

import hashlib
import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from steepest.data import split_file
from steepest.data.split import Parts
from steepest.data.split_hash import split_sha256

rows = st.sets(st.integers(0, 2**40)).map(lambda numbers: np.array(sorted(numbers), np.int64))


def dumped(parts: Parts) -> bytes:
    file = io.BytesIO()
    split_file.dump(parts, file)
    return file.getvalue()


@given(st.builds(Parts, rows, rows, rows))
def test_a_split_comes_back_through_numpy_and_in_pieces(parts: Parts) -> None:
    content = dumped(parts)
    with np.load(io.BytesIO(content)) as archive:
        assert archive.files == ["training", "validation", "test"]
        for name in archive.files:
            assert archive[name].dtype == np.int64
            np.testing.assert_array_equal(archive[name], getattr(parts, name))
    found = {
        name: [number for piece in pieces for number in piece] for name, pieces in split_file.read(io.BytesIO(content))
    }
    assert found == {name: getattr(parts, name).tolist() for name in ("training", "validation", "test")}
    assert dumped(parts) == content


def test_long_parts_are_written_and_read_in_pieces() -> None:
    order = np.random.default_rng(0).permutation(300_000)
    parts = Parts(np.sort(order[:200_000]), np.sort(order[200_000:]), np.empty(0, np.intp))
    content = dumped(parts)
    assert len(content) < 2.5 * 300_000
    pieces = {name: [len(piece) for piece in pieces] for name, pieces in split_file.read(io.BytesIO(content))}
    assert pieces == {"training": [65_536] * 3 + [3_392], "validation": [65_536, 34_464], "test": []}


def test_the_hash_is_of_lengths_and_row_numbers() -> None:
    parts = Parts(np.array([0, 3]), np.array([1]), np.empty(0, np.intp))
    told = np.array([2, 0, 3, 1, 1, 0], "<i8").tobytes()
    assert split_sha256(parts) == hashlib.sha256(told).hexdigest()
