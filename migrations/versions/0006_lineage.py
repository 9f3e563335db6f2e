"""Where the weights of a job come from, as hashes.

Revision: 0006, after 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ID = sa.String(40).with_variant(sa.String(40, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "lineages",
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("job_id", _ID, nullable=False),
        sa.Column("dataset_sha256", sa.String(length=64), nullable=False),
        sa.Column("columns_sha256", sa.String(length=64), nullable=False),
        sa.Column("spec_sha256", sa.String(length=64), nullable=False),
        sa.Column("split_sha256", sa.String(length=64), nullable=True),
        sa.Column("code_version", sa.String(length=64), nullable=True),
        sa.Column("code_sha256", sa.String(length=64), nullable=True),
        sa.CheckConstraint(
            "code_sha256 IS NULL OR code_version IS NOT NULL", name=op.f("ck_lineages_code_has_version")
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "job_id"],
            ["jobs.account_id", "jobs.id"],
            name=op.f("fk_lineages_account_id_job_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", "job_id", name=op.f("pk_lineages")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_lineages_search", "lineages", ["account_id", "spec_sha256", "dataset_sha256", "code_sha256", "job_id"]
    )


def downgrade() -> None:
    op.drop_table("lineages")
