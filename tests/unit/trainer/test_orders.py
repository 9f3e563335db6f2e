"""Rows shuffled by blocks: each once an epoch, a function of its place, and read from a disk block by block."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest.spec.resolved import ResolvedShuffle
from steepest.trainer import orders
from steepest.trainer.arrays import Array
from steepest.trainer.fit import EpochRecord, Finished
from steepest.trainer.orders import BlockShuffle, Orders, Reading
from steepest.trainer.rows import Rows
from tests.unit.trainer.world import data_for, rows_for, spec_for, train

SIZES = {"seed": st.integers(0, 2**63 - 1), "rows": st.integers(1, 3_000), "epoch": st.integers(0, 1_000)}


@settings(max_examples=80, deadline=None)
@given(block_rows=st.integers(1, 400), window_blocks=st.integers(1, 40), **SIZES)
def test_an_order_is_a_permutation_and_a_function_of_its_place(
    seed: int, rows: int, epoch: int, block_rows: int, window_blocks: int
) -> None:
    order = BlockShuffle(seed, rows, block_rows, window_blocks).between(epoch, 0, rows)
    assert np.array_equal(np.sort(order), np.arange(rows))
    late = BlockShuffle(seed, rows, block_rows, window_blocks)
    late.between(epoch + 1, rows // 2, rows)
    late.between(0, 0, rows // 3)
    assert np.array_equal(late.between(epoch, 0, rows), order)


@settings(max_examples=80, deadline=None)
@given(data=st.data(), **SIZES)
def test_a_part_of_an_order_is_that_part(seed: int, rows: int, epoch: int, data: st.DataObject) -> None:
    shuffle = BlockShuffle(seed, rows, data.draw(st.integers(1, 300)), data.draw(st.integers(1, 9)))
    whole = shuffle.between(epoch, 0, rows)
    start = data.draw(st.integers(0, rows - 1))
    stop = data.draw(st.integers(start, rows))
    assert np.array_equal(shuffle.between(epoch, start, stop), whole[start:stop])


def test_a_window_holds_whole_blocks_and_its_rows_are_mixed() -> None:
    shuffle = BlockShuffle(3, 1_010, 100, 4)
    seen: list[int] = []
    for window in range(3):
        start, stop = shuffle.reach(5, window)
        blocks = shuffle.blocks(5, window)
        rows = shuffle.between(5, start, stop)
        assert np.array_equal(np.sort(rows), np.sort(np.concatenate([np.arange(*block) for block in blocks])))
        assert not np.array_equal(rows[:100] // 100, np.full(100, rows[0] // 100))
        seen += [first // 100 for first, _ in blocks]
    assert sorted(seen) == list(range(11))
    assert seen != sorted(seen)
    assert (shuffle.after(5, 1), shuffle.after(5, 2)) == ((5, 2), (6, 0))


def test_epochs_and_seeds_differ() -> None:
    found = [
        tuple(BlockShuffle(seed, 60, 5, 3).between(epoch, 0, 60).tolist()) for seed in range(6) for epoch in range(40)
    ]
    assert len(set(found)) == len(found)


def test_every_row_comes_to_every_place_equally_often() -> None:
    rows, epochs = 8, 20_000
    counts, shuffle = np.zeros((rows, rows)), BlockShuffle(1, rows, 2, 2)
    for epoch in range(epochs):
        counts[np.arange(rows), shuffle.between(epoch, 0, rows)] += 1
    expected = epochs / rows
    # Chi-squared with 49 degrees of freedom: beyond 95 once in ten thousand fair shuffles.
    assert ((counts - expected) ** 2 / expected).sum() < 95


def test_networks_of_different_seeds_have_their_own_orders() -> None:
    how = ResolvedShuffle(method="blocks", block_rows=7, window_blocks=3)
    several = Orders([1, 2, 1], Rows(np.zeros((100, 1)), np.zeros(100)), how).between(4, 10, 60)
    for own, seed in zip(several, (1, 2, 1), strict=True):
        assert np.array_equal(own, BlockShuffle(seed, 100, 7, 3).between(4, 10, 60))


class Disk:
    """Remembers which rows were asked for, and which are in memory."""

    def __init__(self) -> None:
        self.there: set[int] = set()
        self.asked = self.most = 0

    def as_told(self) -> None:
        pass

    def ahead(self, start: int, stop: int) -> None:
        self.asked += stop - start
        self.there |= set(range(start, stop))
        self.most = max(self.most, len(self.there))

    def release(self, start: int, stop: int) -> None:
        self.there -= set(range(start, stop))


def test_rows_are_asked_for_before_they_are_needed_and_let_go_afterwards() -> None:
    disk: Any = Disk()
    shuffle = BlockShuffle(0, 1_000, 10, 5)
    reading = Reading(shuffle, [disk])
    for epoch in (1, 2, 3):
        for place in range(0, 1_000, 20):
            reading.at(epoch, place)
            assert disk.there >= set(shuffle.between(epoch, place, place + 20).tolist())
    assert disk.most <= 3 * 50  # a window in use, one that comes, and one that is about to go
    assert disk.asked <= 2 * 3_050  # each block as it comes near, and again when its turn has come


def test_reading_may_begin_in_the_middle() -> None:
    disk: Any = Disk()
    shuffle = BlockShuffle(0, 1_000, 10, 5)
    Reading(shuffle, [disk]).at(2, 770)
    assert disk.there >= set(shuffle.between(2, 770, 800).tolist())


@pytest.fixture
def advice(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Where a course says how far it is."""
    given: list[tuple[int, int]] = []
    own = Reading.at

    def at(self: Reading, epoch: int, place: int) -> None:
        given.append((epoch, place))
        own(self, epoch, place)

    monkeypatch.setattr(orders.Reading, "at", at)
    return given


