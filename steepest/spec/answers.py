"""What the API answers and the client reads. A non-finite number travels as "NaN", "Infinity" or "-Infinity"."""

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from steepest.spec.answer import Answer
from steepest.spec.columns import Column
from steepest.spec.errors import JobError
from steepest.spec.fields import OneOf
from steepest.spec.figures import EvaluationResult, PredictionResult
from steepest.spec.ingest import IngestOptions
from steepest.spec.job import JobSpec
from steepest.spec.names import StoppedBy
from steepest.spec.outcome import Environment, Result
from steepest.spec.resolved import ResolvedJobSpec
from steepest.spec.states import ComputationState, DatasetState, JobState

T = TypeVar("T")


class Page(Answer, Generic[T]):
    """One page of a list."""

    object: Literal["list"] = "list"
    data: list[T]
    has_more: bool = Field(default=False, description="Whether more follow.")
    next: str | None = Field(default=None, description="The `after` of the next page; null on the last.")


class Dataset(Answer):
    """An uploaded data set. `columns`, `rows` and statistics are there once it is `ready`."""

    id: str
    object: Literal["dataset"] = "dataset"
    name: str
    status: DatasetState
    error: JobError | None = None
    warnings: list[str] = []
    format: str
    options: IngestOptions | None = Field(default=None, description="How the file is read: as asked for, or found out.")
    rows: int | None = None
    bytes: int
    sha256: str
    columns: list[Column] | None = None
    image_shape: list[int] | None = Field(
        default=None, description="Height and width, and channels where there are several, of the picture in a row."
    )
    created_at: datetime


class Progress(Answer):
    """How far a job is."""

    epoch: int = Field(description="Epochs finished.")
    epochs: int = Field(description="Epochs asked for; early stopping may need fewer.")
    fraction: float
    eta_seconds: float | None = None


class Transition(Answer):
    """A change of state and its time."""

    status: JobState
    at: datetime


class QueuePlace(Answer):
    """Where a queued job stands."""

    ahead: int = Field(
        description="Jobs before it in the line for its kind of worker: those of higher priority, and older ones of "
        "the same. 1000: so many or more. Where several accounts wait, the one with the fewest jobs at work goes first."
    )


class Lineage(Answer):
    """Where a job's weights come from. Equal hashes mean equal bytes, rows, settings and code."""

    dataset_sha256: str = Field(description="Of the data set's bytes, as they were uploaded.")
    columns_sha256: str = Field(description="Of the columns as they were read from these bytes, with their statistics.")
    spec_sha256: str = Field(
        description="Of the resolved spec, without what decides nothing about the weights: the data set's id, name, "
        "metadata, priority, reuse and checkpoint_every."
    )
    split_sha256: str | None = Field(
        default=None, description="Of the rows in each part of the split; null until a worker has divided them."
    )
    code_version: str | None = Field(default=None, description="The release that trains; null until it does.")
    code_sha256: str | None = Field(
        default=None,
        description="Of the sources that decide about the weights; null until a worker trains, and when attempts of "
        "one job ran different code.",
    )


class Job(Answer):
    """A training job."""

    id: str
    object: Literal["job"] = "job"
    name: str | None = None
    status: JobState
    is_terminal: bool
    progress: Progress
    queue: QueuePlace | None = Field(default=None, description="Null when the job does not wait for a worker.")
    error: JobError | None = None
    warnings: list[str] = []
    spec: JobSpec = Field(description="As requested.")
    resolved_spec: ResolvedJobSpec = Field(description='As trained: every "auto" replaced.')
    dataset: str
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    attempt: int
    stopped_by: StoppedBy | None = None
    bit_exact: bool = True
    environment: Environment | None = None
    lineage: Lineage | None = Field(default=None, description="Null for jobs of releases that did not record it.")
    metadata: dict[str, str] = {}
    transitions: list[Transition] = []
    result: Result | None = None


class SplitRows(Answer):
    """Rows in each part of the split."""

    training: int
    validation: int
    test: int


class SplitNumbers(Answer):
    """Which rows of its data set a job trains on, validates and tests with: row numbers from 0, ascending.

    A row that lacks a target, or the value that the split goes by, is in no part.
    """

    object: Literal["split"] = "split"
    sha256: str = Field(
        description="Of the row numbers: for each part in this order its length and its numbers, as little-endian "
        "64-bit integers."
    )
    training: list[int]
    validation: list[int]
    test: list[int]


