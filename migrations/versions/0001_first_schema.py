"""The first schema.

Revision: 0001, after None
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = (
    "accounts",
    "workers",
    "api_keys",
    "blobs",
    "idempotency_keys",
    "jobs",
    "checkpoints",
    "chunks",
    "datasets",
    "epochs",
    "events",
    "job_labels",
)

_ID = sa.String(40).with_variant(sa.String(40, collation="C"), "postgresql")
_TIME = sa.DateTime(timezone=True)


def _state(*states: str) -> sa.Enum:
    return sa.Enum(*states, name="status", native_enum=False, create_constraint=True, length=16)


def upgrade() -> None:
    accounts = op.create_table(
        "accounts",
        sa.Column("id", _ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
    )
    op.create_table(
        "workers",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("queues", sa.Text(), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("seen_at", _TIME, nullable=False),
        sa.CheckConstraint("slots >= 1", name=op.f("ck_workers_slots")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_workers")),
    )
    op.create_index("ix_workers_seen_at", "workers", ["seen_at"])

    op.create_table(
        "api_keys",
        sa.Column("id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("revoked_at", _TIME, nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_api_keys_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("account_id", "id", name=op.f("uq_api_keys_account_id_id")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_keys_digest")),
    )
    op.create_table(
        "blobs",
        sa.Column("id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("status", _state("uploading", "complete", "deleting"), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("kept_until", _TIME, nullable=True),
        sa.CheckConstraint("status <> 'complete' OR sha256 IS NOT NULL", name=op.f("ck_blobs_complete_has_hash")),
        sa.CheckConstraint(
            "status <> 'uploading' OR kept_until IS NOT NULL", name=op.f("ck_blobs_uploading_is_temporary")
        ),
        sa.CheckConstraint("size >= 0", name=op.f("ck_blobs_size")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_blobs_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blobs")),
        sa.UniqueConstraint("account_id", "id", name=op.f("uq_blobs_account_id_id")),
    )
    op.create_index("ix_blobs_status_kept_until", "blobs", ["status", "kept_until"])
    op.create_index(
        "uq_blobs_content",
        "blobs",
        ["account_id", "sha256"],
        unique=True,
        sqlite_where=sa.text("status = 'complete'"),
        postgresql_where=sa.text("status = 'complete'"),
    )

    op.create_table(
        "idempotency_keys",
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("fingerprint", sa.String(length=128), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("headers", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("reserved_until", _TIME, nullable=True),
        sa.CheckConstraint(
            "(status IS NULL) = (reserved_until IS NOT NULL)", name=op.f("ck_idempotency_keys_answered_or_reserved")
        ),
        sa.CheckConstraint(
            "status IS NULL OR fingerprint IS NOT NULL", name=op.f("ck_idempotency_keys_answered_has_fingerprint")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_idempotency_keys_account_id")),
        sa.PrimaryKeyConstraint("account_id", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])

    op.create_table(
        "jobs",
        sa.Column("id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("dataset_id", _ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column(
            "status",
            _state("queued", "running", "pausing", "paused", "cancelling", "succeeded", "failed", "cancelled"),
            nullable=False,
        ),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("device", sa.String(length=8), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("resolved_spec", sa.Text(), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("warnings", sa.Text(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("started_at", _TIME, nullable=True),
        sa.Column("finished_at", _TIME, nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("lease_until", _TIME, nullable=True),
        sa.Column("progress_at", _TIME, nullable=True),
        sa.Column("announce_at", _TIME, nullable=True),
        sa.Column("announcements", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("epochs", sa.Integer(), nullable=False),
        sa.Column("eta_seconds", sa.Float(53), nullable=True),
        sa.Column("reached", sa.BigInteger(), nullable=False),
        sa.Column("reached_before", sa.BigInteger(), nullable=False),
        sa.Column("last_event", sa.BigInteger(), nullable=False),
        sa.Column("bit_exact", sa.Boolean(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=True),
        sa.Column("stopped_by", sa.String(length=32), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.CheckConstraint("(announce_at IS NOT NULL) = (status = 'queued')", name=op.f("ck_jobs_waits")),
        sa.CheckConstraint("(error IS NOT NULL) = (status = 'failed')", name=op.f("ck_jobs_failed_has_error")),
        sa.CheckConstraint(
            "(finished_at IS NOT NULL) = (status IN ('cancelled', 'failed', 'succeeded'))",
            name=op.f("ck_jobs_finished"),
        ),
        sa.CheckConstraint(
            "(lease_until IS NOT NULL) = (status IN ('cancelling', 'pausing', 'running'))", name=op.f("ck_jobs_lease")
        ),
        sa.CheckConstraint(
            "(worker IS NOT NULL) = (status IN ('cancelling', 'pausing', 'running'))", name=op.f("ck_jobs_worker")
        ),
        sa.CheckConstraint(
            "attempt >= 1 OR NOT (status IN ('cancelling', 'pausing', 'running'))",
            name=op.f("ck_jobs_held_is_an_attempt"),
        ),
        sa.CheckConstraint("status <> 'succeeded' OR result IS NOT NULL", name=op.f("ck_jobs_succeeded_has_result")),
        sa.CheckConstraint(
            "attempt >= 0 AND failures >= 0 AND announcements >= 0 AND last_event >= 0", name=op.f("ck_jobs_counters")
        ),
        sa.CheckConstraint("epoch >= 0 AND step >= 0 AND epochs >= 1", name=op.f("ck_jobs_position")),
        sa.CheckConstraint(
            "reached >= 0 AND reached_before >= 0 AND reached_before <= reached", name=op.f("ck_jobs_reached")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_jobs_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("account_id", "id", name=op.f("uq_jobs_account_id_id")),
    )
    op.create_index("ix_jobs_account_id_dataset_id_id", "jobs", ["account_id", "dataset_id", "id"])
    op.create_index("ix_jobs_account_id_name_id", "jobs", ["account_id", "name", "id"])
    op.create_index("ix_jobs_account_id_status_id", "jobs", ["account_id", "status", "id"])
    op.create_index("ix_jobs_announce_at", "jobs", ["announce_at"])
    op.create_index("ix_jobs_lease_until", "jobs", ["lease_until"])

    op.create_table(
        "checkpoints",
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("job_id", _ID, nullable=False),
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("step", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("is_initial", sa.Boolean(), nullable=False),
        sa.Column("is_best", sa.Boolean(), nullable=False),
        sa.Column("is_last", sa.Boolean(), nullable=False),
        sa.Column("blob_id", _ID, nullable=False),
        sa.Column("state_blob_id", _ID, nullable=True),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.CheckConstraint("epoch >= 0 AND step >= 0", name=op.f("ck_checkpoints_position")),
        sa.ForeignKeyConstraint(
            ["account_id", "blob_id"], ["blobs.account_id", "blobs.id"], name=op.f("fk_checkpoints_account_id_blob_id")
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "job_id"],
            ["jobs.account_id", "jobs.id"],
            name=op.f("fk_checkpoints_account_id_job_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "state_blob_id"],
            ["blobs.account_id", "blobs.id"],
            name=op.f("fk_checkpoints_account_id_state_blob_id"),
        ),
        sa.PrimaryKeyConstraint("account_id", "job_id", "epoch", "step", name=op.f("pk_checkpoints")),
    )
    op.create_index("ix_checkpoints_account_id_blob_id", "checkpoints", ["account_id", "blob_id"])
    op.create_index("ix_checkpoints_account_id_state_blob_id", "checkpoints", ["account_id", "state_blob_id"])
    op.create_index(
        "uq_checkpoints_best",
        "checkpoints",
        ["account_id", "job_id"],
        unique=True,
        sqlite_where=sa.text("is_best"),
        postgresql_where=sa.text("is_best"),
    )
    op.create_index(
        "uq_checkpoints_initial",
        "checkpoints",
        ["account_id", "job_id"],
        unique=True,
        sqlite_where=sa.text("is_initial"),
        postgresql_where=sa.text("is_initial"),
    )
    op.create_index(
        "uq_checkpoints_last",
        "checkpoints",
        ["account_id", "job_id"],
        unique=True,
        sqlite_where=sa.text("is_last"),
        postgresql_where=sa.text("is_last"),
    )

    op.create_table(
        "chunks",
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("blob_id", _ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("crc32", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("number >= 0", name=op.f("ck_chunks_number")),
        sa.ForeignKeyConstraint(
            ["account_id", "blob_id"], ["blobs.account_id", "blobs.id"], name=op.f("fk_chunks_account_id_blob_id")
        ),
        sa.PrimaryKeyConstraint("account_id", "blob_id", "number", name=op.f("pk_chunks")),
    )
    op.create_table(
        "datasets",
        sa.Column("id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("blob_id", _ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status", _state("validating", "ready", "failed"), nullable=False),
        sa.Column("format", sa.String(length=32), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=True),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("row_count", sa.BigInteger(), nullable=True),
        sa.Column("columns", sa.Text(), nullable=True),
        sa.Column("warnings", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("finished_at", _TIME, nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("lease_until", _TIME, nullable=True),
        sa.Column("announce_at", _TIME, nullable=True),
        sa.Column("announcements", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(announce_at IS NOT NULL) = (status = 'validating' AND lease_until IS NULL)",
            name=op.f("ck_datasets_waits"),
        ),
        sa.CheckConstraint("(status = 'failed') = (error IS NOT NULL)", name=op.f("ck_datasets_failed_has_error")),
        sa.CheckConstraint("lease_until IS NULL OR status = 'validating'", name=op.f("ck_datasets_lease")),
        sa.CheckConstraint(
            "status <> 'ready' OR (row_count IS NOT NULL AND columns IS NOT NULL)",
            name=op.f("ck_datasets_ready_has_columns"),
        ),
        sa.CheckConstraint("(lease_until IS NOT NULL) = (worker IS NOT NULL)", name=op.f("ck_datasets_worker")),
        sa.CheckConstraint("attempt >= 0 AND failures >= 0 AND announcements >= 0", name=op.f("ck_datasets_counters")),
        sa.ForeignKeyConstraint(
            ["account_id", "blob_id"], ["blobs.account_id", "blobs.id"], name=op.f("fk_datasets_account_id_blob_id")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_datasets_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_datasets")),
        sa.UniqueConstraint("account_id", "id", name=op.f("uq_datasets_account_id_id")),
    )
    op.create_index("ix_datasets_account_id_blob_id", "datasets", ["account_id", "blob_id"])
    op.create_index("ix_datasets_announce_at", "datasets", ["announce_at"])
    op.create_index("ix_datasets_lease_until", "datasets", ["lease_until"])

    op.create_table(
        "epochs",
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("job_id", _ID, nullable=False),
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("training_loss", sa.Float(53), nullable=False),
        sa.Column("validation_loss", sa.Float(53), nullable=True),
        sa.Column("training_accuracy", sa.Float(53), nullable=True),
        sa.Column("validation_accuracy", sa.Float(53), nullable=True),
        sa.Column("training_r2", sa.Float(53), nullable=True),
        sa.Column("validation_r2", sa.Float(53), nullable=True),
        sa.Column("learning_rate", sa.Float(53), nullable=False),
        sa.Column("seconds", sa.Float(53), nullable=False),
        sa.CheckConstraint("epoch >= 1", name=op.f("ck_epochs_epoch")),
        sa.ForeignKeyConstraint(
            ["account_id", "job_id"],
            ["jobs.account_id", "jobs.id"],
            name=op.f("fk_epochs_account_id_job_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", "job_id", "epoch", name=op.f("pk_epochs")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "events",
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("job_id", _ID, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column(
            "status",
            _state("queued", "running", "pausing", "paused", "cancelling", "succeeded", "failed", "cancelled"),
            nullable=True,
        ),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.CheckConstraint("number >= 1", name=op.f("ck_events_number")),
        sa.ForeignKeyConstraint(
            ["account_id", "job_id"],
            ["jobs.account_id", "jobs.id"],
            name=op.f("fk_events_account_id_job_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", "job_id", "number", name=op.f("pk_events")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_events_transitions",
        "events",
        ["account_id", "job_id", "number"],
        sqlite_where=sa.text("status IS NOT NULL"),
        postgresql_where=sa.text("status IS NOT NULL"),
    )

    op.create_table(
        "job_labels",
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("job_id", _ID, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("value", sa.String(length=512), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "job_id"],
            ["jobs.account_id", "jobs.id"],
            name=op.f("fk_job_labels_account_id_job_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", "job_id", "key", name=op.f("pk_job_labels")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_job_labels_search", "job_labels", ["account_id", "key", "value", "job_id"])
    # Chunks are fetched whole and seldom compress: keep them out of line, uncompressed.
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE chunks ALTER COLUMN data SET STORAGE EXTERNAL")
    moment = datetime.now(UTC)
    if op.get_bind().dialect.name == "sqlite":
        moment = moment.replace(tzinfo=None)
    op.bulk_insert(accounts, [{"id": "acc_00000000000070008000000000000001", "name": "default", "created_at": moment}])


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.drop_table(table)
