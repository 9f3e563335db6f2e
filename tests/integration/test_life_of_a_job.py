"""Jobs and data sets over the real broker, database, workers and reconciler, undisturbed and killed at any moment."""

import os
import signal
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import update

from steepest.export import safetensors
from steepest.spec.figures import EvaluationResult, PredictionResult
from steepest.spec.states import ComputationState, DatasetState, JobState
from store import checkpoints
from store.database import now
from store.models import CheckpointRow, ComputationKind, EpochRow, EventRow, JobRow
from tests.integration.conftest import table
from tests.integration.stack import Stack, until


@pytest.fixture(scope="module")
def calm(stack: Stack, body: dict[str, Any]) -> bytes:
    """The weights of the job when nothing disturbs it."""
    stack.trainers(1)
    return stack.weights(stack.ended(stack.submit(body)).id, "last")


def check_history(stack: Stack, job: JobRow) -> None:
    """Epochs and events without a gap and without a double."""
    assert [row.epoch for row in stack.rows_of(job.id, EpochRow)] == list(range(1, job.epochs + 1))
    assert [row.number for row in stack.rows_of(job.id, EventRow)] == list(range(1, job.last_event + 1))


def check_recovered(stack: Stack, job_id: str, calm: bytes) -> JobRow:
    """The job succeeded in a later attempt, as if nothing had happened."""
    job = stack.ended(job_id)
    assert job.status is JobState.SUCCEEDED, job.error
    assert job.attempt > 1
    assert job.bit_exact
    check_history(stack, job)
    assert stack.weights(job_id, "last") == calm
    resumed = next(row for row in stack.rows_of(job_id, EventRow) if row.type == "job.resumed")
    assert resumed.data["epoch"] > 0, "it began anew instead of going on from its checkpoint"
    return job


def test_a_job_goes_from_upload_to_weights(stack: Stack, dataset: str) -> None:
    stack.trainers(1)
    job = stack.ended(stack.submit({"dataset": dataset, "target": "y", "epochs": 12}))
    assert job.status is JobState.SUCCEEDED, job.error
    assert [row.type for row in stack.rows_of(job.id, EventRow)] == ["job.queued", "job.running", "job.succeeded"]
    check_history(stack, job)
    assert job.result is not None
    assert job.result.test_accuracy is not None
    assert job.result.test_accuracy > 0.6
    assert job.environment is not None
    assert (job.attempt, job.failures, job.bit_exact, job.stopped_by) == (1, 0, True, "epochs")
    saved = {kind: row for row in stack.rows_of(job.id, CheckpointRow) for kind in checkpoints.kinds(row)}
    assert (saved["initial"].epoch, saved["last"].epoch) == (0, 12)
    assert saved["best"].epoch == job.result.best_epoch
    assert all(row.state_blob_id is None for row in saved.values()), "the states of a finished job are of no use"
    best = safetensors.load(stack.weights(job.id, "best"))
    assert best.predict(np.array([[3.0, 0.0, 0.0, 0.0], [-3.0, 0.0, 0.0, 0.0]])).tolist() == ["1", "0"]


def test_a_killed_child_costs_no_bit(stack: Stack, body: dict[str, Any], calm: bytes) -> None:
    stack.trainers(1)
    job_id = stack.submit(body)
    stack.under_way(job_id)
    holder = stack.holder(job_id)
    os.kill(stack.child_of(job_id), signal.SIGKILL)
    check_recovered(stack, job_id, calm)
    assert holder.running