def mapped(folder: Path, *arrays: Array) -> Iterator[Array]:
    for number, array in enumerate(arrays):
        np.save(folder / f"{number}.npy", array)
        yield np.load(folder / f"{number}.npy", mmap_mode="r")


@pytest.mark.parametrize("batch_size", [8, 700, "full"])
@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_rows_in_a_file_train_as_rows_in_memory(
    task: str, batch_size: int | str, engine: str, tmp_path: Path, advice: list[tuple[int, int]]
) -> None:
    fields: dict[str, Any] = {"epochs": 3, "batch_size": batch_size, "layers": [{"units": 5}]}
    fields["shuffle"] = {"method": "blocks", "block_rows": 100, "window_blocks": 4}
    spec = spec_for(task, 2_050, 300, **fields)
    arrays, validation = rows_for(task, 2_050, weighted=True), rows_for(task, 300, weighted=True, seed=1)
    there = list(mapped(tmp_path, *arrays, *validation))
    here = list(train(spec, arrays[0], arrays[1], validation, weights=arrays[2], engine=engine))
    assert not advice
    from_file = list(train(spec, there[0], there[1], tuple(there[3:]), weights=there[2], engine=engine))
    assert bool(advice) is (batch_size != "full")
    assert advice == sorted(advice)
    records = [[item for item in items if isinstance(item, EpochRecord)] for items in (here, from_file)]
    for one, other in zip(*records, strict=True):
        assert (one.training_loss, one.validation_loss) == (other.training_loss, other.validation_loss)
    assert isinstance(here[-1], Finished)
    assert isinstance(from_file[-1], Finished)
    assert np.array_equal(here[-1].last, from_file[-1].last)


def test_how_rows_are_shuffled_matters() -> None:
    X, y = data_for("binary", 300)
    ends = []
    for shuffle in (
        {"method": "rows"},
        {"method": "blocks", "block_rows": 10, "window_blocks": 4},
        {"method": "blocks", "block_rows": 20, "window_blocks": 4},
    ):
        spec = spec_for("binary", 300, epochs=2, batch_size=16, early_stopping=None, shuffle=shuffle)
        *_, end = train(spec, X, y)
        assert isinstance(end, Finished)
        ends.append(end.last.tobytes())
    assert len(set(ends)) == 3
