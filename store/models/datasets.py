"""Uploaded files, and what is known of them."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from steepest.spec.columns import Column, ColumnChange, ColumnKind, Role
from steepest.spec.errors import JobError
from steepest.spec.ingest import IngestOptions
from steepest.spec.states import DatasetState
from store.columns import Document, Id, UtcTime, state_type
from store.models.base import Base, account, iff


class DatasetRow(Base):
    """An uploaded file and, once it is ingested, its columns with their statistics."""

    __tablename__ = "datasets"
    __table_args__ = (
        UniqueConstraint("account_id", "id"),
        ForeignKeyConstraint(["account_id", "blob_id"], ["blobs.account_id", "blobs.id"]),
        CheckConstraint("attempt >= 0 AND failures >= 0 AND announcements >= 0", name="counters"),
        CheckConstraint("lease_until IS NULL OR status = 'validating'", name="lease"),
        CheckConstraint(iff("lease_until IS NOT NULL", "worker IS NOT NULL"), name="worker"),
        CheckConstraint(iff("announce_at IS NOT NULL", "status = 'validating' AND lease_until IS NULL"), name="waits"),
        CheckConstraint(iff("status = 'failed'", "error IS NOT NULL"), name="failed_has_error"),
        CheckConstraint(
            "status <> 'ready' OR (row_count IS NOT NULL AND columns IS NOT NULL)", name="ready_has_columns"
        ),
        Index("ix_datasets_account_id_blob_id", "account_id", "blob_id"),
        Index("ix_datasets_lease_until", "lease_until"),
        Index("ix_datasets_announce_at", "announce_at"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    account_id: Mapped[str] = account()
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
    used_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """The end of the last job that used it and has been deleted since; null: none was."""

    @property
    def kinds(self) -> dict[str, ColumnKind]:
        """What columns are to be read as, whatever they look like."""
        return {name: change.kind for name, change in sorted((self.changes or {}).items()) if change.kind is not None}

    @property
    def roles(self) -> dict[str, Role]:
        """What columns are for, where somebody said so."""
        return {name: change.role for name, change in (self.changes or {}).items() if change.role is not None}
