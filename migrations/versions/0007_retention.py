"""What goes by rules of retention, and how it is found.

Revision: 0007, after 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_INDEXES = {
    "ix_jobs_finished_at": "finished_at IS NOT NULL",
    "ix_jobs_with_history": "finished_at IS NOT NULL AND epochs_removed < epoch",
    "ix_jobs_with_checkpoints": "finished_at IS NOT NULL AND checkpoints_removed_at IS NULL",
}


def upgrade() -> None:
    op.add_column("jobs", sa.Column("epochs_removed", sa.Integer(), server_default="0", nullable=False))
    op.add_column("jobs", sa.Column("checkpoints_removed_at", _TIME, nullable=True))
    op.add_column("datasets", sa.Column("used_at", _TIME, nullable=True))
    for name, condition in _INDEXES.items():
        where = sa.text(condition)
        op.create_index(name, "jobs", ["finished_at"], sqlite_where=where, postgresql_where=where)
    op.create_index("ix_jobs_account_id_dataset_id_finished_at", "jobs", ["account_id", "dataset_id", "finished_at"])


def downgrade() -> None:
    op.drop_index("ix_jobs_account_id_dataset_id_finished_at", "jobs")
    for name in reversed(_INDEXES):
        op.drop_index(name, "jobs")
    op.drop_column("datasets", "used_at")
    op.drop_column("jobs", "checkpoints_removed_at")
    op.drop_column("jobs", "epochs_removed")
