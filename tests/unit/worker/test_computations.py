"""A long computation is worked out once, whatever happens to its messages and workers."""

import io
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from steepest.spec.errors import Unavailable
from steepest.spec.figures import ClassFigures, EvaluationResult, PredictionResult
from steepest.spec.names import HELD_OUT
from steepest.spec.states import ComputationState, JobState
from store import blobs, computations, datasets
from store.models import DEFAULT_ACCOUNT, ComputationKind, ComputationRow
from tests.unit.worker.conftest import Desk, csv, table
from worker import computations as work
from worker import ingest, runner, training
from worker.computing import Outcome, Task

EVALUATION, PREDICTION = ComputationKind.EVALUATION, ComputationKind.PREDICTION


@pytest.fixture
def job(desk: Desk, dataset: str) -> str:
    job_id = desk.submit(dataset, layers=[{"units": 4}])
    runner.run(desk.here, job_id)
    assert desk.job(job_id).status is JobState.SUCCEEDED
    return job_id


def done(desk: Desk, job_id: str, kind: ComputationKind, dataset_id: str, **parameters: Any) -> ComputationRow:
    computation_id = desk.ask(job_id, kind, dataset_id, **parameters)
    work.run(desk.here, computation_id)
    return desk.computation(job_id, computation_id, kind)


def evaluated(row: ComputationRow) -> EvaluationResult:
    assert row.status is ComputationState.SUCCEEDED, row.error
    assert isinstance(row.result, EvaluationResult)
    return row.result


def test_a_job_ends_with_figures_of_its_test_rows(desk: Desk, job: str) -> None:
    result = evaluated(desk.computation(job, HELD_OUT, EVALUATION))
    figures, test = result.figures, desk.job(job).result
    assert isinstance(figures, ClassFigures)
    assert test is not None
    assert result.rows == 9
    assert figures.accuracy == test.test_accuracy
    assert figures.log_loss == pytest.approx(test.test_loss, rel=1e-5)
    X, y = table()
    model = desk.model(job)
    for worst in result.worst_rows:
        (probabilities,) = model.predict_proba(X[[worst.row]])
        assert worst.target == str(y[worst.row])
        assert worst.probability == pytest.approx(probabilities[y[worst.row]])
    rows = np.array([worst.row for worst in result.worst_rows])
    assert len(rows) == 9
    proba = model.predict_proba(X[rows]).astype(np.float64)
    assert figures.log_loss == pytest.approx(log_loss(y[rows], proba[:, 1], labels=[0, 1]), rel=1e-5)
    assert figures.roc_auc == pytest.approx(roc_auc_score(y[rows], proba[:, 1]))


def test_a_job_without_test_rows_has_no_figures_of_them(desk: Desk, dataset: str) -> None:
    job_id = desk.submit(dataset, split={"test": 0.0})
    runner.run(desk.here, job_id)
    assert desk.job(job_id).status is JobState.SUCCEEDED
    with desk.here.database.read() as session:
        assert not computations.page(session, DEFAULT_ACCOUNT, job_id, EVALUATION).rows


