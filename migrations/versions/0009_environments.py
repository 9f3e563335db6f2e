"""Jobs wait for a worker of the numeric environment that they began in; a result belongs to success alone.

Revision: 0009, after 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_QUEUED = sa.text("status = 'queued'")
_QUEUE: list[str | sa.TextClause] = ["device", "account_id", "key_id", sa.text("priority DESC"), "id", "memory_bytes"]
_RULE = "CONSTRAINT ck_jobs_result_is_of_success CHECK (result IS NULL OR status = 'succeeded')"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("queued_at", sa.DateTime(timezone=True), nullable=True))
    if op.get_bind().dialect.name == "sqlite":
        # SQLite adds a rule only along with a column; else the table would have to be copied.
        op.execute(f"ALTER TABLE jobs ADD COLUMN environment_sha256 VARCHAR(64) {_RULE}")
    else:
        op.add_column("jobs", sa.Column("environment_sha256", sa.String(64), nullable=True))
        op.execute(f"ALTER TABLE jobs ADD {_RULE}")
    _index([*_QUEUE, "environment_sha256", "queued_at"])


def downgrade() -> None:
    _index(_QUEUE)
    if op.get_bind().dialect.name != "sqlite":
        op.execute("ALTER TABLE jobs DROP CONSTRAINT ck_jobs_result_is_of_success")
    op.drop_column("jobs", "environment_sha256")
    op.drop_column("jobs", "queued_at")


def _index(columns: list[str | sa.TextClause]) -> None:
    op.drop_index("ix_jobs_queue", "jobs")
    op.create_index("ix_jobs_queue", "jobs", columns, sqlite_where=_QUEUED, postgresql_where=_QUEUED)
