"""The line of those who wait is in the order of asking; a trace tells how long the node's own queue was."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

DUE = sa.text("due_at IS NOT NULL")
CLAIMED, ASKED = "from due to claimed", "from due to the request"


def upgrade() -> None:
    _index("ix_conversation_line", "route", "due_since", "due_at")
    op.drop_index("ix_conversation_due", "conversation")
    comment = "in the node's own queue, part of first_token_ms; NULL: not told"
    op.add_column("reply_trace", sa.Column("node_queue_ms", sa.Integer, comment=comment))
    _comment(CLAIMED, ASKED)


def downgrade() -> None:
    _comment(ASKED, CLAIMED)
    op.drop_column("reply_trace", "node_queue_ms")
    _index("ix_conversation_due", "route", "due_at")
    op.drop_index("ix_conversation_line", "conversation")


def _index(name: str, *columns: str) -> None:
    op.create_index(name, "conversation", list(columns), sqlite_where=DUE, postgresql_where=DUE)


def _comment(old: str, new: str) -> None:
    if op.get_bind().dialect.name == "postgresql":  # SQLite keeps no comments
        integer = sa.Integer()
        op.alter_column(
            "reply_trace", "queue_ms", existing_type=integer, existing_nullable=False, existing_comment=old, comment=new
        )
