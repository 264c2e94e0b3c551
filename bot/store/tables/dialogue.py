"""What was said: conversations, their turns, and what is kept about each turn."""

import sqlalchemy as sa

from bot.store.tables.schema import ID, WORD, at, key, metadata, one_of, refers, workspace_key

conversation = sa.Table(
    "conversation",
    metadata,
    workspace_key(),
    key("conversation_id"),
    sa.Column("address_id", ID, nullable=False),
    sa.Column("customer_id", ID, nullable=False),
    # which workers may answer: the account that must send, or "" where any process can
    sa.Column("route", ID, nullable=False),
    sa.Column("owner", sa.Text, nullable=False, comment="bot, queue, or an agent's identity id"),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("last_seq", sa.Integer, nullable=False),
    sa.Column("first_event", sa.Integer, nullable=False, comment="position of its opening in the address's event log"),
    sa.Column("last_event", sa.Integer, nullable=False, comment="position in the address's event log"),
    sa.Column("customer_seq", sa.Integer, nullable=False, comment="the newest customer turn"),
    sa.Column("answered_seq", sa.Integer, nullable=False, comment="the last turn answered, expired or given up"),
    # due: when a worker may claim; while one answers, when its lease ends
    at("due_at", nullable=True),
    at("due_since", nullable=True),
    sa.Column("lease_owner", ID),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("stopped_epoch", sa.Integer, nullable=False, comment="the epoch a stop moved to; 0: none"),
    sa.Column("interrupts", sa.Integer, nullable=False, comment="of the answer being made"),
    sa.Column("noticed", sa.Boolean, nullable=False, comment="told of the present outage"),
    sa.Column("folded_seq", sa.Integer, nullable=False, comment="the summary the window starts from; 0: none"),
    sa.Column("window_tokens", sa.Integer, nullable=False, comment="exact size of the last prompt and its answer"),
    sa.Column("window_key", sa.Text, nullable=False, comment="model and prompt version of the last prompt"),
    sa.Column("window_break", WORD, nullable=False, comment="declared reason why the next prompt is no extension"),
    at("opened_at"),
    at("closed_at", nullable=True),
    refers("address", "address_id"),
    refers("customer", "customer_id"),
    sa.Index(
        "uq_conversation_current",
        "workspace_id",
        "address_id",
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    ),
    sa.Index(
        "ix_conversation_waiting",
        "noticed",
        "due_since",
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    ),
    sa.Index(
        "ix_conversation_due",
        "route",
        "due_at",
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    ),
)

turn = sa.Table(
    "turn",
    metadata,
    workspace_key(),
    key("conversation_id"),
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("role", WORD, nullable=False),
    sa.Column("identity_id", ID),
    sa.Column("text", sa.Text, nullable=False),
    # what the model reads instead of the text, once frozen: shortened, or with passages
    sa.Column("model_text", sa.Text),
    sa.Column("answers_through", sa.Integer),
    sa.Column("window_tokens", sa.Integer, comment="bot turns: exact size of the window through this answer"),
    sa.Column("state", WORD, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    at("created_at"),
    one_of("role", "customer", "bot", "agent", "note", "system"),
    one_of("state", "whole", "stopped", "deleted"),
    refers("conversation", "conversation_id"),
    sqlite_with_rowid=False,
)

attachment = sa.Table(
    "attachment",
    metadata,
    workspace_key(),
    key("attachment_id"),
    sa.Column("conversation_id", ID, nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("kind", WORD, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("mime", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger),
    sa.Column("sha256", sa.String(64)),
    sa.Column("text", sa.Text, comment="what a text file says, empty until it is read; NULL: it is no text"),
    sa.Column("reference", sa.Text, nullable=False),
    at("expires_at", nullable=True),
    sa.Index(None, "workspace_id", "conversation_id", "seq"),
    refers("turn", "conversation_id", "seq"),
)

rating = sa.Table(
    "rating",
    metadata,
    workspace_key(),
    key("conversation_id"),
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("value", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    at("rated_at"),
    refers("turn", "conversation_id", "seq"),
)

summary = sa.Table(
    "summary",
    metadata,
    workspace_key(),
    key("conversation_id"),
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False, comment="the bot turn it reaches through"),
    sa.Column("answers_through", sa.Integer, nullable=False),
    sa.Column("window_tokens", sa.Integer, nullable=False, comment="size of the window through that turn"),
    sa.Column("text", sa.Text, comment="NULL: cut with a marker, nothing was summarised"),
    at("created_at"),
    refers("conversation", "conversation_id"),
)

reply_trace = sa.Table(
    "reply_trace",
    metadata,
    workspace_key(),
    key("conversation_id"),
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
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
    refers("turn", "conversation_id", "seq"),
    sqlite_with_rowid=False,
)
