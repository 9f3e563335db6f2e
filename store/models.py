"""The tables. Every row has its account, and indexes lead with it; what a row may never be, a constraint refuses.

Where an index does not begin with the account, the reconciler walks it, which serves all accounts alike.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from steepest.spec.answer import Answer
from steepest.spec.columns import Column, ColumnChange, ColumnKind, Role
from steepest.spec.errors import JobError
from steepest.spec.figures import EvaluationResult, PredictionResult
from steepest.spec.ingest import IngestOptions
from steepest.spec.job import JobSpec
from steepest.spec.outcome import Environment, Result
from steepest.spec.resolved import ResolvedJobSpec
from steepest.spec.states import HELD, TERMINAL, ComputationState, DatasetState, JobState
from store.columns import Document, Figure, Id, UtcTime, state_type

DEFAULT_ACCOUNT = "acc_00000000000070008000000000000001"
"""The account that every installation begins with; the first migration creates it."""


HELD_OUT: Final = "held_out"
"""The evaluation that comes with a job."""


class ComputationKind(StrEnum):
    """What a long computation works out about a job."""

    EVALUATION = "evaluation"
    PREDICTION = "prediction"


ComputationResult = EvaluationResult | PredictionResult
"""What came out of a long computation, beside a file."""


class BlobState(StrEnum):
    """Where the bytes of a blob are."""

    UPLOADING = "uploading"
    COMPLETE = "complete"
    DELETING = "deleting"


class Base(DeclarativeBase):
    """What all tables share: names for constraints that are the same on every database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def _in(column: str, states: frozenset[JobState]) -> str:
    return f"{column} IN ({', '.join(repr(state.value) for state in sorted(states))})"


def _iff(left: str, right: str) -> str:
    return f"({left}) = ({right})"


def _where(condition: str) -> dict[str, Any]:
    """The condition of a partial index, for either database."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


def _account() -> Mapped[str]:
    return mapped_column(Id, ForeignKey("accounts.id"))


class AccountRow(Base):
    """Whose things these are."""

    __tablename__ = "accounts"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class KeyRow(Base):
    """An API key. The secret itself is nowhere: 32 random bytes need no salt, so its SHA-256 is enough."""

    __tablename__ = "api_keys"
    __table_args__ = (UniqueConstraint("account_id", "id"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    account_id: Mapped[str] = _account()
    name: Mapped[str] = mapped_column(Text)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    scopes: Mapped[list[str]] = mapped_column(Document(list[str]))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcTime)


class BlobRow(Base):
    """Bytes, by the name of their SHA-256. They lie in `chunks`."""

    __tablename__ = "blobs"
    __table_args__ = (
        UniqueConstraint("account_id", "id"),
        CheckConstraint("size >= 0", name="size"),
        CheckConstraint("status <> 'complete' OR sha256 IS NOT NULL", name="complete_has_hash"),
        CheckConstraint("status <> 'uploading' OR kept_until IS NOT NULL", name="uploading_is_temporary"),
        # The same bytes are stored once for an account.
        Index("uq_blobs_content", "account_id", "sha256", unique=True, **_where("status = 'complete'")),
        Index("ix_blobs_status_kept_until", "status", "kept_until"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    account_id: Mapped[str] = _account()
    status: Mapped[BlobState] = mapped_column(state_type(BlobState, "status"))
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    kept_until: Mapped[datetime | None] = mapped_column(UtcTime)
    """Nothing refers to it yet, and it is left alone until then. Null: something refers to it."""


class ChunkRow(Base):
    """A piece of a blob: 1 MiB, but for the last."""

    __tablename__ = "chunks"
    __table_args__ = (
        ForeignKeyConstraint(["account_id", "blob_id"], ["blobs.account_id", "blobs.id"]),
        CheckConstraint("number >= 0", name="number"),
    )

    account_id: Mapped[str] = mapped_column(Id, primary_key=True)
    blob_id: Mapped[str] = mapped_column(Id, primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    crc32: Mapped[int] = mapped_column(BigInteger)
    """Tells a damaged chunk before it is handed on; the blob's SHA-256 vouches for the whole."""
    data: Mapped[bytes] = mapped_column(LargeBinary)


