"""Chunks cover an epoch without gap or overlap, and keep the bounds that let a run stop in time."""

from math import ceil

from hypothesis import given, settings
from hypothesis import strategies as st

from steepest.trainer import chunks
from steepest.trainer.chunks import Cutting, work
from steepest.trainer.network import Dense, Network
from steepest.trainer.threads import threads_for


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
    for number in range(len(cutting)):
        chunk = cutting[number]
        assert chunk.start == row
        assert chunk.step == step
        assert 0 < chunk.rows <= cutting.piece
        if cutting.in_pieces:
            assert chunk.batch == min(batch, rows - step * batch)
            assert bool(chunk.steps) == (chunk.stop == min((step + 1) * batch, rows))
        row, step = chunk.stop, step + chunk.steps
    assert (row, step) == (rows, ceil(rows / batch))
    assert step == cutting.steps


@settings(max_examples=200, deadline=None)
@given(
    inputs=st.integers(1, 5_000),
    units=st.integers(1, 20_000),
    rows=st.integers(1, 1_000_000),
    batch=st.integers(1, 1_000_000),
)
def test_chunks_are_bounded(inputs: int, units: int, rows: int, batch: int) -> None:
    shape = network(inputs, units)
    cutting = Cutting.of(shape, rows, min(batch, rows), 4)
    if cutting.piece > 1:
        assert work(shape, cutting.piece) <= chunks.CHUNK
    assert cutting.together <= chunks.STEPS
    if cutting.together > 1:
        assert cutting.piece * (inputs + 1) * 4 <= chunks.INPUT_BYTES


def test_double_precision_is_cut_finer() -> None:
    shape = network(1_000, 5_000)
    assert Cutting.of(shape, 10_000, 10_000, 8).piece <= Cutting.of(shape, 10_000, 10_000, 4).piece // 2


def test_small_steps_take_one_thread_and_large_ones_more() -> None:
    assert threads_for(network(64, 32), 32) == 1
    counts = [threads_for(network(784, 800), batch) for batch in (1, 32, 128, 1_024, 100_000)]
    assert counts == sorted(counts)
    assert counts[0] == 1
    assert counts[-1] == 16
