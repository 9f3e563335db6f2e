"""Who may do what: accounts, their keys, what was answered to them, and the workers that serve them all."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from store.columns import Document, Id, UtcTime
from store.models.base import Base, account, iff


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
    account_id: Mapped[str] = account()
    name: Mapped[str] = mapped_column(Text)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    scopes: Mapped[list[str]] = mapped_column(Document(list[str]))
    max_running: Mapped[int | None] = mapped_column(Integer)
    """How many of its jobs may be at work at once; null: as many as the settings say of every key."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcTime)


class IdempotencyRow(Base):
    """What was answered to a create with an `Idempotency-Key`, or that it is being answered."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        CheckConstraint(iff("status IS NULL", "reserved_until IS NOT NULL"), name="answered_or_reserved"),
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
    memory_bytes: Mapped[int | None] = mapped_column(BigInteger)
    """What all processes of its worker together may use; null for one that does not train, or of an older release."""
    started_at: Mapped[datetime] = mapped_column(UtcTime)
    seen_at: Mapped[datetime] = mapped_column(UtcTime)
