"""What push channels need: how far each place was read, parts of an answer, placeholders of the platform, what text
files say, how to reach people.
"""

import sqlalchemy as sa
from alembic import op

from bot.store.times import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.String(32)


def upgrade() -> None:
    op.create_table(
        "reading",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column(
            "place",
            sa.String(64),
            nullable=False,
            comment="a chat with a history of its own; empty: the stream of updates",
        ),
        sa.Column("position", sa.Text, nullable=False, comment="the last update there that is stored, in the platform's terms"),
        sa.Column("read_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "account_id", "place", name="pk_reading"),
        sa.ForeignKeyConstraint(
            ["workspace_id", "account_id"],
            ["account.workspace_id", "account.account_id"],
            name="fk_reading_account_workspace_id_account_id",
        ),
        sqlite_with_rowid=False,
    )
    op.drop_column("account", "cursor")
    op.add_column("outbox", sa.Column("parts", sa.Integer, nullable=False, server_default="1"))
    op.add_column(
        "outbox",
        sa.Column("secret", sa.Text, comment="what changing a placeholder of the platform needs; gone once it is settled"),
    )
    op.add_column(
        "attachment",
        sa.Column("text", sa.Text, comment="what a text file says, empty until it is read; NULL: it is no text"),
    )
    op.add_column("workspace", sa.Column("contact", sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("workspace", "contact")
    op.drop_column("attachment", "text")
    op.drop_column("outbox", "secret")
    op.drop_column("outbox", "parts")
    op.add_column("account", sa.Column("cursor", sa.Text))
    op.drop_table("reading")
