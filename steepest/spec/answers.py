"""What the API answers and the client reads. A non-finite number travels as "NaN", "Infinity" or "-Infinity"."""

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from steepest.spec.errors import JobError
from steepest.spec.fields import OneOf
from steepest.spec.job import JobSpec
from steepest.spec.names import StoppedBy
from steepest.spec.resolved import ResolvedJobSpec
from steepest.spec.states import DatasetState, JobState

T = TypeVar("T")
ColumnKind = Literal["numeric", "categorical"]


class Answer(BaseModel):
    """A piece of an answer. A client meets fields of later releases without failing."""

    model_config = ConfigDict(ser_json_inf_nan="strings", protected_namespaces=())


class Page(Answer, Generic[T]):
    """One page of a list."""

    object: Literal["list"] = "list"
    data: list[T]
    has_more: bool = Field(default=False, description="Whether more follow.")
    next: str | None = Field(default=None, description="The `after` of the next page; null on the last.")


class Column(Answer):
    """A column's inferred kind and statistics over all rows."""

    name: str
    kind: ColumnKind
    count: int = Field(description="Rows that have a value.")
    missing: int = Field(description="Rows that have none.")
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    distinct: int = Field(description="Distinct values; exact when `distinct_exact`.")
    distinct_exact: bool = True
    whole: bool = Field(default=False, description="Numeric, and every value is a whole number.")
    values: list[str] | None = Field(
        default=None, description="The distinct values as labels, ascending, when there are at most 1,000."
    )
    value_counts: list[int] | None = Field(default=None, description="Rows of each of `values`.")


class Dataset(Answer):
    """An uploaded data set. `columns`, `rows` and statistics are there once it is `ready`."""

    id: str
    object: Literal["dataset"] = "dataset"
    name: str
    status: DatasetState
    error: JobError | None = None
    warnings: list[str] = []
    format: str
    rows: int | None = None
    bytes: int
    sha256: str
    columns: list[Column] | None = None
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


class Environment(Answer):
    """The numeric environment of a job's first attempt: what must be equal for equal bits."""

    engine: str
    steepest: str
    python: str
    numpy: str
    blas: str = Field(description="The BLAS library, its version and the kernel it chose for this processor.")
    threads: int
    device: str
    numba: str | None = Field(default=None, description="Its version, where the engine is made of its kernels.")
    scipy: str | None = Field(default=None, description="Its version, where kernels call its BLAS.")


class Result(Answer):
    """What came out of a finished job. Figures are null where there were no such rows."""

    epochs: int
    best_epoch: int | None = None
    parameters: int
    training_loss: float | None = None
    validation_loss: float | None = None
    test_loss: float | None = None
    training_accuracy: float | None = None
    validation_accuracy: float | None = None
    test_accuracy: float | None = None
    training_r2: float | None = None
    validation_r2: float | None = None
    test_r2: float | None = None


class Job(Answer):
    """A training job."""

    id: str
    object: Literal["job"] = "job"
    name: str | None = None
    status: JobState
    is_terminal: bool
    progress: Progress
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
    metadata: dict[str, str] = {}
    transitions: list[Transition] = []
    result: Result | None = None


class SplitRows(Answer):
    """Rows in each part of the split."""

    training: int
    validation: int
    test: int


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
    kinds: list[Literal["initial", "best", "last"]]
    bytes: int
    sha256: str
    created_at: datetime


Cell = float | str | bool | None


RawRow = Annotated[
    dict[str, Cell] | list[Cell],
    OneOf(
        lambda row: 0 if isinstance(row, dict) else 1 if isinstance(row, list) else None,
        "must be an object of values by column, or a list of values in the order of the features",
    ),
]


class PredictionRequest(BaseModel):
    """Raw rows to predict, named or in the order of `resolved_spec.features`."""

    model_config = ConfigDict(extra="forbid")

    rows: Annotated[list[RawRow], Field(min_length=1)]


class ClassPrediction(Answer):
    """The likeliest class of a row, and every class's probability."""

    label: str
    probabilities: dict[str, float]


class LabelsPrediction(Answer):
    """The labels that a row has, those whose probability is above one half, and every label's probability."""

    labels: list[str]
    probabilities: dict[str, float]


class ValuePrediction(Answer):
    """The predicted value of a row, in the target's own units."""

    value: float


class ValuesPrediction(Answer):
    """The predicted values of a row by target column, each in its own units."""

    values: dict[str, float]


Prediction = ClassPrediction | LabelsPrediction | ValuePrediction | ValuesPrediction


class Account(Answer):
    """Who is asking, and what the limits are."""

    object: Literal["account"] = "account"
    id: str
    scopes: list[str]
    limits: dict[str, int | float]


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