def test_figures_that_cannot_be_had_cost_no_training(desk: Desk, dataset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(training, "evaluate", fail)
    job_id = desk.submit(dataset)
    runner.run(desk.here, job_id)
    assert desk.job(job_id).status is JobState.SUCCEEDED
    row = desk.computation(job_id, HELD_OUT, EVALUATION)
    assert row.status is ComputationState.FAILED
    assert row.error is not None
    assert "secret" not in row.error.model_dump_json()


def test_another_data_set_is_evaluated(desk: Desk, job: str) -> None:
    lines = csv(60).decode().splitlines()
    other = desk.upload("\n".join([lines[0], *lines[20:40], "1,2,3,", ""]).encode())
    ingest.run(desk.here, other)
    result = evaluated(done(desk, job, EVALUATION, other, dataset=other))
    X, y = table()
    proba = desk.model(job).predict_proba(X[19:39]).astype(np.float64)
    assert (result.rows, result.left_out_rows) == (20, 1)
    assert isinstance(result.figures, ClassFigures)
    assert result.figures.log_loss == pytest.approx(log_loss(y[19:39], proba[:, 1], labels=[0, 1]), rel=1e-5)
    assert result.permutation_importance is None


def test_importance_of_the_held_out_rows_is_worked_out_on_request(desk: Desk, job: str, dataset: str) -> None:
    held_out = evaluated(desk.computation(job, HELD_OUT, EVALUATION))
    result = evaluated(done(desk, job, EVALUATION, dataset, permutation_importance={"repeats": 2, "seed": 3}))
    found = result.permutation_importance
    assert result.model_copy(update={"permutation_importance": None}) == held_out
    assert found is not None
    assert (found.rows, found.repeats, found.seed) == (9, 2, 3)
    assert {column.column for column in found.columns} == {"x0", "x1", "x2"}


def test_a_whole_data_set_is_predicted_into_a_parquet_file(desk: Desk, job: str, dataset: str) -> None:
    row = done(desk, job, PREDICTION, dataset, dataset=dataset)
    assert isinstance(row.result, PredictionResult)
    content = desk.content(row)
    found = pq.read_table(io.BytesIO(content))
    proba = desk.model(job).predict_proba(table()[0])
    assert found.column_names == row.result.columns == ["label", "probability_0", "probability_1"]
    assert (row.result.rows, row.result.bytes) == (60, len(content))
    np.testing.assert_array_equal(found["probability_1"], proba[:, 1])
    assert found["label"].to_pylist() == [str(code) for code in proba.argmax(axis=1)]


@pytest.mark.parametrize("kind", list(ComputationKind))
def test_a_data_set_that_lacks_a_column_says_so(desk: Desk, job: str, kind: ComputationKind) -> None:
    other = desk.upload(b"x0,x1,y\n1,2,0\n3,4,1\n")
    ingest.run(desk.here, other)
    row = done(desk, job, kind, other, dataset=other)
    assert row.status is ComputationState.FAILED
    assert row.error is not None
    assert (row.error.fault, row.error.code) == ("user", "data_unusable")
    assert '"x2"' in row.error.detail


def test_a_repeated_message_does_nothing(desk: Desk, job: str, dataset: str) -> None:
    row = done(desk, job, PREDICTION, dataset)
    work.run(desk.here, row.id)
    assert desk.computation(job, row.id, PREDICTION).attempt == 1


def test_what_was_deleted_meanwhile_is_told(desk: Desk, job: str, monkeypatch: pytest.MonkeyPatch) -> None:
    other = desk.upload(csv(20))
    ingest.run(desk.here, other)
    computation_id = desk.ask(job, PREDICTION, other)
    monkeypatch.setattr(computations, "using", lambda *_: None)
    with desk.here.database.write() as session:
        datasets.delete(session, DEFAULT_ACCOUNT, other)
    work.run(desk.here, computation_id)
    row = desk.computation(job, computation_id, PREDICTION)
    assert row.error is not None
    assert (row.status, row.error.code, row.error.fault) == (ComputationState.FAILED, "not_found", "user")


def test_a_worker_that_shuts_down_claims_nothing(desk: Desk, job: str, dataset: str) -> None:
    computation_id = desk.ask(job, PREDICTION, dataset)
    desk.here.drain.ask()
    work.run(desk.here, computation_id)
    assert desk.computation(job, computation_id, PREDICTION).attempt == 0
    assert desk.queue.computations == [computation_id]


def test_a_worker_that_shuts_down_hands_back_what_it_works_on(
    desk: Desk, job: str, dataset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    computation_id = desk.ask(job, EVALUATION, dataset)
    real = computations.claim

    def claim_and_drain(*arguments: Any) -> object:
        desk.here.drain.ask()
        return real(*arguments)

    monkeypatch.setattr(computations, "claim", claim_and_drain)
    work.run(desk.here, computation_id)
    row = desk.computation(job, computation_id, EVALUATION)
    assert (row.status, row.worker, row.failures) == (ComputationState.QUEUED, None, 0)
    assert desk.queue.computations == [computation_id]


def test_a_worker_that_lost_it_writes_nothing(
    desk: Desk, job: str, dataset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    computation_id = desk.ask(job, PREDICTION, dataset)

    def lose(task: Task) -> Outcome:
        with desk.here.database.write() as session:
            session.get_one(ComputationRow, computation_id).attempt += 1
        return Outcome(PredictionResult(rows=1, columns=[], bytes=0, sha256=""))

    monkeypatch.setattr(work, "WORKS", {PREDICTION: lose})
    work.run(desk.here, computation_id)
    assert desk.computation(job, computation_id, PREDICTION).status is ComputationState.RUNNING


def test_an_outage_is_no_failure(desk: Desk, job: str, dataset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise Unavailable("away")

    computation_id = desk.ask(job, PREDICTION, dataset)
    with monkeypatch.context() as outage:
        outage.setattr(blobs, "write", away)
        work.run(desk.here, computation_id)
    row = desk.computation(job, computation_id, PREDICTION)
    assert (row.status, row.worker, row.failures) == (ComputationState.QUEUED, None, 0)
    work.run(desk.here, computation_id)
    assert desk.computation(job, computation_id, PREDICTION).status is ComputationState.SUCCEEDED


def test_a_file_that_was_swept_before_it_was_held_is_made_anew(
    desk: Desk, job: str, dataset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def swept(*_: object) -> None:
        raise blobs.BlobGone("swept")

    computation_id = desk.ask(job, PREDICTION, dataset)
    with monkeypatch.context() as sweep:
        sweep.setattr(blobs, "hold", swept)
        work.run(desk.here, computation_id)
    row = desk.computation(job, computation_id, PREDICTION)
    assert (row.status, row.worker, row.failures) == (ComputationState.QUEUED, None, 0)
    work.run(desk.here, computation_id)
    assert desk.computation(job, computation_id, PREDICTION).status is ComputationState.SUCCEEDED


def test_what_only_we_understand_is_told_in_words(
    desk: Desk, job: str, dataset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Task) -> Outcome:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(work, "WORKS", {EVALUATION: fail})
    error = done(desk, job, EVALUATION, dataset).error
    assert error is not None
    assert error.fault == "system"
    assert "secret" not in error.model_dump_json()
