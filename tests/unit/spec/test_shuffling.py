"""Rows that fit in memory are shuffled whole, larger data by blocks; what a spec says stays as it is."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steepest.spec.errors import ValidationFailed
from steepest.spec.problems import parse
from steepest.spec.shuffling import BLOCK_BYTES, LEAST_BLOCKS, WINDOW_BYTES, WINDOW_ROWS, WINDOW_SHARE, shuffle_of
from steepest.spec.training import Shuffle, TrainSpec


@given(st.integers(1, 10**9), st.integers(1, 10**7), st.integers(1, 2**40))
def test_a_shuffle_follows_from_the_size_of_the_data(rows: int, row_bytes: int, memory: int) -> None:
    found = shuffle_of(Shuffle(), rows, row_bytes, memory)
    assert found.method == ("blocks" if rows * row_bytes > memory else "rows")
    assert shuffle_of(found, rows, row_bytes, memory) == found
    assert shuffle_of(found, rows) == found
    if found.method == "rows":
        assert found.block_rows is None
        return
    assert found.block_rows is not None
    assert found.window_blocks is not None
    window = found.block_rows * found.window_blocks
    assert found.block_rows == 1 or found.block_rows * row_bytes <= BLOCK_BYTES
    assert window == 1 or window * row_bytes <= min(WINDOW_BYTES, memory // WINDOW_SHARE)
    assert window <= WINDOW_ROWS
    assert found.window_blocks >= LEAST_BLOCKS or found.block_rows == 1


def test_without_a_bound_rows_are_in_memory() -> None:
    assert shuffle_of(Shuffle(), 10**9, 10**4).method == "rows"


def test_what_is_asked_for_is_done() -> None:
    assert shuffle_of(Shuffle(method="rows"), 10**9, 100, 1).method == "rows"
    asked = Shuffle(method="blocks", block_rows=5)
    found = shuffle_of(asked, 1_000)
    assert (found.method, found.block_rows, found.window_blocks) == ("blocks", 5, 200)
    assert shuffle_of(Shuffle(method="blocks"), 1).model_dump() == {
        "method": "blocks",
        "block_rows": 1,
        "window_blocks": 1,
    }


@pytest.mark.parametrize(
    ("shuffle", "pointer"),
    [
        ({"block_rows": 5}, "/shuffle"),
        ({"method": "rows", "window_blocks": 5}, "/shuffle"),
        ({"method": "blocks", "block_rows": 0}, "/shuffle/block_rows"),
        ({"method": "columns"}, "/shuffle/method"),
    ],
)
def test_sizes_without_blocks_are_refused(shuffle: dict[str, Any], pointer: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        parse(TrainSpec, {"shuffle": shuffle})
    assert [problem.pointer for problem in caught.value.problems] == [pointer]


def test_a_spec_shows_its_shuffle_once_it_is_decided() -> None:
    assert "shuffle" not in TrainSpec().model_dump()
    assert parse(TrainSpec, {"shuffle": {"method": "rows"}}).model_dump()["shuffle"] == {"method": "rows"}
