"""Checkpoints come at the ends of epochs, and within those alone that are longer than the interval."""

from itertools import pairwise
from typing import Any

import pytest

from steepest.trainer.fit import EpochRecord, Progress
from worker.rhythm import Rhythm

EVERY = 30.0


def saves(
    epoch_seconds: float, epochs: int, every: float = EVERY, look: float = 0.25, cost: float = 0.0
) -> list[tuple[int, float]]:
    """When a job saves, each with the epochs finished then; the trainer yields every `look` seconds."""
    now = 0.0
    rhythm = Rhythm(every, lambda: now)
    found: list[tuple[int, float]] = []

    def yielded(item: Progress | EpochRecord, finished: int) -> None:
        nonlocal now
        if rhythm.is_due(item):
            found.append((finished, now))
            with rhythm.saving():
                now += cost

    for epoch in range(epochs):
        for _ in range(round(epoch_seconds / look) - 1):
            now += look
            yielded(Progress(epoch + 1, 1, 2, 0.5, nothing), epoch)
        now += look
        yielded(record(epoch + 1), epoch + 1)
    return found


def record(epoch: int) -> EpochRecord:
    return EpochRecord(epoch, 0.5, None, "accuracy", 0.5, None, 0.01, 1.0, False, nothing)


def nothing() -> Any:
    """No state: nobody looks at it."""


def test_short_epochs_are_waited_for() -> None:
    assert saves(7.0, 20) == [(5, 35.0), (10, 70.0), (15, 105.0), (20, 140.0)]


def test_long_epochs_are_not() -> None:
    """In the first the job learns that they are long; from then on nothing delays a checkpoint."""
    assert [at for _, at in saves(100.0, 3)] == [30.0 * number for number in range(1, 11)]


def test_epochs_of_just_less_than_the_interval_are_saved_one_by_one_or_two_by_two() -> None:
    assert saves(29.0, 4) == [(2, 58.0), (4, 116.0)]


@pytest.mark.parametrize("epoch_seconds", [0.25, 1.0, 3.0, 29.75, 30.0, 30.25, 59.0, 61.0, 400.0])
def test_no_more_than_two_intervals_are_ever_lost(epoch_seconds: float) -> None:
    times = [0.0, *(at for _, at in saves(epoch_seconds, round(600 / epoch_seconds)))]
    assert max(later - earlier for earlier, later in pairwise(times)) < 2 * EVERY


def test_after_a_failure_also_an_epoch_of_seconds_is_cut() -> None:
    assert [at for _, at in saves(5.0, 2, every=1.0)] == [1.0 * second for second in range(1, 11)]


def test_checkpoints_that_take_long_come_so_seldom_that_they_take_a_fiftieth_of_the_time() -> None:
    times = [at for _, at in saves(1.0, 1_000, cost=1.0)]
    assert times[0] == 30.0
    assert {later - earlier for earlier, later in pairwise(times)} == {51.0}
    assert [at for _, at in saves(1.0, 200, cost=0.5)][:3] == [30.0, 60.5, 91.0]


def test_who_asks_for_more_of_them_gets_them() -> None:
    assert [at for _, at in saves(1.0, 9, every=3.0, cost=1.0)] == [3.0, 7.0, 11.0]
