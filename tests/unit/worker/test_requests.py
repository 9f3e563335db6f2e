"""What a person asks of a job while a worker has it: each is seen wherever the attempt is, and loses nothing."""

import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from steepest.spec.states import JobState
from store import checkpoints, jobs
from store.models import DEFAULT_ACCOUNT, JobRow
from tests.unit.worker.conftest import Desk, Hook, at_epoch, calm_weights
from worker import runner, saving, training


def test_a_cancelled_job_keeps_its_last_checkpoint(desk: Desk, dataset: str, before_each: Hook) -> None:
    job_id = desk.submit(dataset, epochs=100_000)

    def cancel() -> None:
        with desk.here.database.write() as session:
            jobs.cancel(session, DEFAULT_ACCOUNT, job_id)

    before_each(at_epoch(2, cancel))
    runner.run(desk.here, job_id)
    job = desk.job(job_id)
    assert job.status is JobState.CANCELLED
    assert 2 <= job.epoch < 100_000
    assert desk.epochs(job_id) == list(range(1, job.epoch + 1))
    assert desk.weights(job_id)
    assert desk.queue.jobs == []


def test_a_paused_job_goes_on_to_the_same_bits(desk: Desk, dataset: str, before_each: Hook) -> None:
    calm = calm_weights(desk, dataset)
    job_id = desk.submit(dataset)

    def pause() -> None:
        with desk.here.database.write() as session:
            jobs.pause(session, DEFAULT_ACCOUNT, job_id)
        desk.here.drain.ask()  # the attempt ends at once, and the job is paused, whatever ended it

    before_each(at_epoch(3, pause))
    runner.run(desk.here, job_id)
    job = desk.job(job_id)
    assert (job.status, job.epoch, job.worker, job.failures) == (JobState.PAUSED, 3, None, 0)
    assert desk.queue.jobs == []
    desk.restart()
    runner.run(desk.here, job_id)
    assert desk.job(job_id).attempt == 1, "a paused job waits until it is resumed"
    with desk.here.database.write() as session:
        jobs.resume(session, DEFAULT_ACCOUNT, job_id)
    runner.run(desk.here, job_id)
    job = desk.job(job_id)
    assert (job.status, job.attempt, job.bit_exact) == (JobState.SUCCEEDED, 2, True)
    assert desk.weights(job_id) == calm
    assert desk.epochs(job_id) == [1, 2, 3, 4, 5, 6]


def test_a_failed_job_is_retried_from_its_last_checkpoint(desk: Desk, dataset: str, before_each: Hook) -> None:
    calm = calm_weights(desk, dataset)
    job_id = desk.submit(dataset, checkpoint_every={"seconds": 0.001})

    def break_down() -> None:
        raise RuntimeError("a bug of ours")

    before_each(at_epoch(5, break_down))
    runner.run(desk.here, job_id)
    job = desk.job(job_id)
    assert (job.status, job.error is not None) == (JobState.FAILED, True)
    assert desk.weights(job_id, "last"), "the last checkpoint of a failed job stays"
    with desk.here.database.write() as session:
        jobs.retry(session, DEFAULT_ACCOUNT, job_id)
    runner.run(desk.here, job_id)
    job = desk.job(job_id)
    assert (job.status, job.attempt, job.error, job.bit_exact) == (JobState.SUCCEEDED, 2, None, True)
    assert desk.weights(job_id) == calm
    assert desk.epochs(job_id) == [1, 2, 3, 4, 5, 6]
    assert "job.resumed" in desk.events(job_id)


def asked_while(
    desk: Desk, job_id: str, monkeypatch: pytest.MonkeyPatch, ask: Callable[..., JobRow], module: ModuleType, name: str
) -> None:
    """Run the job, and ask for something as soon as it does `name`, which takes until it has been seen."""
    real = getattr(module, name)

    def slow(*arguments: Any, **options: Any) -> Any:
        with desk.here.database.write() as session:
            ask(session, DEFAULT_ACCOUNT, job_id)
        watch = options.get("watch") or arguments[-1]
        while True:
            watch()
            time.sleep(0.01)

    with monkeypatch.context() as slowed:
        slowed.setattr(module, name, slow)
        runner.run(desk.here, job_id)
    assert getattr(module, name) is real


@pytest.mark.parametrize(("module", "name"), [(training, "prepared"), (saving, "result_of")])
def test_a_job_is_paused_while_it_loads_and_while_it_is_measured(
    desk: Desk, dataset: str, monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str
) -> None:
    calm = calm_weights(desk, dataset)
    job_id = desk.submit(dataset)
    asked_while(desk, job_id, monkeypatch, jobs.pause, module, name)
    assert desk.job(job_id).status is JobState.PAUSED
    with desk.here.database.write() as session:
        jobs.resume(session, DEFAULT_ACCOUNT, job_id)
    runner.run(desk.here, job_id)
    job = desk.job(job_id)
    assert (job.status, job.attempt, job.failures, job.bit_exact) == (JobState.SUCCEEDED, 2, 0, True)
    assert desk.weights(job_id) == calm
    assert desk.epochs(job_id) == [1, 2, 3, 4, 5, 6]


def test_a_job_that_is_cancelled_while_it_is_measured_keeps_its_weights(
    desk: Desk, dataset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm = calm_weights(desk, dataset)
    job_id = desk.submit(dataset)
    asked_while(desk, job_id, monkeypatch, jobs.cancel, saving, "result_of")
    job = desk.job(job_id)
    assert (job.status, job.epoch, job.result) == (JobState.CANCELLED, 6, None)
    assert desk.weights(job_id, "last") == calm
    assert desk.epochs(job_id) == [1, 2, 3, 4, 5, 6]


def test_large_weights_keep_nobody_waiting_who_cancels(
    desk: Desk, dataset: str, before_each: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "QUICK_BYTES", 0)
    job_id = desk.submit(dataset, epochs=100_000)

    def cancel() -> None:
        with desk.here.database.write() as session:
            jobs.cancel(session, DEFAULT_ACCOUNT, job_id)

    before_each(at_epoch(2, cancel))
    runner.run(desk.here, job_id)
    job = desk.job(job_id)
    assert job.status is JobState.CANCELLED
    assert desk.epochs(job_id) == list(range(1, job.epoch + 1))
    with desk.here.database.read() as session:
        assert checkpoints.find(session, job, "last") is None
