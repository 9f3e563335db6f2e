"""Long computations about jobs."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from steepest.spec.answer import Answer
from steepest.spec.errors import JobError
from steepest.spec.figures import EvaluationResult, PredictionResult
from steepest.spec.states import ComputationState
from store.columns import Document, Id, UtcTime, state_type
from store.models.base import Base, account, iff, where


class ComputationKind(StrEnum):
    """What a long computation works out about a job."""

    EVALUATION = "evaluation"
    PREDICTION = "prediction"


ComputationResult = EvaluationResult | PredictionResult
"""What came out of a long computation, beside a file."""


class ComputationRow(Base):
    """Something long that is worked out about a job: how good it is on other rows, what it predicts of them."""

    __tablename__ = "computations"
    __table_args__ = (
        UniqueConstraint("account_id", "id"),
        ForeignKeyConstraint(["account_id", "job_id"], ["jobs.account_id", "jobs.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(["account_id", "blob_id"], ["blobs.account_id", "blobs.id"]),
        CheckConstraint("attempt >= 0 AND failures >= 0 AND announcements >= 0", name="counters"),
        CheckConstraint(iff("lease_until IS NOT NULL", "status = 'running'"), name="lease"),
        CheckConstraint(iff("worker IS NOT NULL", "status = 'running'"), name="worker"),
        CheckConstraint(iff("announce_at IS NOT NULL", "status = 'queued'"), name="waits"),
        CheckConstraint(iff("finished_at IS NOT NULL", "status IN ('succeeded', 'failed')"), name="finished"),
        CheckConstraint(iff("error IS NOT NULL", "status = 'failed'"), name="failed_has_error"),
        CheckConstraint(iff("result IS NOT NULL", "status = 'succeeded'"), name="succeeded_has_result"),
        Index("ix_computations_account_id_job_id_kind_id", "account_id", "job_id", "kind", "id"),
        Index("ix_computations_account_id_dataset_id", "account_id", "dataset_id"),
        Index("ix_computations_account_id_blob_id", "account_id", "blob_id"),
        Index("uq_computations_name", "account_id", "job_id", "name", unique=True, **where("name IS NOT NULL")),
        Index("ix_computations_lease_until", "lease_until"),
        Index("ix_computations_announce_at", "announce_at"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    account_id: Mapped[str] = account()
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
