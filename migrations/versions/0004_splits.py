"""The rows that each part of a job's data has.

Revision: 0004, after 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ID = sa.String(40).with_variant(sa.String(40, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "splits",
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("job_id", _ID, nullable=False),
        sa.Column("blob_id", _ID, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "blob_id"], ["blobs.account_id", "blobs.id"], name=op.f("fk_splits_account_id_blob_id")
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "job_id"],
            ["jobs.account_id", "jobs.id"],
            name=op.f("fk_splits_account_id_job_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", "job_id", name=op.f("pk_splits")),
    )
    op.create_index("ix_splits_account_id_blob_id", "splits", ["account_id", "blob_id"])


def downgrade() -> None:
    op.drop_table("splits")
