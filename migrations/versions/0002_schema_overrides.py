"""What people say of columns: kinds and roles.

Revision: 0002, after 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("datasets", sa.Column("changes", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("datasets", "changes")
