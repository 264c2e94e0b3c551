"""Revision 1: what comes in and what goes out."""

import sqlalchemy as sa
from alembic import op

from bot.store.times import UtcDateTime

ID = sa.String(32)
WORD = sa.String(64)


def create() -> None:
    op.create_table(
        "inbox",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("digest", sa.LargeBinary(16), nullable=False, comment="of the raw update: tells a repeat from a clash"),
        sa.Column("raw", sa.LargeBinary, nullable=False),
        sa.Column("outcome", WORD, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("conversation_id", ID),
        sa.Column("seq", sa.Integer),
        sa.Column("received_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "account_id", "key", name="pk_inbox"),
        sa.CheckConstraint("outcome IN ('turn', 'control', 'ignored', 'dead')", name=op.f("ck_inbox_outcome")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "account_id"],
            ["account.workspace_id", "account.account_id"],
            name="fk_inbox_account_workspace_id_account_id",
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_inbox_received_at", "inbox", ["received_at"])

    op.create_table(
        "event_log",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("address_id", ID, nullable=False),
        sa.Column("position", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("seq", sa.Integer),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "address_id", "position", name="pk_event_log"),
        sa.CheckConstraint("kind IN ('turn', 'turn.edited', 'turn.deleted', 'status')", name=op.f("ck_event_log_kind")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "address_id"],
            ["address.workspace_id", "address.address_id"],
            name="fk_event_log_address_workspace_id_address_id",
        ),
        sqlite_with_rowid=False,
    )

    op.create_table(
        "outbox",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("outbox_id", ID, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("address_id", ID, nullable=False),
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("seq", sa.Integer, comment="the turn it carries, once that is stored"),
        sa.Column("part", sa.Integer, nullable=False),
        sa.Column("place", sa.Integer, nullable=False, comment="its turn among the open rows of its address"),
        sa.Column("kind", WORD, nullable=False, comment="whose words; removal: the message platform_id is to be taken away"),
        sa.Column("state", WORD, nullable=False),
        sa.Column("withdrawn", sa.Boolean, nullable=False, comment="while sending: not to be sent again"),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("reply_to", WORD),
        sa.Column("platform_id", WORD, comment="of its preview while reserved, of the message once sent"),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("repeats", sa.Integer, nullable=False, comment="sends of which an earlier one may have arrived too"),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("due_at", UtcDateTime, nullable=False),
        sa.Column("first_sent_at", UtcDateTime),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("settled_at", UtcDateTime),
        sa.PrimaryKeyConstraint("workspace_id", "outbox_id", name="pk_outbox"),
        sa.CheckConstraint("kind IN ('bot', 'agent', 'system', 'removal')", name=op.f("ck_outbox_kind")),
        sa.CheckConstraint(
            "state IN ('reserved', 'ready', 'sending', 'sent', 'in_doubt', 'failed', 'cancelled')", name=op.f("ck_outbox_state")
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "address_id"],
            ["address.workspace_id", "address.address_id"],
            name="fk_outbox_address_workspace_id_address_id",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "conversation_id"],
            ["conversation.workspace_id", "conversation.conversation_id"],
            name="fk_outbox_conversation_workspace_id_conversation_id",
        ),
    )
    op.create_index(
        "ix_outbox_failed",
        "outbox",
        ["workspace_id", "settled_at"],
        sqlite_where=sa.text("state = 'failed'"),
        postgresql_where=sa.text("state = 'failed'"),
    )
    op.create_index(
        "ix_outbox_open",
        "outbox",
        ["account_id", "address_id", "place", "outbox_id"],
        sqlite_where=sa.text("state IN ('ready', 'sending', 'in_doubt')"),
        postgresql_where=sa.text("state IN ('ready', 'sending', 'in_doubt')"),
    )
    op.create_index(
        "ix_outbox_repeated",
        "outbox",
        ["workspace_id"],
        sqlite_where=sa.text("repeats > 0"),
        postgresql_where=sa.text("repeats > 0"),
    )
    op.create_index(
        "ix_outbox_waiting",
        "outbox",
        ["account_id", "due_at"],
        sqlite_where=sa.text("state IN ('ready', 'in_doubt')"),
        postgresql_where=sa.text("state IN ('ready', 'in_doubt')"),
    )
    op.create_index("ix_outbox_workspace_id_conversation_id_seq", "outbox", ["workspace_id", "conversation_id", "seq"])

    op.create_table(
        "message_map",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("address_id", ID, nullable=False),
        sa.Column("platform_id", WORD, nullable=False),
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("part", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "address_id", "platform_id", name="pk_message_map"),
        sa.ForeignKeyConstraint(
            ["workspace_id", "address_id"],
            ["address.workspace_id", "address.address_id"],
            name="fk_message_map_address_workspace_id_address_id",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "conversation_id", "seq"],
            ["turn.workspace_id", "turn.conversation_id", "turn.seq"],
            name="fk_message_map_turn_workspace_id_conversation_id_seq",
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_message_map_workspace_id_conversation_id_seq", "message_map", ["workspace_id", "conversation_id", "seq"])


def drop() -> None:
    for table in ("message_map", "outbox", "event_log", "inbox"):
        op.drop_table(table)