class DatasetRow(Base):
    """An uploaded file and, once it is ingested, its columns with their statistics."""

    __tablename__ = "datasets"
    __table_args__ = (
        UniqueConstraint("account_id", "id"),
        ForeignKeyConstraint(["account_id", "blob_id"], ["blobs.account_id", "blobs.id"]),
        CheckConstraint("attempt >= 0 AND failures >= 0 AND announcements >= 0", name="counters"),
        CheckConstraint("lease_until IS NULL OR status = 'validating'", name="lease"),
        CheckConstraint(_iff("lease_until IS NOT NULL", "worker IS NOT NULL"), name="worker"),
        CheckConstraint(_iff("announce_at IS NOT NULL", "status = 'validating' AND lease_until IS NULL"), name="waits"),
        CheckConstraint(_iff("status = 'failed'", "error IS NOT NULL"), name="failed_has_error"),
        CheckConstraint(
            "status <> 'ready' OR (row_count IS NOT NULL AND columns IS NOT NULL)", name="ready_has_columns"
        ),
        Index("ix_datasets_account_id_blob_id", "account_id", "blob_id"),
        Index("ix_datasets_lease_until", "lease_until"),
        Index("ix_datasets_announce_at", "announce_at"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    account_id: Mapped[str] = _account()
    blob_id: Mapped[str] = mapped_column(Id)
    name: Mapped[str] = mapped_column(Text)
    status: Mapped[DatasetState] = mapped_column(state_type(DatasetState, "status"))
    format: Mapped[str] = mapped_column(String(32))
    content_type: Mapped[str | None] = mapped_column(Text)
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    rows: Mapped[int | None] = mapped_column("row_count", BigInteger)
    columns: Mapped[list[Column] | None] = mapped_column(Document(list[Column]))
    warnings: Mapped[list[str]] = mapped_column(Document(list[str]))
    error: Mapped[JobError | None] = mapped_column(Document(JobError))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcTime)
    attempt: Mapped[int] = mapped_column(Integer, default=0)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    worker: Mapped[str | None] = mapped_column(Text)
    lease_until: Mapped[datetime | None] = mapped_column(UtcTime)
    announce_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When the next message about it is due, if nobody has claimed it by then."""
    announcements: Mapped[int] = mapped_column(Integer, default=0)
    options: Mapped[IngestOptions | None] = mapped_column(Document(IngestOptions))
    """How the file is read; null: as its format says."""
    image_shape: Mapped[list[int] | None] = mapped_column(Document(list[int]))
    changes: Mapped[dict[str, ColumnChange] | None] = mapped_column(Document(dict[str, ColumnChange]))
    """What people said of columns, by name."""

    @property
    def kinds(self) -> dict[str, ColumnKind]:
        """What columns are to be read as, whatever they look like."""
        return {name: change.kind for name, change in sorted((self.changes or {}).items()) if change.kind is not None}

    @property
    def roles(self) -> dict[str, Role]:
        """What columns are for, where somebody said so."""
        return {name: change.role for name, change in (self.changes or {}).items() if change.role is not None}


class JobRow(Base):
    """A training job: what was asked for, where it is in its life, and what came out."""

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("account_id", "id"),
        CheckConstraint("attempt >= 0 AND failures >= 0 AND announcements >= 0 AND last_event >= 0", name="counters"),
        CheckConstraint("epoch >= 0 AND step >= 0 AND epochs >= 1", name="position"),
        CheckConstraint("reached >= 0 AND reached_before >= 0 AND reached_before <= reached", name="reached"),
        CheckConstraint(_iff("lease_until IS NOT NULL", _in("status", HELD)), name="lease"),
        CheckConstraint(_iff("worker IS NOT NULL", _in("status", HELD)), name="worker"),
        CheckConstraint(f"attempt >= 1 OR NOT ({_in('status', HELD)})", name="held_is_an_attempt"),
        CheckConstraint(_iff("announce_at IS NOT NULL", "status = 'queued'"), name="waits"),
        CheckConstraint(_iff("finished_at IS NOT NULL", _in("status", TERMINAL)), name="finished"),
        CheckConstraint(_iff("error IS NOT NULL", "status = 'failed'"), name="failed_has_error"),
        CheckConstraint("status <> 'succeeded' OR result IS NOT NULL", name="succeeded_has_result"),
        Index("ix_jobs_account_id_status_id", "account_id", "status", "id"),
        Index("ix_jobs_account_id_dataset_id_id", "account_id", "dataset_id", "id"),
        Index("ix_jobs_account_id_name_id", "account_id", "name", "id"),
        Index("ix_jobs_lease_until", "lease_until"),
        Index("ix_jobs_announce_at", "announce_at"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    account_id: Mapped[str] = _account()
    dataset_id: Mapped[str] = mapped_column(Id)
    """No foreign key: a finished job keeps naming a data set that has since been deleted."""
    name: Mapped[str | None] = mapped_column(Text)
    status: Mapped[JobState] = mapped_column(state_type(JobState, "status"))
    priority: Mapped[int] = mapped_column(Integer, default=0)
    device: Mapped[str] = mapped_column(String(8))
    """`cpu` or `gpu`: which workers it is announced to."""
    spec: Mapped[JobSpec] = mapped_column(Document(JobSpec))
    resolved_spec: Mapped[ResolvedJobSpec] = mapped_column(Document(ResolvedJobSpec))
    # `metadata` is a name that SQLAlchemy keeps for itself.
    labels: Mapped[dict[str, str]] = mapped_column("metadata", Document(dict[str, str]))
    warnings: Mapped[list[str]] = mapped_column(Document(list[str]))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcTime)

    attempt: Mapped[int] = mapped_column(Integer, default=0)
    """The fencing token: every claim raises it, every write of an attempt names it."""
    failures: Mapped[int] = mapped_column(Integer, default=0)
    """Attempts in a row that got no further than all before them."""
    worker: Mapped[str | None] = mapped_column(Text)
    lease_until: Mapped[datetime | None] = mapped_column(UtcTime)
    progress_at: Mapped[datetime | None] = mapped_column(UtcTime)
    announce_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When the next message about it is due, if nobody has claimed it by then."""
    announcements: Mapped[int] = mapped_column(Integer, default=0)

    epoch: Mapped[int] = mapped_column(Integer, default=0)
    """Epochs finished, which is also the number of rows of its loss history."""
    step: Mapped[int] = mapped_column(BigInteger, default=0)
    """Steps done of the epoch that is being trained."""
    epochs: Mapped[int] = mapped_column(Integer)
    eta_seconds: Mapped[float | None] = mapped_column(Figure)
    reached: Mapped[int] = mapped_column(BigInteger, default=0)
    """The most steps from the start of training that any attempt has done."""
    reached_before: Mapped[int] = mapped_column(BigInteger, default=0)
    """`reached` at the time of the claim: what this attempt must surpass to count as progress."""

    last_event: Mapped[int] = mapped_column(BigInteger, default=0)
    bit_exact: Mapped[bool] = mapped_column(Boolean, default=True)
    environment: Mapped[Environment | None] = mapped_column(Document(Environment))
    stopped_by: Mapped[str | None] = mapped_column(String(32))
    error: Mapped[JobError | None] = mapped_column(Document(JobError))
    result: Mapped[Result | None] = mapped_column(Document(Result))


class LineageRow(Base):
    """What a job's weights come from, as hashes. A table of its own: jobs of older releases have none."""

    __tablename__ = "lineages"
    __table_args__ = (
        ForeignKeyConstraint(["account_id", "job_id"], ["jobs.account_id", "jobs.id"], ondelete="CASCADE"),
        CheckConstraint("code_sha256 IS NULL OR code_version IS NOT NULL", name="code_has_version"),
        # Earlier jobs that came from the same, newest first.
        Index("ix_lineages_search", "account_id", "spec_sha256", "dataset_sha256", "code_sha256", "job_id"),
        {"sqlite_with_rowid": False},
    )

    account_id: Mapped[str] = mapped_column(Id, primary_key=True)
    job_id: Mapped[str] = mapped_column(Id, primary_key=True)
    dataset_sha256: Mapped[str] = mapped_column(String(64))
    columns_sha256: Mapped[str] = mapped_column(String(64))
    spec_sha256: Mapped[str] = mapped_column(String(64))
    split_sha256: Mapped[str | None] = mapped_column(String(64))
    code_version: Mapped[str | None] = mapped_column(String(64))
    code_sha256: Mapped[str | None] = mapped_column(String(64))
    """Null until an attempt begins, and where attempts went on from one another with different code."""


class LabelRow(Base):
    """One entry of a job's metadata, where a list can find it."""

    __tablename__ = "job_labels"
    __table_args__ = (
        ForeignKeyConstraint(["account_id", "job_id"], ["jobs.account_id", "jobs.id"], ondelete="CASCADE"),
        Index("ix_job_labels_search", "account_id", "key", "value", "job_id"),
        {"sqlite_with_rowid": False},
    )

    account_id: Mapped[str] = mapped_column(Id, primary_key=True)
    job_id: Mapped[str] = mapped_column(Id, primary_key=True)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(String(512))


class EventRow(Base):
    """Something that happened to a job. Numbers start at 1 and have no gaps."""

    __tablename__ = "events"
    __table_args__ = (
        ForeignKeyConstraint(["account_id", "job_id"], ["jobs.account_id", "jobs.id"], ondelete="CASCADE"),
        CheckConstraint("number >= 1", name="number"),
        # A job's transitions are found without reading its other events.
        Index("ix_events_transitions", "account_id", "job_id", "number", **_where("status IS NOT NULL")),
        {"sqlite_with_rowid": False},
    )

    account_id: Mapped[str] = mapped_column(Id, primary_key=True)
    job_id: Mapped[str] = mapped_column(Id, primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    type: Mapped[str] = mapped_column(String(64))
    status: Mapped[JobState | None] = mapped_column(state_type(JobState, "status"))
    """The state that it brought the job into; null when it changed none."""
    data: Mapped[dict[str, Any]] = mapped_column(Document(dict[str, Any]))
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class EpochRow(Base):
    """A row of the loss history."""

    __tablename__ = "epochs"
    __table_args__ = (
        ForeignKeyConstraint(["account_id", "job_id"], ["jobs.account_id", "jobs.id"], ondelete="CASCADE"),
        CheckConstraint("epoch >= 1", name="epoch"),
        {"sqlite_with_rowid": False},
    )

    account_id: Mapped[str] = mapped_column(Id, primary_key=True)
    job_id: Mapped[str] = mapped_column(Id, primary_key=True)
    epoch: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    attempt: Mapped[int] = mapped_column(Integer)
    training_loss: Mapped[float] = mapped_column(Figure)
    validation_loss: Mapped[float | None] = mapped_column(Figure)
    training_accuracy: Mapped[float | None] = mapped_column(Figure)
    validation_accuracy: Mapped[float | None] = mapped_column(Figure)
    training_r2: Mapped[float | None] = mapped_column(Figure)
    validation_r2: Mapped[float | None] = mapped_column(Figure)
    learning_rate: Mapped[float] = mapped_column(Figure)
    seconds: Mapped[float] = mapped_column(Figure)


class CheckpointRow(Base):
    """Weights at one position of a job, and what an attempt needs to go on from there."""

    __tablename__ = "checkpoints"
    __table_args__ = (
        ForeignKeyConstraint(["account_id", "job_id"], ["jobs.account_id", "jobs.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(["account_id", "blob_id"], ["blobs.account_id", "blobs.id"]),
        ForeignKeyConstraint(["account_id", "state_blob_id"], ["blobs.account_id", "blobs.id"]),
        CheckConstraint("epoch >= 0 AND step >= 0", name="position"),
        *(
            Index(f"uq_checkpoints_{kind}", "account_id", "job_id", unique=True, **_where(f"is_{kind}"))
            for kind in ("initial", "best", "last")
        ),
        Index("ix_checkpoints_account_id_blob_id", "account_id", "blob_id"),
        Index("ix_checkpoints_account_id_state_blob_id", "account_id", "state_blob_id"),
    )

    account_id: Mapped[str] = mapped_column(Id, primary_key=True)
    job_id: Mapped[str] = mapped_column(Id, primary_key=True)
    epoch: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """Epochs finished."""
    step: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """Steps done of the next epoch."""
    attempt: Mapped[int] = mapped_column(Integer)
    is_initial: Mapped[bool] = mapped_column(Boolean, default=False)
    is_best: Mapped[bool] = mapped_column(Boolean, default=False)
    is_last: Mapped[bool] = mapped_column(Boolean, default=False)
    blob_id: Mapped[str] = mapped_column(Id)
    """The weights, as they are downloaded."""
    state_blob_id: Mapped[str | None] = mapped_column(Id)
    """The trainer's state, from which an attempt resumes; null where none can."""
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class ComputationRow(Base):
    """Something long that is worked out about a job: how good it is on other rows, what it predicts of them."""

    __tablename__ = "computations"
    __table_args__ = (
        UniqueConstraint("account_id", "id"),
        ForeignKeyConstraint(["account_id", "job_id"], ["jobs.account_id", "jobs.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(["account_id", "blob_id"], ["blobs.account_id", "blobs.id"]),
        CheckConstraint("attempt >= 0 AND failures >= 0 AND announcements >= 0", name="counters"),
        CheckConstraint(_iff("lease_until IS NOT NULL", "status = 'running'"), name="lease"),
        CheckConstraint(_iff("worker IS NOT NULL", "status = 'running'"), name="worker"),
        CheckConstraint(_iff("announce_at IS NOT NULL", "status = 'queued'"), name="waits"),
        CheckConstraint(_iff("finished_at IS NOT NULL", "status IN ('succeeded', 'failed')"), name="finished"),
        CheckConstraint(_iff("error IS NOT NULL", "status = 'failed'"), name="failed_has_error"),
        CheckConstraint(_iff("result IS NOT NULL", "status = 'succeeded'"), name="succeeded_has_result"),
        Index("ix_computations_account_id_job_id_kind_id", "account_id", "job_id", "kind", "id"),
        Index("ix_computations_account_id_dataset_id", "account_id", "dataset_id"),
        Index("ix_computations_account_id_blob_id", "account_id", "blob_id"),
        Index("uq_computations_name", "account_id", "job_id", "name", unique=True, **_where("name IS NOT NULL")),
        Index("ix_computations_lease_until", "lease_until"),
        Index("ix_computations_announce_at", "announce_at"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    account_id: Mapped[str] = _account()
    job_id: Mapped[str] = mapped_column(Id)
    kind: Mapped[str] = mapped_column(String(32))
    """A `ComputationKind`; text, so that a later release may bring others without a change of the table."""
    name: Mapped[str | None] = mapped_column(String(32))
    """`held_out`, of the evaluation that comes with the job; null of what was asked for."""
    dataset_id: Mapped[str | None] = mapped_column(Id)
    """Whose rows it is about. No foreign key: it outlives the data set."""
    parameters: Mapped[dict[str, Any]] = mapped_column(Document(dict[str, Any]))
    status: Mapped[ComputationState] = mapped_column(state_type(ComputationState, "status"))
    result: Mapped[ComputationResult | None] = mapped_column(Document(ComputationResult, Answer.model_config))
    blob_id: Mapped[str | None] = mapped_column(Id)
    """The file that came out, where one did."""
    error: Mapped[JobError | None] = mapped_column(Document(JobError))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcTime)
    attempt: Mapped[int] = mapped_column(Integer, default=0)
    """The fencing token, as a job's."""
    failures: Mapped[int] = mapped_column(Integer, default=0)
    worker: Mapped[str | None] = mapped_column(Text)
    lease_until: Mapped[datetime | None] = mapped_column(UtcTime)
    announce_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When the next message about it is due, if nobody has claimed it by then."""
    announcements: Mapped[int] = mapped_column(Integer, default=0)


class SplitRow(Base):
    """Which rows of its data set a job trains on, validates and tests with."""

    __tablename__ = "splits"
    __table_args__ = (
        ForeignKeyConstraint(["account_id", "job_id"], ["jobs.account_id", "jobs.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(["account_id", "blob_id"], ["blobs.account_id", "blobs.id"]),
        Index("ix_splits_account_id_blob_id", "account_id", "blob_id"),
    )

    account_id: Mapped[str] = mapped_column(Id, primary_key=True)
    job_id: Mapped[str] = mapped_column(Id, primary_key=True)
    blob_id: Mapped[str] = mapped_column(Id)
    """The row numbers, as they are downloaded."""
    sha256: Mapped[str] = mapped_column(String(64))
    """Of the row numbers."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class IdempotencyRow(Base):
    """What was answered to a create with an `Idempotency-Key`, or that it is being answered."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        CheckConstraint(_iff("status IS NULL", "reserved_until IS NOT NULL"), name="answered_or_reserved"),
        CheckConstraint("status IS NULL OR fingerprint IS NOT NULL", name="answered_has_fingerprint"),
        Index("ix_idempotency_keys_created_at", "created_at"),
    )

    account_id: Mapped[str] = mapped_column(Id, ForeignKey("accounts.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    token: Mapped[str] = mapped_column(String(32))
    """Names the request that holds the reservation: a fence, as the attempt is for a job."""
    fingerprint: Mapped[str | None] = mapped_column(String(128))
    status: Mapped[int | None] = mapped_column(Integer)
    headers: Mapped[dict[str, str] | None] = mapped_column(Document(dict[str, str]))
    body: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    reserved_until: Mapped[datetime | None] = mapped_column(UtcTime)


class WorkerRow(Base):
    """A worker that said it was alive. It serves every account."""

    __tablename__ = "workers"
    __table_args__ = (
        CheckConstraint("slots >= 1", name="slots"),
        Index("ix_workers_seen_at", "seen_at"),
    )

    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    queues: Mapped[list[str]] = mapped_column(Document(list[str]))
    slots: Mapped[int] = mapped_column(Integer)
    started_at: Mapped[datetime] = mapped_column(UtcTime)
    seen_at: Mapped[datetime] = mapped_column(UtcTime)
