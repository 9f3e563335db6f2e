"""Rows of the store as the API's answers."""

from collections.abc import Sequence
from typing import Any, cast

from steepest.data.advice import column_warnings
from steepest.spec import answers
from steepest.spec.names import HELD_OUT, StoppedBy
from steepest.spec.states import TERMINAL
from store import checkpoints
from store.models import CheckpointRow, ComputationRow, DatasetRow, EpochRow, EventRow, JobRow, LineageRow

EPOCH_KEYS = {
    "regression": ("training_loss", "validation_loss", "training_r2", "validation_r2"),
    "classes": ("training_loss", "validation_loss", "training_accuracy", "validation_accuracy"),
}
"""Figures of an epoch by what is learned; figures of the other kind do not appear."""


FOREIGN_FIGURES = {
    "regression": {"training_accuracy", "validation_accuracy", "test_accuracy"},
    "classes": {"training_r2", "validation_r2", "test_r2"},
}
"""Figures that the result of a job does not have."""


def dataset(row: DatasetRow) -> answers.Dataset:
    """A data set with its columns, once they are known."""
    return answers.Dataset.model_construct(
        id=row.id,
        object="dataset",
        name=row.name,
        status=row.status,
        error=row.error,
        warnings=[*row.warnings, *column_warnings(row.columns or [], row.rows or 0)],
        format=row.format,
        options=row.options,
        rows=row.rows,
        bytes=row.bytes,
        sha256=row.sha256,
        columns=row.columns,
        image_shape=row.image_shape,
        created_at=row.created_at,
    )


def job(
    row: JobRow, transitions: Sequence[EventRow], lineage: LineageRow | None, ahead: int | None = None
) -> answers.Job:
    """A job with the times of its changes of state, what it comes from, and how many are before it in the queue."""
    return answers.Job.model_construct(
        id=row.id,
        object="job",
        name=row.name,
        status=row.status,
        is_terminal=row.status in TERMINAL,
        progress=_progress(row),
        queue=None if ahead is None else answers.QueuePlace.model_construct(ahead=ahead),
        error=row.error,
        warnings=row.warnings,
        spec=row.spec,
        resolved_spec=row.resolved_spec,
        dataset=row.dataset_id,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        attempt=row.attempt,
        stopped_by=cast(StoppedBy | None, row.stopped_by),
        bit_exact=row.bit_exact,
        environment=row.environment,
        lineage=_lineage(lineage),
        metadata=row.labels,
        transitions=[
            answers.Transition.model_construct(status=event.status or row.status, at=event.created_at)
            for event in transitions
            if event.number <= row.last_event  # a later one belongs to a later look
        ],
        result=row.result,
    )


def foreign_to(row: JobRow) -> dict[str, set[str]]:
    """What an answer about the job leaves out: figures that its task does not have."""
    return {"result": FOREIGN_FIGURES["regression" if row.resolved_spec.task == "regression" else "classes"]}


def _lineage(row: LineageRow | None) -> answers.Lineage | None:
    if row is None:
        return None
    return answers.Lineage.model_construct(
        dataset_sha256=row.dataset_sha256,
        columns_sha256=row.columns_sha256,
        spec_sha256=row.spec_sha256,
        split_sha256=row.split_sha256,
        code_version=row.code_version,
        code_sha256=row.code_sha256,
    )


def _progress(row: JobRow) -> answers.Progress:
    done = row.status in TERMINAL
    ended = row.status == "succeeded"
    return answers.Progress.model_construct(
        epoch=row.epoch,
        epochs=row.epochs,
        fraction=1.0 if ended else min(1.0, row.epoch / row.epochs),
        eta_seconds=None if done else row.eta_seconds,
    )


def event(row: EventRow) -> answers.Event:
    """An event of a job."""
    return answers.Event.model_construct(
        number=row.number, object="event", type=row.type, created_at=row.created_at, data=row.data
    )


def epoch(row: EpochRow, task: str) -> answers.Epoch:
    """A row of the loss history, with the figures that the task has."""
    keys = EPOCH_KEYS["regression" if task == "regression" else "classes"]
    figures: dict[str, Any] = {key: getattr(row, key) for key in keys}
    return answers.Epoch.model_construct(
        epoch=row.epoch, **figures, learning_rate=row.learning_rate, seconds=row.seconds
    )


def checkpoint(row: CheckpointRow) -> answers.Checkpoint:
    """Saved weights."""
    return answers.Checkpoint.model_construct(
        object="checkpoint",
        epoch=row.epoch,
        step=row.step,
        kinds=checkpoints.kinds(row),
        bytes=row.bytes,
        sha256=row.sha256,
        created_at=row.created_at,
    )


def evaluation(row: ComputationRow) -> answers.Evaluation:
    """An evaluation; that of the held-out rows goes by its name."""
    return answers.Evaluation.model_construct(**dict(listed_evaluation(row)) | {"result": row.result})


def listed_evaluation(row: ComputationRow) -> answers.ListedEvaluation:
    """An evaluation as lists have it."""
    return answers.ListedEvaluation.model_construct(**_computation(row), object="evaluation", held_out=_held_out(row))


def dataset_prediction(row: ComputationRow) -> answers.DatasetPrediction:
    """Predictions of a data set."""
    return answers.DatasetPrediction.model_construct(**_computation(row) | {"result": row.result}, object="prediction")


def _computation(row: ComputationRow) -> dict[str, Any]:
    return {
        "id": row.name or row.id,
        "job": row.job_id,
        "dataset": row.dataset_id,
        "status": row.status,
        "is_terminal": row.status.is_terminal,
        "error": row.error,
        "created_at": row.created_at,
        "started_at": row.started_at,
        "finished_at": row.finished_at,
    }


def _held_out(row: ComputationRow) -> bool:
    return row.name == HELD_OUT or row.parameters.get("dataset") is None
