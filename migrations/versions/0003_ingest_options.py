"""How an uploaded file is read, and the shape of the pictures in it.

Revision: 0003, after 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("datasets", sa.Column("options", sa.Text(), nullable=True))
    op.add_column("datasets", sa.Column("image_shape", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("datasets", "image_shape")
    op.drop_column("datasets", "options")
