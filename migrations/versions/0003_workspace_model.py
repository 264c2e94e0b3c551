"""The model or LoRA that answers the customers of a workspace."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("workspace", sa.Column("model", sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("workspace", "model")
