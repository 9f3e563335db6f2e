"""Chunks cover an epoch without gap or overlap, and keep the bounds that let a run stop in time."""

from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest.spec.errors import ValidationFailed
from steepest.trainer import chunks
from steepest.trainer.chunks import MARK, Cutting, capacity_of, check_batch, piece_rows, work
from steepest.trainer.engines.choice import threads_for
from steepest.trainer.network import Dense, Network


def network(inputs: int, units: int) -> Network:
    return Network(inputs, (Dense(units, "relu"),), 2, "softmax", "categorical_crossentropy")


@settings(max_examples=200, deadline=None)
@given(
    rows=st.integers(1, 3_000),
    batch=st.integers(1, 3_000),
    together=st.integers(1, 70),
    piece=st.integers(1, 900),
)
def test_chunks_cover_the_epoch(rows: int, batch: int, together: int, piece: int) -> None:
    batch = min(batch, rows)
    cutting = Cutting(rows, batch, 1, piece) if batch > piece else Cutting(rows, batch, together, together * batch)
    row = step = 0
    found = list(cutting.after())
    middle = len(found) // 2
    assert list(cutting.after(found[middle].start)) == found[middle:]
    for chunk in found:
        assert chunk == cutting.at(row)
        assert chunk.start == row
        assert chunk.step == step
        assert 0 < chunk.rows <= cutting.piece
        if cutting.in_pieces:
            assert chunk.batch == min(batch, rows - step * batch)
            assert bool(chunk.steps) == (chunk.stop == min((step + 1) * batch, rows))
        row, step = chunk.stop, step + chunk.steps
    assert (row, step) == (rows, ceil(rows / batch))
    assert step == cutting.steps


@given(rows=st.integers(1, 3_000), batch=st.integers(1, 9), together=st.integers(1, 300), epoch=st.integers(1, 400))
def test_every_way_to_cut_has_the_same_marks(rows: int, batch: int, together: int, epoch: int) -> None:
    def marks(together: int) -> list[int]:
        cutting = Cutting(rows, batch, together, together * batch)
        return [chunk.step for chunk in cutting.after() if cutting.is_mark(epoch, chunk.start)]

    assert marks(together) == marks(1)
    assert [step for step in marks(1) if step] == list(range(MARK, ceil(rows / batch), MARK))


@settings(max_examples=200, deadline=None)
@given(
    inputs=st.integers(1, 5_000),
    units=st.integers(1, 20_000),
    rows=st.integers(1, 1_000_000),
    batch=st.integers(1, 1_000_000),
    nets=st.integers(1, 64),
)
def test_chunks_are_bounded(inputs: int, units: int, rows: int, batch: int, nets: int) -> None:
    shape = network(inputs, units)
    cutting = Cutting.of(shape, rows, min(batch, rows), 4, nets)
    if cutting.piece > 1:
        assert work(shape, cutting.piece) <= chunks.CHUNK
    if cutting.together > 1:
        assert cutting.together * nets * work(shape, cutting.batch + chunks.UPDATE_ROWS) <= chunks.CHUNK
    assert cutting.together <= chunks.STEPS
    if cutting.together > 1:
        assert cutting.piece * (inputs + 1) * 4 <= chunks.INPUT_BYTES


def test_double_precision_is_cut_finer() -> None:
    shape = network(1_000, 5_000)
    assert Cutting.of(shape, 10_000, 10_000, 8).piece <= Cutting.of(shape, 10_000, 10_000, 4).piece // 2


def test_a_gpu_normalizes_larger_batches_than_a_core() -> None:
    shape = Network(10, (Dense(64, "relu", batch_norm=True),), 2, "softmax", "categorical_crossentropy")
    most, more = (piece_rows(shape, 4, capacity_of(device)) for device in ("cpu", "gpu"))
    assert more >= 32 * most
    check_batch(shape, most, 4, capacity_of("cpu"))
    check_batch(shape, more, 4, capacity_of("gpu"))
    for rows, device in ((most + 1, "cpu"), (more + 1, "gpu")):
        with pytest.raises(ValidationFailed, match="/batch_size: batch norm needs all"):
            check_batch(shape, rows, 4, capacity_of(device))


def test_small_steps_take_one_thread_and_large_ones_more() -> None:
    assert threads_for(network(64, 32), 32) == 1
    counts = [threads_for(network(784, 800), batch) for batch in (1, 32, 128, 1_024, 100_000)]
    assert counts == sorted(counts)
    assert counts[0] == 1
    assert counts[-1] == 16
