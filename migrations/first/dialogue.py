"""Revision 1: what was said."""

import sqlalchemy as sa
from alembic import op

from bot.store.times import UtcDateTime

ID = sa.String(32)
WORD = sa.String(64)


def create() -> None:
    op.create_table(
        "conversation",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("address_id", ID, nullable=False),
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("route", ID, nullable=False),
        sa.Column("owner", sa.Text, nullable=False, comment="bot, queue, or an agent's identity id"),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("last_seq", sa.Integer, nullable=False),
        sa.Column("first_event", sa.Integer, nullable=False, comment="position of its opening in the address's event log"),
        sa.Column("last_event", sa.Integer, nullable=False, comment="position in the address's event log"),
        sa.Column("customer_seq", sa.Integer, nullable=False, comment="the newest customer turn"),
        sa.Column("answered_seq", sa.Integer, nullable=False, comment="the last turn answered, expired or given up"),
        sa.Column("due_at", UtcDateTime),
        sa.Column("due_since", UtcDateTime),
        sa.Column("lease_owner", ID),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("stopped_epoch", sa.Integer, nullable=False, comment="the epoch a stop moved to; 0: none"),
        sa.Column("interrupts", sa.Integer, nullable=False, comment="of the answer being made"),
        sa.Column("noticed", sa.Boolean, nullable=False, comment="told of the present outage"),
        sa.Column("folded_seq", sa.Integer, nullable=False, comment="the summary the window starts from; 0: none"),
        sa.Column("window_tokens", sa.Integer, nullable=False, comment="exact size of the last prompt and its answer"),
        sa.Column("window_key", sa.Text, nullable=False, comment="model and prompt version of the last prompt"),
        sa.Column("window_break", WORD, nullable=False, comment="declared reason why the next prompt is no extension"),
        sa.Column("opened_at", UtcDateTime, nullable=False),
        sa.Column("closed_at", UtcDateTime),
        sa.PrimaryKeyConstraint("workspace_id", "conversation_id", name="pk_conversation"),
        sa.ForeignKeyConstraint(
            ["workspace_id", "address_id"],
            ["address.workspace_id", "address.address_id"],
            name="fk_conversation_address_workspace_id_address_id",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "customer_id"],
            ["customer.workspace_id", "customer.customer_id"],
            name="fk_conversation_customer_workspace_id_customer_id",
        ),
    )
    op.create_index(
        "ix_conversation_due",
        "conversation",
        ["route", "due_at"],
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_conversation_waiting",
        "conversation",
        ["noticed", "due_since"],
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "uq_conversation_current",
        "conversation",
        ["workspace_id", "address_id"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )

    op.create_table(
        "summary",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False, autoincrement=False, comment="the bot turn it reaches through"),
        sa.Column("answers_through", sa.Integer, nullable=False),
        sa.Column("window_tokens", sa.Integer, nullable=False, comment="size of the window through that turn"),
        sa.Column("text", sa.Text, comment="NULL: cut with a marker, nothing was summarised"),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "conversation_id", "seq", name="pk_summary"),
        sa.ForeignKeyConstraint(
            ["workspace_id", "conversation_id"],
            ["conversation.workspace_id", "conversation.conversation_id"],
            name="fk_summary_conversation_workspace_id_conversation_id",
        ),
    )

    op.create_table(
        "turn",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("role", WORD, nullable=False),
        sa.Column("identity_id", ID),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("model_text", sa.Text),
        sa.Column("answers_through", sa.Integer),
        sa.Column("window_tokens", sa.Integer, comment="bot turns: exact size of the window through this answer"),
        sa.Column("state", WORD, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "conversation_id", "seq", name="pk_turn"),
        sa.CheckConstraint("role IN ('customer', 'bot', 'agent', 'note', 'system')", name=op.f("ck_turn_role")),
        sa.CheckConstraint("state IN ('whole', 'stopped', 'deleted')", name=op.f("ck_turn_state")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "conversation_id"],
            ["conversation.workspace_id", "conversation.conversation_id"],
            name="fk_turn_conversation_workspace_id_conversation_id",
        ),
        sqlite_with_rowid=False,
    )

    op.create_table(
        "attachment",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("attachment_id", ID, nullable=False),
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("mime", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger),
        sa.Column("sha256", WORD),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("expires_at", UtcDateTime),
        sa.PrimaryKeyConstraint("workspace_id", "attachment_id", name="pk_attachment"),
        sa.ForeignKeyConstraint(
            ["workspace_id", "conversation_id", "seq"],
            ["turn.workspace_id", "turn.conversation_id", "turn.seq"],
            name="fk_attachment_turn_workspace_id_conversation_id_seq",
        ),
    )
    op.create_index("ix_attachment_workspace_id_conversation_id_seq", "attachment", ["workspace_id", "conversation_id", "seq"])

    op.create_table(
        "rating",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("value", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("rated_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "conversation_id", "seq", name="pk_rating"),
        sa.ForeignKeyConstraint(
            ["workspace_id", "conversation_id", "seq"],
            ["turn.workspace_id", "turn.conversation_id", "turn.seq"],
            name="fk_rating_turn_workspace_id_conversation_id_seq",
        ),
    )

    op.create_table(
        "reply_trace",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("prompt_version", sa.Integer, nullable=False),
        sa.Column("passages", sa.Text, nullable=False, comment="JSON: passages as rendered, with scores"),
        sa.Column("prompt_tokens", sa.Integer),
        sa.Column("cached_tokens", sa.Integer),
        sa.Column("output_tokens", sa.Integer),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("queue_ms", sa.Integer, nullable=False, comment="from due to claimed"),
        sa.Column("first_token_ms", sa.Integer),
        sa.Column("total_ms", sa.Integer, nullable=False),
        sa.Column("finish_reason", sa.Text, nullable=False),
        sa.Column("window_break", WORD, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "conversation_id", "seq", name="pk_reply_trace"),
        sa.ForeignKeyConstraint(
            ["workspace_id", "conversation_id", "seq"],
            ["turn.workspace_id", "turn.conversation_id", "turn.seq"],
            name="fk_reply_trace_turn_workspace_id_conversation_id_seq",
        ),
        sqlite_with_rowid=False,
    )


def drop() -> None:
    for table in ("reply_trace", "rating", "attachment", "turn", "summary", "conversation"):
        op.drop_table(table)
