"""An attempt ends a job in each of the ways that a job can end, and never writes what it may not."""

import errno
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

import steepest
from steepest.run import limited_threads, numeric_environment, numeric_environments
from steepest.spec.errors import Unavailable
from steepest.spec.outcome import Environment
from steepest.spec.states import JobState
from steepest.trainer.engines import choice
from steepest.trainer.engines.choice import Engine
from steepest.trainer.fit import EpochRecord
from store import attempts, blobs
from store.database import Database
from store.models import DEFAULT_ACCOUNT, BlobRow, CheckpointRow, ChunkRow, JobRow
from tests.unit.worker.conftest import Desk, Hook, at_epoch, calm_weights, table
from worker import process, runner, saving, training


def test_a_job_gets_the_weights_that_the_library_gives(desk: Desk, dataset: str) -> None:
    job_id = desk.submit(dataset)
    runner.run(desk.here, job_id)
    job = desk.job(job_id)
    assert (job.status, job.attempt, job.stopped_by, job.bit_exact) == (JobState.SUCCEEDED, 1, "epochs", True)
    assert desk.events(job_id) == ["job.queued", "job.running", "job.succeeded"]
    assert desk.epochs(job_id) == [1, 2, 3, 4, 5, 6]
    run = steepest.train({"epochs": 6, "early_stopping": None}, *table())
    assert desk.weights(job_id) == run.model.theta.tobytes()
    assert job.result == run.result


def test_a_message_without_a_job_that_waits_does_nothing(desk: Desk, dataset: str) -> None:
    job_id = desk.submit(dataset)
    runner.run(desk.here, job_id)
    runner.run(desk.here, job_id)
    runner.run(desk.here, "job_of_nobody")
    assert desk.job(job_id).attempt == 1
    assert len(desk.events(job_id)) == 3


def test_a_worker_that_shuts_down_claims_nothing(desk: Desk, dataset: str) -> None:
    job_id = desk.submit(dataset)
    desk.here.drain.ask()
    runner.run(desk.here, job_id)
    assert desk.job(job_id).attempt == 0
    assert desk.queue.jobs == [job_id]


def test_a_drained_job_goes_on_elsewhere_to_the_same_bits(desk: Desk, dataset: str, before_each: Hook) -> None:
    calm = calm_weights(desk, dataset)
    job_id = desk.submit(dataset)
    before_each(at_epoch(3, desk.here.drain.ask))
    runner.run(desk.here, job_id)
    job = desk.job(job_id)
    assert (job.status, job.epoch, job.failures, job.worker) == (JobState.QUEUED, 3, 0, None)
    assert desk.queue.jobs == [job_id]
    desk.restart()
    runner.run(desk.here, job_id)
    job = desk.job(job_id)
    assert (job.status, job.attempt, job.bit_exact) == (JobState.SUCCEEDED, 2, True)
    assert desk.weights(job_id) == calm
    assert desk.epochs(job_id) == [1, 2, 3, 4, 5, 6]
    assert "job.resumed" in desk.events(job_id)


def test_a_lost_attempt_is_rewound_to_its_checkpoint(desk: Desk, dataset: str, before_each: Hook) -> None:
    calm = calm_weights(desk, dataset)
    job_id = desk.submit(dataset, checkpoint_every={"seconds": 0.001})

    def die() -> None:
        raise SystemExit  # as a killed process: nothing further is written

    before_each(at_epoch(5, die))
    with pytest.raises(SystemExit):
        runner.run(desk.here, job_id)
    with desk.here.database.write() as session:
        assert attempts.expire(session, job_id, 1, reason="worker_lost") is JobState.QUEUED
    runner.run(desk.here, job_id)
    assert desk.job(job_id).status is JobState.SUCCEEDED
    assert desk.weights(job_id) == calm
    assert desk.epochs(job_id) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(("undamaged", "resumed"), [(1, 3), (0, 0)])
