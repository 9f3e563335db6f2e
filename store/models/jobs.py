"""Training jobs, with all that an attempt leaves behind."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from steepest.spec.errors import JobError
from steepest.spec.job import JobSpec
from steepest.spec.outcome import Environment, Result
from steepest.spec.resolved import ResolvedJobSpec
from steepest.spec.states import HELD, TERMINAL, JobState
from store.columns import Document, Figure, Id, UtcTime, state_type
from store.models.base import Base, account, iff, one_of, where


class JobRow(Base):
    """A training job: what was asked for, where it is in its life, and what came out."""

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("account_id", "id"),
        CheckConstraint("attempt >= 0 AND failures >= 0 AND announcements >= 0 AND last_event >= 0", name="counters"),
        CheckConstraint("epoch >= 0 AND step >= 0 AND epochs >= 1", name="position"),
        CheckConstraint("reached >= 0 AND reached_before >= 0 AND reached_before <= reached", name="reached"),
        CheckConstraint(iff("lease_until IS NOT NULL", one_of("status", HELD)), name="lease"),
        CheckConstraint(iff("worker IS NOT NULL", one_of("status", HELD)), name="worker"),
        CheckConstraint(f"attempt >= 1 OR NOT ({one_of('status', HELD)})", name="held_is_an_attempt"),
        CheckConstraint(iff("announce_at IS NOT NULL", "status = 'queued'"), name="waits"),
        CheckConstraint(iff("finished_at IS NOT NULL", one_of("status", TERMINAL)), name="finished"),
        CheckConstraint(iff("error IS NOT NULL", "status = 'failed'"), name="failed_has_error"),
        CheckConstraint("status <> 'succeeded' OR result IS NOT NULL", name="succeeded_has_result"),
        Index("ix_jobs_account_id_status_id", "account_id", "status", "id"),
        Index("ix_jobs_account_id_dataset_id_id", "account_id", "dataset_id", "id"),
        Index("ix_jobs_account_id_name_id", "account_id", "name", "id"),
        Index("ix_jobs_lease_until", "lease_until"),
        Index("ix_jobs_announce_at", "announce_at"),
        Index("ix_jobs_account_id_dataset_id_finished_at", "account_id", "dataset_id", "finished_at"),
        # What retention looks for, longest over first.
        Index("ix_jobs_finished_at", "finished_at", **where("finished_at IS NOT NULL")),
        Index("ix_jobs_with_history", "finished_at", **where("finished_at IS NOT NULL AND epochs_removed < epoch")),
        Index(
            "ix_jobs_with_checkpoints",
            "finished_at",
            **where("finished_at IS NOT NULL AND checkpoints_removed_at IS NULL"),
        ),
        # The best job of each key; the order of all that wait for a device; what each key has at work.
        Index(
            "ix_jobs_queue",
            "device",
            "account_id",
            "key_id",
            text("priority DESC"),
            "id",
            "memory_bytes",
            "environment_sha256",
            "queued_at",
            **where("status = 'queued'"),
        ),
        Index("ix_jobs_line", "device", text("priority DESC"), "id", **where("status = 'queued'")),
        Index("ix_jobs_held", "account_id", "key_id", **where("lease_until IS NOT NULL")),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    account_id: Mapped[str] = account()
    dataset_id: Mapped[str] = mapped_column(Id)
    """No foreign key: a finished job keeps naming a data set that has since been deleted."""
    key_id: Mapped[str] = mapped_column(Id, default="", server_default="")
    """The key that submitted it, whose limit of running jobs holds for it; empty where none is known."""
    name: Mapped[str | None] = mapped_column(Text)
    status: Mapped[JobState] = mapped_column(state_type(JobState, "status"))
    priority: Mapped[int] = mapped_column(Integer, default=0)
    device: Mapped[str] = mapped_column(String(8))
    """`cpu` or `gpu`: which workers it is announced to."""
    memory_bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """Estimated peak of the process that trains it; 0 where no estimate was made."""
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
    queued_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """Since when it waits for a worker; null when it does not, or an older release put it in the queue."""
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
    environment_sha256: Mapped[str | None] = mapped_column(
        String(64),
        # Of the row, and not of this column: SQLite adds a rule to a table only along with a column.
        CheckConstraint("result IS NULL OR status = 'succeeded'", name="result_is_of_success"),
    )
    """Of `environment`: workers of another one take the job only after a wait."""
    stopped_by: Mapped[str | None] = mapped_column(String(32))
    error: Mapped[JobError | None] = mapped_column(Document(JobError))
    result: Mapped[Result | None] = mapped_column(Document(Result))
    epochs_removed: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """So many of the first epochs have been removed from its loss history, because their time was over."""
    checkpoints_removed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When all checkpoints but one were removed, because their time was over."""


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
        Index("ix_events_transitions", "account_id", "job_id", "number", **where("status IS NOT NULL")),
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
            Index(f"uq_checkpoints_{kind}", "account_id", "job_id", unique=True, **where(f"is_{kind}"))
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
