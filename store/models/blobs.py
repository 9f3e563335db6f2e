"""Bytes, in pieces."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from store.columns import Id, UtcTime, state_type
from store.models.base import Base, account, where


class BlobState(StrEnum):
    """Where the bytes of a blob are."""

    UPLOADING = "uploading"
    COMPLETE = "complete"
    DELETING = "deleting"


class BlobRow(Base):
    """Bytes, by the name of their SHA-256. They lie in `chunks`."""

    __tablename__ = "blobs"
    __table_args__ = (
        UniqueConstraint("account_id", "id"),
        CheckConstraint("size >= 0", name="size"),
        CheckConstraint("status <> 'complete' OR sha256 IS NOT NULL", name="complete_has_hash"),
        CheckConstraint("status <> 'uploading' OR kept_until IS NOT NULL", name="uploading_is_temporary"),
        # The same bytes are stored once for an account.
        Index("uq_blobs_content", "account_id", "sha256", unique=True, **where("status = 'complete'")),
        Index("ix_blobs_status_kept_until", "status", "kept_until"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    account_id: Mapped[str] = account()
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