class JobValidation(Answer):
    """The answer to `?validate_only=true`: what would be trained; nothing is created."""

    object: Literal["job_validation"] = "job_validation"
    resolved_spec: ResolvedJobSpec
    parameters: int
    rows: SplitRows
    memory_bytes: int = Field(description="Estimated peak memory of the training process.")
    seconds: float | None = Field(
        default=None,
        description="Estimated time of all epochs on a processor, `max_seconds` at most; null for a GPU.",
    )
    reuses: str | None = Field(
        default=None,
        description="The earlier job that would be the answer, as `reuse` allows; null: it would be trained.",
    )
    warnings: list[str] = []


class Event(Answer):
    """Something that happened to a job. Numbers have no gaps."""

    number: int
    object: Literal["event"] = "event"
    type: str
    created_at: datetime
    data: dict[str, Any] = {}


class Epoch(Answer):
    """One row of the loss history. Classes have accuracies, regression has R2 figures."""

    epoch: int
    training_loss: float
    validation_loss: float | None = None
    training_accuracy: float | None = None
    validation_accuracy: float | None = None
    training_r2: float | None = None
    validation_r2: float | None = None
    learning_rate: float
    seconds: float


class Checkpoint(Answer):
    """Saved weights of a job."""

    object: Literal["checkpoint"] = "checkpoint"
    epoch: int
    step: int
    kinds: list[Literal["initial", "best", "last"]] = Field(
        description="Of none is the one before the last, which is kept to go back to."
    )
    bytes: int
    sha256: str
    created_at: datetime


Cell = float | str | bool | None
DatasetId = Annotated[str, Field(max_length=64)]


RawRow = Annotated[
    dict[str, Cell] | list[Cell],
    OneOf(
        lambda row: 0 if isinstance(row, dict) else 1 if isinstance(row, list) else None,
        "must be an object of values by column, or a list of values in the order of the features",
    ),
]


class PredictionRequest(BaseModel):
    """Raw rows to predict, named or in the order of `resolved_spec.features`; or a data set, for a long computation."""

    model_config = ConfigDict(extra="forbid")

    rows: Annotated[list[RawRow], Field(min_length=1)] | None = None
    dataset: DatasetId | None = Field(default=None, description="The id of a data set, in place of `rows`.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.rows is None) is (self.dataset is None):
            raise PydanticCustomError("rows_or_dataset", 'needs either "rows" or "dataset"')
        return self


class Computation(Answer):
    """Something long that is worked out about a job: `queued`, `running`, then `succeeded` or `failed`."""

    id: str
    job: str
    dataset: str | None = Field(description="The data set whose rows it is about.")
    status: ComputationState
    is_terminal: bool
    error: JobError | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None


class ListedEvaluation(Computation):
    """An evaluation without its result, which may be of some megabytes: look at the evaluation itself for that."""

    object: Literal["evaluation"] = "evaluation"
    held_out: bool = Field(description="Whether it is about the job's own test rows.")


class Evaluation(ListedEvaluation):
    """How good a job's network is on the rows that were held out of its training, or on another data set."""

    result: EvaluationResult | None = Field(default=None, description="Null until it has succeeded.")


class DatasetPrediction(Computation):
    """Predictions of a whole data set; `/content` is a Parquet file, a row for each of the data set's, in order."""

    object: Literal["prediction"] = "prediction"
    result: PredictionResult | None = Field(default=None, description="Null until it has succeeded.")


class PermutationImportance(BaseModel):
    """Ask how much each feature matters."""

    model_config = ConfigDict(extra="forbid", strict=True)

    repeats: Annotated[int, Field(ge=1, le=100)] = Field(default=5, description="Shuffles of each feature.")
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0


class EvaluationRequest(BaseModel):
    """What to evaluate a job's network on."""

    model_config = ConfigDict(extra="forbid", strict=True)

    dataset: DatasetId | None = Field(
        default=None, description="The id of a data set with the job's columns; null: the job's own test rows."
    )
    permutation_importance: PermutationImportance | None = None


class Account(Answer):
    """Who is asking, and what the limits are."""

    object: Literal["account"] = "account"
    id: str
    scopes: list[str]
    limits: dict[str, int | float]
    keep: dict[str, float | None] = {}
    """How many days finished jobs, their histories and checkpoints, and unused data sets are kept; null: for ever."""


class Component(Answer):
    """Whether one part of the service answers."""

    ok: bool
    detail: str


class Readiness(Answer):
    """Whether the service can take and run jobs, part by part."""

    ok: bool
    components: dict[str, Component]


class Health(Answer):
    """The process is alive."""

    ok: bool = True
    version: str