def test_a_damaged_checkpoint_is_not_used(
    undamaged: int, resumed: int, desk: Desk, dataset: str, before_each: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But the one before it; where that is damaged too, the job begins anew."""
    calm = calm_weights(desk, dataset)
    job_id = desk.submit(dataset)
    monkeypatch.setattr(saving.Saver, "is_due", lambda *_: True)
    before_each(at_epoch(4, desk.here.drain.ask))
    runner.run(desk.here, job_id)
    with desk.here.database.write() as session:
        newest_first = select(CheckpointRow.epoch, CheckpointRow.state_blob_id).order_by(CheckpointRow.epoch.desc())
        states = session.execute(newest_first.where(CheckpointRow.state_blob_id.is_not(None))).all()
        assert [epoch for epoch, _ in states] == [4, 3]
        damaged = [state for _, state in states[: 2 - undamaged]]
        session.execute(update(ChunkRow).where(ChunkRow.blob_id.in_(damaged)).values(crc32=0))
    desk.restart()
    runner.run(desk.here, job_id)
    assert desk.job(job_id).status is JobState.SUCCEEDED
    assert (desk.weights(job_id), desk.weights(job_id, "best")) == (calm, calm_weights(desk, dataset, "best"))
    assert desk.epochs(job_id) == [1, 2, 3, 4, 5, 6]
    (told,) = desk.told(job_id, "job.resumed")
    assert told == {
        "epoch": resumed,
        "step": 0,
        "damaged": [{"epoch": epoch, "step": 0} for epoch in (4, 3)[: 2 - undamaged]],
    }


def test_an_attempt_that_lost_its_job_writes_nothing(desk: Desk, dataset: str, before_each: Hook) -> None:
    job_id = desk.submit(dataset)

    def take_over() -> None:
        with desk.here.database.write() as session:
            attempts.expire(session, job_id, 1, reason="worker_lost")
        with desk.here.database.write() as session:
            assert attempts.claim(session, job_id, "another", 15.0) is not None

    before_each(at_epoch(4, take_over))
    runner.run(desk.here, job_id)
    job = desk.job(job_id)
    assert (job.status, job.attempt, job.worker, job.result) == (JobState.RUNNING, 2, "another", None)
    assert desk.events(job_id) == ["job.queued", "job.running", "job.queued", "job.running"]


def test_a_run_that_diverges_is_the_users_to_mend(desk: Desk, dataset: str) -> None:
    optimizer = {"name": "gradient_descent", "learning_rate": 1e30}
    job_id = desk.submit(dataset, optimizer=optimizer)
    runner.run(desk.here, job_id)
    job = desk.job(job_id)
    assert job.status is JobState.FAILED
    assert job.error is not None
    assert (job.error.code, job.error.fault, job.error.retryable) == ("diverged", "user", False)
    assert np.isfinite(np.frombuffer(desk.weights(job_id, "initial"), np.float32)).all()
    assert desk.epochs(job_id) == list(range(1, job.epoch + 1))


@pytest.mark.parametrize(
    ("error", "code", "fault"),
    [
        (ZeroDivisionError("secret"), "training_failed", "system"),
        (MemoryError("secret"), "out_of_memory", "user"),
        (OSError(errno.ENOSPC, "secret"), "disk_full", "system"),
        (OSError(errno.EIO, "secret"), "training_failed", "system"),
    ],
)
def test_what_only_we_understand_is_told_in_words(
    desk: Desk, dataset: str, before_each: Hook, error: Exception, code: str, fault: str
) -> None:
    job_id = desk.submit(dataset)

    def fail() -> None:
        raise error

    before_each(at_epoch(3, fail))
    runner.run(desk.here, job_id)
    job = desk.job(job_id)
    assert (job.status, job.epoch) == (JobState.FAILED, 2)
    assert job.error is not None
    assert (job.error.code, job.error.fault) == (code, fault)
    assert "secret" not in job.error.model_dump_json()
    assert "Traceback" not in job.error.model_dump_json()


class Outage:
    """The database's silence, from a moment on until it is over."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = 0
        real = Database.write

        @contextmanager
        def write(database: Database) -> Iterator[Session]:
            if self.left > 0:
                self.left -= 1
                raise Unavailable("away")
            with real(database) as session:
                yield session

        monkeypatch.setattr(Database, "write", write)


def test_an_outage_loses_no_record(
    desk: Desk, dataset: str, before_each: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    outage = Outage(monkeypatch)
    monkeypatch.setattr("worker.attempt.PAUSE_SECONDS", 0.0)
    monkeypatch.setattr("worker.recorder.EVERY_SECONDS", 0.0)
    job_id = desk.submit(dataset)
    before_each(at_epoch(2, lambda: setattr(outage, "left", 6)))
    runner.run(desk.here, job_id)
    assert outage.left == 0
    assert desk.job(job_id).status is JobState.SUCCEEDED
    assert desk.epochs(job_id) == [1, 2, 3, 4, 5, 6]


def test_an_outage_while_loading_is_no_failure_of_the_job(
    desk: Desk, dataset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise Unavailable("away")

    job_id = desk.submit(dataset)
    with monkeypatch.context() as outage:
        outage.setattr(training, "prepared", away)
        runner.run(desk.here, job_id)
    job = desk.job(job_id)
    assert (job.status, job.failures, job.error) == (JobState.QUEUED, 0, None)
    runner.run(desk.here, job_id)
    assert desk.job(job_id).status is JobState.SUCCEEDED


def test_bytes_that_a_twin_let_go_are_stored_anew(desk: Desk, dataset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two equal jobs store the same bytes once; one may drop them between the other's two transactions."""
    job_id = desk.submit(dataset)
    write = blobs.write

    def write_and_lose(*arguments: Any) -> BlobRow:
        row = write(*arguments)
        with desk.here.database.write() as session:
            blobs.hold(session, DEFAULT_ACCOUNT, row.id)
        with desk.here.database.write() as session:
            blobs.let_go(session, [row.id])
        return row

    with monkeypatch.context() as twin:
        twin.setattr(blobs, "write", write_and_lose)
        runner.run(desk.here, job_id)
    job = desk.job(job_id)
    assert (job.status, job.failures, job.error) == (JobState.QUEUED, 0, None)
    runner.run(desk.here, job_id)
    assert desk.job(job_id).status is JobState.SUCCEEDED
    assert desk.epochs(job_id) == [1, 2, 3, 4, 5, 6]


def test_a_message_that_comes_in_an_outage_is_left_to_the_reconciler(
    desk: Desk, dataset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = desk.submit(dataset)
    Outage(monkeypatch).left = 1
    runner.run(desk.here, job_id)
    assert desk.job(job_id).attempt == 0


def test_a_worker_cut_off_for_longer_than_its_lease_stops_itself(
    desk: Desk, dataset: str, before_each: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    outage = Outage(monkeypatch)
    object.__setattr__(desk.here.settings, "lease_seconds", 1.0)
    job_id = desk.submit(dataset, epochs=1_000_000)
    before_each(at_epoch(2, lambda: setattr(outage, "left", 1_000_000)))
    runner.run(desk.here, job_id)
    job = desk.job(job_id)
    assert (job.status, job.attempt) == (JobState.RUNNING, 1)
    outage.left = 0


def test_another_numeric_environment_is_said(
    desk: Desk, dataset: str, before_each: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = drained(desk, dataset, before_each)

    def other(engine: Engine) -> Environment:
        return numeric_environment(engine).model_copy(update={"blas": "another"})

    monkeypatch.setattr(training, "numeric_environment", other)
    runner.run(desk.here, job_id)
    job = desk.job(job_id)
    assert (job.status, job.bit_exact) == (JobState.SUCCEEDED, False)
    assert job.environment is not None
    assert job.environment.blas != "another"


def test_what_was_in_another_environment_for_a_while_says_so(
    desk: Desk, dataset: str, before_each: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last attempt is in the first environment again, and goes on from weights of the other one."""
    job_id = drained(desk, dataset, before_each)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(
            training,
            "numeric_environment",
            lambda engine: numeric_environment(engine).model_copy(update={"blas": "another"}),
        )
        before_each(at_epoch(5, desk.here.drain.ask))
        runner.run(desk.here, job_id)
        desk.restart()
    runner.run(desk.here, job_id)
    job = desk.job(job_id)
    assert (job.status, job.attempt, job.bit_exact) == (JobState.SUCCEEDED, 3, False)


def drained(desk: Desk, dataset: str, before_each: Hook) -> str:
    """A job that one worker began, before another one in its place."""
    job_id = desk.submit(dataset)
    before_each(at_epoch(3, desk.here.drain.ask))
    runner.run(desk.here, job_id)
    desk.restart()
    return job_id


def test_a_job_waits_for_a_worker_of_its_environment_and_then_goes_on_with_any(
    desk: Desk, dataset: str, before_each: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = drained(desk, dataset, before_each)

    def others(device: str) -> list[Environment]:
        return [each.model_copy(update={"blas": "another"}) for each in numeric_environments(device)]

    monkeypatch.setattr(process, "numeric_environments", others)
    runner.run(desk.here, job_id)
    assert (desk.job(job_id).status, desk.job(job_id).attempt) == (JobState.QUEUED, 1)
    object.__setattr__(desk.here.settings, "environment_wait_seconds", 0.0)
    runner.run(desk.here, job_id)
    assert (desk.job(job_id).status, desk.job(job_id).attempt) == (JobState.SUCCEEDED, 2)


def test_a_job_keeps_its_number_of_threads(
    desk: Desk, dataset: str, before_each: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine with more cores goes on with as many as the first one had."""
    few: list[int] = []
    wanted = Engine("numpy", 16)
    monkeypatch.setattr(training, "choose", lambda *_, **__: wanted)
    with monkeypatch.context() as smaller:
        smaller.setattr(training, "choose", lambda *_, **__: replace(wanted, threads=1))
        job_id = drained(desk, dataset, before_each)

    def noted(engine: Engine) -> AbstractContextManager[Engine]:
        few.append(engine.threads)
        return limited_threads(engine)

    monkeypatch.setattr(training, "limited_threads", noted)
    runner.run(desk.here, job_id)
    assert (few, desk.job(job_id).bit_exact) == ([1], True)


def drained_and_resumed(desk: Desk, dataset: str, before_each: Hook, between: Callable[[], None]) -> JobRow:
    """A job that one worker began and another ended."""
    job_id = drained(desk, dataset, before_each)
    between()
    runner.run(desk.here, job_id)
    job = desk.job(job_id)
    assert job.status is JobState.SUCCEEDED
    assert desk.epochs(job_id) == [1, 2, 3, 4, 5, 6]
    return job


def test_a_worker_without_the_engine_goes_on_with_what_it_has(
    desk: Desk, dataset: str, before_each: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    steepest.warm_up()
    calm = calm_weights(desk, dataset)

    def uninstall() -> None:
        monkeypatch.setattr(choice, "KERNELS", "steepest.trainer.engines.nowhere")

    job = drained_and_resumed(desk, dataset, before_each, uninstall)
    assert not job.bit_exact
    assert job.environment is not None
    assert (job.environment.engine, job.environment.numba) == ("numba", version("numba"))
    weights, expected = (np.frombuffer(each, np.float32) for each in (desk.weights(job.id), calm))
    assert np.allclose(weights, expected, rtol=1e-3, atol=1e-5)


def test_a_job_keeps_the_engine_that_it_began_with(
    desk: Desk, dataset: str, before_each: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(choice, "KERNELS", "steepest.trainer.engines.nowhere")
        calm = calm_weights(desk, dataset)

        def install() -> None:
            elsewhere.undo()
            steepest.warm_up()

        job = drained_and_resumed(desk, dataset, before_each, install)
    assert job.bit_exact
    assert job.environment is not None
    assert (job.environment.engine, job.environment.numba, job.environment.scipy) == ("numpy", None, None)
    assert desk.weights(job.id) == calm


def test_the_attempt_after_a_failure_checkpoints_soon(desk: Desk, dataset: str, before_each: Hook) -> None:
    job_id = desk.submit(dataset, checkpoint_every={"seconds": 600})
    with desk.here.database.write() as session:
        session.execute(update(JobRow).where(JobRow.id == job_id).values(failures=1))
        claim = attempts.claim(session, job_id, "w", 15.0)
    assert claim is not None
    now = iter((0.0, saving.SOON_SECONDS))
    saver = saving.Saver(desk.here.database, claim, None, None, None, clock=lambda: next(now))  # type: ignore[arg-type]  # unused
    assert saver.is_due(EpochRecord(1, 0.5, None, "accuracy", 0.5, None, 0.01, 1.0, False, state=None))  # type: ignore[arg-type]  # unused
