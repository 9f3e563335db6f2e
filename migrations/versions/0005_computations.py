"""Long computations about jobs.

Revision: 0005, after 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_ID = sa.String(40).with_variant(sa.String(40, collation="C"), "postgresql")
_TIME = sa.DateTime(timezone=True)
_STATE = sa.Enum(
    "queued", "running", "succeeded", "failed", name="status", native_enum=False, create_constraint=True, length=16
)


def upgrade() -> None:
    op.create_table(
        "computations",
        sa.Column("id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("job_id", _ID, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=32), nullable=True),
        sa.Column("dataset_id", _ID, nullable=True),
        sa.Column("parameters", sa.Text(), nullable=False),
        sa.Column("status", _STATE, nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("blob_id", _ID, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("started_at", _TIME, nullable=True),
        sa.Column("finished_at", _TIME, nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("lease_until", _TIME, nullable=True),
        sa.Column("announce_at", _TIME, nullable=True),
        sa.Column("announcements", sa.Integer(), nullable=False),
        sa.CheckConstraint("(announce_at IS NOT NULL) = (status = 'queued')", name=op.f("ck_computations_waits")),
        sa.CheckConstraint("(error IS NOT NULL) = (status = 'failed')", name=op.f("ck_computations_failed_has_error")),
        sa.CheckConstraint(
            "(finished_at IS NOT NULL) = (status IN ('succeeded', 'failed'))", name=op.f("ck_computations_finished")
        ),
        sa.CheckConstraint("(lease_until IS NOT NULL) = (status = 'running')", name=op.f("ck_computations_lease")),
        sa.CheckConstraint(
            "(result IS NOT NULL) = (status = 'succeeded')", name=op.f("ck_computations_succeeded_has_result")
        ),
        sa.CheckConstraint("(worker IS NOT NULL) = (status = 'running')", name=op.f("ck_computations_worker")),
        sa.CheckConstraint(
            "attempt >= 0 AND failures >= 0 AND announcements >= 0", name=op.f("ck_computations_counters")
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "blob_id"], ["blobs.account_id", "blobs.id"], name=op.f("fk_computations_account_id_blob_id")
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "job_id"],
            ["jobs.account_id", "jobs.id"],
            name=op.f("fk_computations_account_id_job_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_computations_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_computations")),
        sa.UniqueConstraint("account_id", "id", name=op.f("uq_computations_account_id_id")),
    )
    op.create_index("ix_computations_account_id_job_id_kind_id", "computations", ["account_id", "job_id", "kind", "id"])
    op.create_index("ix_computations_account_id_dataset_id", "computations", ["account_id", "dataset_id"])
    op.create_index("ix_computations_account_id_blob_id", "computations", ["account_id", "blob_id"])
    op.create_index("ix_computations_announce_at", "computations", ["announce_at"])
    op.create_index("ix_computations_lease_until", "computations", ["lease_until"])
    op.create_index(
        "uq_computations_name",
        "computations",
        ["account_id", "job_id", "name"],
        unique=True,
        sqlite_where=sa.text("name IS NOT NULL"),
        postgresql_where=sa.text("name IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_table("computations")
