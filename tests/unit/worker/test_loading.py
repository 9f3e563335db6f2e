"""Large rows are prepared once, shared, kept while they are in use, and give the same weights as small ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from steepest.spec.states import JobState
from steepest.trainer.fit import EpochRecord
from tests.unit.worker.conftest import Desk, Item
from worker import loading, runner

Hook = Callable[[Callable[[Item], None]], None]
BLOCKS = {"method": "blocks", "block_rows": 5, "window_blocks": 3}


@pytest.fixture
def in_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """No rows are too few for files."""
    monkeypatch.setattr(loading, "IN_MEMORY_BYTES", 0)


def arrays(desk: Desk) -> list[Path]:
    """The folders of prepared arrays."""
    return sorted(path.parent for path in desk.here.settings.cache.glob("*/prepared.json"))


def test_rows_in_files_give_the_weights_of_rows_in_memory(
    desk: Desk, dataset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = []
    for most in (1 << 30, 0):
        monkeypatch.setattr(loading, "IN_MEMORY_BYTES", most)
        job_id = desk.submit(dataset, shuffle=BLOCKS, batch_size=8)
        runner.run(desk.here, job_id)
        assert desk.job(job_id).status is JobState.SUCCEEDED
        ends.append((desk.weights(job_id), desk.job(job_id).result))
        assert len(arrays(desk)) == (not most)
    assert ends[0] == ends[1]


def test_jobs_on_the_same_rows_share_them(desk: Desk, dataset: str, in_files: None) -> None:
    jobs: list[dict[str, Any]] = [{}, {"seed": 4}, {"layers": []}]
    for fields in jobs:
        runner.run(desk.here, desk.submit(dataset, **fields))
        (folder,) = arrays(desk)
        if not fields:
            first = (folder / "training.inputs.npy").stat().st_ino
        assert (folder / "training.inputs.npy").stat().st_ino == first
    runner.run(desk.here, desk.submit(dataset, precision="float64"))
    runner.run(desk.here, desk.submit(dataset, split={"seed": 1}))
    assert len(arrays(desk)) == 3


def test_rows_in_use_stay(desk: Desk, dataset: str, in_files: None, before_each: Hook) -> None:
    """The cache has no room for what it holds: all goes but what a job reads."""
    desk.here.cache._limit_bytes = 1
    seen: list[int] = []

    def look(item: Item) -> None:
        if isinstance(item, EpochRecord):
            seen.append(len(arrays(desk)))

    before_each(look)
    for seed in (0, 1):
        runner.run(desk.here, desk.submit(dataset, split={"seed": seed}))
    assert seen == [1] * 12


def test_a_drained_job_goes_on_with_the_same_rows_to_the_same_bits(
    desk: Desk, dataset: str, in_files: None, before_each: Hook
) -> None:
    calm = desk.submit(dataset, shuffle=BLOCKS, batch_size=8)
    runner.run(desk.here, calm)
    stopped: list[int] = []

    def stop(item: Item) -> None:
        if isinstance(item, EpochRecord) and item.epoch == 3 and not stopped:
            stopped.append(item.epoch)
            desk.here.drain.ask()

    before_each(stop)
    job_id = desk.submit(dataset, shuffle=BLOCKS, batch_size=8)
    runner.run(desk.here, job_id)
    assert desk.job(job_id).status is JobState.QUEUED
    desk.restart()
    runner.run(desk.here, job_id)
    assert (desk.job(job_id).status, desk.job(job_id).attempt) == (JobState.SUCCEEDED, 2)
    assert desk.weights(job_id) == desk.weights(calm)


def test_rows_that_cannot_be_prepared_leave_nothing(desk: Desk, in_files: None) -> None:
    from worker import ingest

    lines = [f"{row},{1e300 if row == 7 else row},{row % 2}" for row in range(40)]
    dataset = desk.upload(("a,b,y\n" + "\n".join(lines)).encode())
    ingest.run(desk.here, dataset)
    job_id = desk.submit(dataset, preprocess={"numeric": "none"})
    runner.run(desk.here, job_id)
    job = desk.job(job_id)
    assert job.status is JobState.FAILED
    assert job.error is not None
    assert job.error.code == "data_unusable"
    assert arrays(desk) == []
