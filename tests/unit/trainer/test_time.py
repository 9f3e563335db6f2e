"""`max_seconds`: a run that is out of time closes its epoch where it is, and stays over."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from steepest.trainer import chunks, clock, stack
from steepest.trainer.arrays import Array
from steepest.trainer.chunks import Chunk
from steepest.trainer.course import Course
from steepest.trainer.engines.kernel_course import KernelCourse
from steepest.trainer.fit import EpochRecord, Failed, Finished, Progress
from tests.unit.trainer.world import TASKS, data_for, figures_of, records_of, spec_for, stack_of, train

ROWS, BATCH, CHUNKS = 40, 4, 5
"""An epoch has ten steps in five chunks."""


class Watch:
    """What time it is."""

    now = 0.0


@pytest.fixture(autouse=True)
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Each chunk takes a second."""
    watch = Watch()

    def slowed(advance: Callable[[Any, int, Chunk], Array]) -> Callable[[Any, int, Chunk], Array]:
        def slowly(course: Any, epoch: int, chunk: Chunk) -> Array:
            watch.now += 1
            return advance(course, epoch, chunk)

        return slowly

    monkeypatch.setattr(clock, "perf_counter", lambda: watch.now)
    monkeypatch.setattr(Course, "advance", slowed(Course.advance))
    monkeypatch.setattr(KernelCourse, "advance", slowed(KernelCourse.advance))
    monkeypatch.setattr(chunks, "STEPS", ROWS // BATCH // CHUNKS)
    monkeypatch.setattr("steepest.trainer.engines.kernel_course.MOST_STEPS", ROWS // BATCH // CHUNKS)
    monkeypatch.setattr(stack, "PROGRESS_SECONDS", 0.0)
    return watch


def spec_of(task: str = "regression", **fields: Any) -> Any:
    defaults = {"batch_size": BATCH, "epochs": 4, "precision": "float64", "early_stopping": None}
    return spec_for(task, ROWS, 20, **(defaults | fields))


def data(task: str = "regression") -> tuple[Array, Array, tuple[Array, Array]]:
    return *data_for(task, ROWS, dtype="float64"), data_for(task, 20, seed=1, dtype="float64")


@pytest.mark.parametrize(("seconds", "epoch", "chunk"), [(0.001, 1, 1), (2.5, 1, 3), (5.5, 2, 1), (8.0, 2, 3)])
@pytest.mark.parametrize("task", TASKS)
def test_the_epoch_is_closed_over_the_rows_seen(task: str, seconds: float, epoch: int, chunk: int, engine: str) -> None:
    X, y, validation = data(task)
    at_leisure = {}
    for item in train(spec_of(task), X, y, validation, engine=engine):
        if isinstance(item, Progress):
            at_leisure[item.epoch, item.step] = item.training_loss, item.state().theta[0]
    records, end = records_of(spec_of(task, max_seconds=seconds), X, y, validation, engine=engine)
    loss, theta = at_leisure[epoch, 2 * chunk]
    last = records[-1]
    assert (end.epochs, end.stopped_by) == (epoch, "max_seconds") == (last.epoch, end.stopped_by)
    assert last.training_loss == loss
    assert np.array_equal(end.last, theta)
    assert last.validation_loss is not None
    assert last.validation_metric is not None
    assert last.seconds == chunk
    if task == "regression":
        assert last.training_metric is None
    else:
        seen = chunk * ROWS / CHUNKS
        assert (last.training_metric or 0) * seen == pytest.approx(round((last.training_metric or 0) * seen))


def test_an_epoch_that_was_finished_in_time_is_whole(engine: str) -> None:
    X, y, validation = data()
    records, end = records_of(spec_of(max_seconds=CHUNKS), X, y, validation, engine=engine)
    whole, _ = records_of(spec_of(), X, y, validation, engine=engine)
    assert (end.epochs, end.stopped_by) == (1, "max_seconds")
    assert [figures_of(record) for record in records] == [figures_of(whole[0])]
    assert records[0].training_metric is not None


def test_time_enough_changes_nothing(engine: str) -> None:
    X, y, validation = data()
    _, end = records_of(spec_of(max_seconds=4 * CHUNKS + 1), X, y, validation, engine=engine)
    assert (end.epochs, end.stopped_by) == (4, "epochs")


@pytest.mark.parametrize("piece", [7, 13])
def test_a_step_that_was_not_finished_was_not_taken(piece: int, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "piece_rows", lambda *_: piece)
    X, y, validation = data("binary")
    (record,), end = records_of(spec_of("binary", batch_size="full", max_seconds=1.5), X, y, validation, engine=engine)
    assert (end.epochs, end.best_epoch, end.stopped_by) == (1, 1, "max_seconds")
    assert np.array_equal(end.last, end.initial)
    assert np.isfinite(record.training_loss)
    assert record.learning_rate == 0.001
    (whole, *_), _ = records_of(spec_of("binary", batch_size="full"), X, y, validation, engine=engine)
    assert record.training_loss != whole.training_loss


def test_over_is_over_in_another_process(engine: str) -> None:
    X, y, validation = data()
    spec = spec_of(max_seconds=7.5)
    states = [item.state() for item in train(spec, X, y, validation, engine=engine) if isinstance(item, EpochRecord)]
    whole = records_of(spec, X, y, validation, engine=engine)[1]
    records, end = records_of(spec, X, y, validation, state=states[-1], engine=engine)
    assert not records
    assert (end.epochs, end.best_epoch, end.stopped_by) == (whole.epochs, whole.best_epoch, "max_seconds")
    assert np.array_equal(end.theta, whole.theta)


def test_time_goes_on_where_it_stopped(engine: str) -> None:
    X, y, validation = data()
    spec = spec_of(max_seconds=7.5)
    whole, end = records_of(spec, X, y, validation, engine=engine)
    for item in train(spec, X, y, validation, engine=engine):
        if isinstance(item, Progress):
            state = item.state()
            records, resumed = records_of(spec, X, y, validation, state=state, engine=engine)
            assert (resumed.epochs, resumed.stopped_by) == (2, "max_seconds")
            assert np.array_equal(resumed.last, end.last)
            assert [record.as_dict() for record in records] == [record.as_dict() for record in whole[state.epoch - 1 :]]


@pytest.mark.parametrize("epoch", [1, 2])
def test_an_epoch_in_progress_is_closed_though_time_is_over(epoch: int, engine: str) -> None:
    X, y, validation = data()
    for item in train(spec_of(), X, y, validation):
        if isinstance(item, Progress) and (item.epoch, item.step) == (epoch, 4):
            state = replace(item.state(), elapsed=1e6)
    (record,), end = records_of(spec_of(max_seconds=100), X, y, validation, state=state, engine=engine)
    assert (record.epoch, end.epochs, end.stopped_by) == (epoch, epoch, "max_seconds")


def test_all_networks_of_a_stack_stop_together(engine: str) -> None:
    X, y, validation = data()
    specs = [spec_of(max_seconds=7.5, seed=seed) for seed in range(3)]
    items = list(stack_of(specs, (X, y), validation, engine=engine).run())
    ends = [item for item in items if isinstance(item, Finished)]
    records = [item for item in items if isinstance(item, EpochRecord) and item.epoch == 2]
    for spec, record, end in zip(specs, records, ends, strict=True):
        expected, alone = records_of(spec, X, y, validation, engine=engine)
        assert figures_of(record) == figures_of(expected[-1])
        assert (end.epochs, end.stopped_by) == (alone.epochs, alone.stopped_by) == (2, "max_seconds")
        assert np.array_equal(end.last, alone.last)


@pytest.mark.parametrize("seconds", [2.5, CHUNKS + 0.5, 2 * CHUNKS - 0.5])
def test_the_callers_time_is_not_the_runs(seconds: float, watch: Watch, engine: str) -> None:
    X, y, validation = data()
    spec = spec_of(max_seconds=seconds)
    records, end = records_of(spec, X, y, validation, engine=engine)
    slowly: list[Any] = []
    for item in train(spec, X, y, validation, engine=engine):
        watch.now += 1000
        slowly.append(item)
    assert [item.as_dict() for item in slowly if isinstance(item, EpochRecord)] == [each.as_dict() for each in records]
    assert slowly[-1].epochs == end.epochs
    assert np.array_equal(slowly[-1].last, end.last)


def test_nor_is_what_a_caller_does_about_a_network_that_failed(watch: Watch, engine: str) -> None:
    X, y, validation = data()
    specs = [
        spec_of(max_seconds=2 * CHUNKS + 0.5, optimizer={"name": "gradient_descent", "learning_rate": rate})
        for rate in (1e300, 0.01)
    ]
    items: list[Any] = []
    for item in stack_of(specs, (X, y), validation, engine=engine).run():
        watch.now += 1000
        items.append(item)
    assert any(isinstance(item, Failed) and item.net == 0 for item in items)
    assert (items[-1].epochs, items[-1].stopped_by) == (3, "max_seconds")
    assert [item.seconds for item in items if isinstance(item, EpochRecord)] == [CHUNKS, CHUNKS, 1]


def test_a_clock_that_stands_does_not_go_on(watch: Watch) -> None:
    stopwatch = clock.Clock()
    watch.now = 5
    assert (stopwatch.total, stopwatch.is_due(1)) == (0, False)
    stopwatch.resume()
    watch.now = 8
    stopwatch.resume()
    assert (stopwatch.total, stopwatch.is_due(3)) == (3, True)
    stopwatch.pause()
    watch.now = 20
    stopwatch.pause()
    assert (stopwatch.total, stopwatch.seconds) == (3, 3)
    stopwatch.next_epoch()
    assert (stopwatch.total, stopwatch.seconds, stopwatch.elapsed) == (3, 0, 3)