@pytest.mark.parametrize(
    ("engine", "data", "fields"),
    [
        (
            "numba",
            "dataset",
            {
                "layers": [{"units": 128, "dropout": 0.3, "batch_norm": True}, {"units": 64, "dropout": 0.1}],
                "schedule": {"name": "plateau", "patience": 20, "factor": 0.5},
                "early_stopping": {"monitor": "validation_accuracy", "patience": 1_000},
            },
        ),
        ("numpy", "large", {"layers": [{"units": 64}], "optimizer": {"name": "lbfgs"}, "epochs": 300}),
    ],
)
def test_nor_does_it_where_there_is_more_to_go_on_with(
    stack: Stack, body: dict[str, Any], engine: str, data: str, fields: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    stack.trainers(1)
    more = body | fields | {"dataset": request.getfixturevalue(data)}
    calm = stack.weights(stack.ended(stack.submit(more)).id, "last")
    job_id = stack.submit(more)
    stack.under_way(job_id)
    os.kill(stack.child_of(job_id), signal.SIGKILL)
    job = check_recovered(stack, job_id, calm)
    assert job.environment is not None
    assert job.environment.engine == engine


def test_a_killed_worker_costs_no_bit(stack: Stack, body: dict[str, Any], calm: bytes) -> None:
    stack.trainers(1)
    job_id = stack.submit(body)
    stack.under_way(job_id)
    stack.holder(job_id).kill()
    stack.trainers(1)
    check_recovered(stack, job_id, calm)


def test_a_frozen_child_that_wakes_up_late_writes_nothing(stack: Stack, body: dict[str, Any], calm: bytes) -> None:
    stack.trainers(2)
    job_id = stack.submit(body)
    stack.under_way(job_id)
    frozen = stack.freeze(job_id)
    try:
        until(lambda: stack.job(job_id).attempt == 2)
    finally:
        os.kill(frozen, signal.SIGCONT)
    job = check_recovered(stack, job_id, calm)
    assert job.attempt == 2


def test_a_worker_that_shuts_down_hands_its_job_to_another(stack: Stack, body: dict[str, Any], calm: bytes) -> None:
    stack.trainers(2)
    job_id = stack.submit(body)
    stack.under_way(job_id)
    holder = stack.holder(job_id)
    holder.drain()
    job = check_recovered(stack, job_id, calm)
    assert (job.attempt, job.failures) == (2, 0)
    first, second = (row.data["worker"] for row in stack.rows_of(job_id, EventRow) if row.type == "job.running")
    assert first.startswith(f"{holder.name}/")
    assert not second.startswith(f"{holder.name}/")


def test_a_job_is_cancelled_in_the_middle_of_an_epoch(stack: Stack, large: str) -> None:
    layers = [{"units": 512}, {"units": 512}, {"units": 512}]
    long_epoch = {"dataset": large, "target": "y", "epochs": 2, "batch_size": 1, "layers": layers}
    stack.trainers(1)
    job_id = stack.submit(long_epoch)
    until(lambda: stack.job(job_id).step > 0)
    stack.cancel(job_id)
    job = stack.ended(job_id)
    assert job.status is JobState.CANCELLED
    assert job.epoch == 0, "the epoch was over before the job was cancelled: make it longer"
    (last,) = [row for row in stack.rows_of(job_id, CheckpointRow) if row.is_last]
    assert (last.epoch, last.step) == (0, job.step)
    assert safetensors.load(stack.weights(job_id, "last")).network.parameters > 500_000


def test_a_paused_job_frees_its_worker_and_goes_on_elsewhere_to_the_same_bits(
    stack: Stack, body: dict[str, Any], calm: bytes
) -> None:
    stack.trainers(1)
    job_id = stack.submit(body)
    stack.under_way(job_id)
    first = stack.holder(job_id)
    stack.pause(job_id)
    until(lambda: stack.job(job_id).status is JobState.PAUSED)
    paused = stack.job(job_id)
    assert (paused.worker, paused.failures) == (None, 0)
    assert stack.ended(stack.submit(body | {"epochs": 2})).status is JobState.SUCCEEDED
    first.kill()
    stack.trainers(1)
    stack.resume(job_id)
    job = check_recovered(stack, job_id, calm)
    assert (job.attempt, job.failures) == (2, 0)


def test_a_job_is_paused_in_the_middle_of_an_epoch(stack: Stack, large: str) -> None:
    layers = [{"units": 512}, {"units": 512}, {"units": 512}]
    stack.trainers(1)
    job_id = stack.submit({"dataset": large, "target": "y", "epochs": 2, "batch_size": 1, "layers": layers})
    until(lambda: stack.job(job_id).step > 0)
    stack.pause(job_id)
    until(lambda: stack.job(job_id).status is JobState.PAUSED)
    job = stack.job(job_id)
    assert job.epoch == 0, "the epoch was over before the job was paused: make it longer"
    stack.resume(job_id)
    until(lambda: stack.job(job_id).step > job.step)
    resumed = [row.data for row in stack.rows_of(job_id, EventRow) if row.type == "job.resumed"]
    assert [(data["epoch"], data["step"]) for data in resumed] == [(0, job.step)]
    stack.cancel(job_id)
    assert stack.ended(job_id).status is JobState.CANCELLED


def test_a_data_set_whose_reader_was_killed_is_read_again(stack: Stack) -> None:
    dataset_id = stack.upload(table(150_000, features=8))
    until(lambda: stack.dataset(dataset_id).worker is not None)
    os.kill(int((stack.dataset(dataset_id).worker or "").rpartition("/")[2]), signal.SIGKILL)
    until(lambda: stack.dataset(dataset_id).status is not DatasetState.VALIDATING)
    row = stack.dataset(dataset_id)
    assert (row.status, row.rows, row.attempt) == (DatasetState.READY, 150_000, 2)


def test_a_computation_whose_worker_was_killed_is_worked_out_again(stack: Stack, large: str) -> None:
    stack.trainers(1)
    job = stack.ended(stack.submit({"dataset": large, "target": "y", "epochs": 1, "layers": [{"units": 64}]}))
    assert job.status is JobState.SUCCEEDED, job.error
    evaluation_id = stack.compute(
        job.id, ComputationKind.EVALUATION, large, permutation_importance={"repeats": 100, "seed": 1}
    )
    until(lambda: stack.computation(evaluation_id).worker is not None)
    os.kill(int((stack.computation(evaluation_id).worker or "").rpartition("/")[2]), signal.SIGKILL)
    prediction_id = stack.compute(job.id, ComputationKind.PREDICTION, large)
    for computation_id in (evaluation_id, prediction_id):
        until(lambda computation_id=computation_id: stack.computation(computation_id).status.is_terminal)  # type: ignore[misc]
    evaluation, prediction = stack.computation(evaluation_id), stack.computation(prediction_id)
    assert (evaluation.status, evaluation.attempt) == (ComputationState.SUCCEEDED, 2), evaluation.error
    assert (prediction.status, prediction.attempt) == (ComputationState.SUCCEEDED, 1), prediction.error
    rows = stack.dataset(large).rows
    assert isinstance(evaluation.result, EvaluationResult)
    assert isinstance(prediction.result, PredictionResult)
    assert evaluation.result.rows == prediction.result.rows == rows


def test_data_that_cannot_be_read_fails_with_line_and_column(stack: Stack) -> None:
    dataset_id = stack.upload(b"x0,y\n1.0,a\n2.0,b\n3.0\n")
    until(lambda: stack.dataset(dataset_id).status is not DatasetState.VALIDATING)
    row = stack.dataset(dataset_id)
    assert row.status is DatasetState.FAILED
    assert row.error is not None
    assert row.error.fault == "user"
    assert "4" in row.error.errors[0].pointer


def test_a_job_submitted_while_the_broker_is_away_starts_later(stack: Stack, dataset: str) -> None:
    if not stack.owns_broker:
        pytest.skip("this broker is not ours to stop")
    stack.trainers(1)
    stack.stop_broker()
    job_id = stack.submit({"dataset": dataset, "target": "y", "epochs": 3})
    assert stack.job(job_id).status is JobState.QUEUED
    stack.start_broker()
    with stack.database.write() as session:  # the reconciler would look in half a minute
        due = update(JobRow).where(JobRow.id == job_id).values(announce_at=now(session) - timedelta(seconds=1))
        session.execute(due)
    assert stack.ended(job_id).status is JobState.SUCCEEDED
