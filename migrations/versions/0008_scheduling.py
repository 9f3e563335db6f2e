"""What decides whose job is next: the key that submitted it, its memory, and the order of those that wait.

Revision: 0008, after 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_ID = sa.String(40).with_variant(sa.String(40, collation="C"), "postgresql")
_QUEUED = sa.text("status = 'queued'")
_HELD = sa.text("lease_until IS NOT NULL")


def upgrade() -> None:
    # With defaults, for the release before this one goes on writing rows while it is replaced.
    op.add_column("jobs", sa.Column("key_id", _ID, server_default="", nullable=False))
    op.add_column("jobs", sa.Column("memory_bytes", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("api_keys", sa.Column("max_running", sa.Integer(), nullable=True))
    op.add_column("workers", sa.Column("memory_bytes", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_jobs_queue",
        "jobs",
        ["device", "account_id", "key_id", sa.text("priority DESC"), "id", "memory_bytes"],
        sqlite_where=_QUEUED,
        postgresql_where=_QUEUED,
    )
    op.create_index(
        "ix_jobs_line",
        "jobs",
        ["device", sa.text("priority DESC"), "id"],
        sqlite_where=_QUEUED,
        postgresql_where=_QUEUED,
    )
    op.create_index("ix_jobs_held", "jobs", ["account_id", "key_id"], sqlite_where=_HELD, postgresql_where=_HELD)


def downgrade() -> None:
    for index in ("ix_jobs_held", "ix_jobs_line", "ix_jobs_queue"):
        op.drop_index(index, "jobs")
    op.drop_column("workers", "memory_bytes")
    op.drop_column("api_keys", "max_running")
    op.drop_column("jobs", "memory_bytes")
    op.drop_column("jobs", "key_id")
