"""What comes in and what goes out: raw updates, the log pull channels read, messages to push channels."""

import sqlalchemy as sa

from bot.store.tables.schema import ID, WORD, at, key, metadata, one_of, refers, workspace_key

inbox = sa.Table(
    "inbox",
    metadata,
    workspace_key(),
    key("account_id"),
    sa.Column("key", sa.String(255), primary_key=True),
    sa.Column("digest", sa.LargeBinary(16), nullable=False, comment="of the raw update: tells a repeat from a clash"),
    sa.Column("raw", sa.LargeBinary, nullable=False),
    sa.Column("outcome", WORD, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("conversation_id", ID),
    sa.Column("seq", sa.Integer),
    at("received_at"),
    one_of("outcome", "turn", "control", "ignored", "dead"),
    sa.Index(None, "received_at"),
    refers("account", "account_id"),
    sqlite_with_rowid=False,
)

reading = sa.Table(
    "reading",
    metadata,
    workspace_key(),
    key("account_id"),
    sa.Column("place", WORD, primary_key=True, comment="a chat with a history of its own; empty: the stream of updates"),
    sa.Column("position", sa.Text, nullable=False, comment="the last update there that is stored, in the platform's terms"),
    at("read_at"),
    refers("account", "account_id"),
    sqlite_with_rowid=False,
)

event_log = sa.Table(
    "event_log",
    metadata,
    workspace_key(),
    key("address_id"),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("conversation_id", ID, nullable=False),
    sa.Column("kind", WORD, nullable=False),
    sa.Column("seq", sa.Integer),
    sa.Column("detail", sa.Text, nullable=False),
    at("at"),
    one_of("kind", "turn", "turn.edited", "turn.deleted", "status"),
    refers("address", "address_id"),
    sqlite_with_rowid=False,
)

OPEN_OUTBOX = "state IN ('ready', 'sending', 'in_doubt')"
WAITING_OUTBOX = "state IN ('ready', 'in_doubt')"

outbox = sa.Table(
    "outbox",
    metadata,
    workspace_key(),
    key("outbox_id"),
    sa.Column("account_id", ID, nullable=False),
    sa.Column("address_id", ID, nullable=False),
    sa.Column("conversation_id", ID, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("seq", sa.Integer, comment="the turn it carries, once that is stored"),
    sa.Column("part", sa.Integer, nullable=False),
    sa.Column("parts", sa.Integer, nullable=False, server_default="1"),
    # given when the row becomes ready, not when it is reserved: what is said meanwhile goes first
    sa.Column("place", sa.Integer, nullable=False, comment="its turn among the open rows of its address"),
    sa.Column("kind", WORD, nullable=False, comment="whose words; removal: the message platform_id is to be taken away"),
    sa.Column("state", WORD, nullable=False),
    sa.Column("withdrawn", sa.Boolean, nullable=False, comment="while sending: not to be sent again"),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("reply_to", WORD),
    sa.Column("platform_id", WORD, comment="of its preview while reserved, of the message once sent"),
    sa.Column("secret", sa.Text, comment="what changing a placeholder of the platform needs; gone once it is settled"),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("repeats", sa.Integer, nullable=False, comment="sends of which an earlier one may have arrived too"),
    sa.Column("error", sa.Text, nullable=False),
    # ready: not before; sending: over by then, or its sender is gone; in_doubt: when to settle it
    at("due_at"),
    at("first_sent_at", nullable=True),  # of the sends that may have arrived
    at("created_at"),
    at("settled_at", nullable=True),
    one_of("kind", "bot", "agent", "system", "removal"),
    one_of("state", "reserved", "ready", "sending", "sent", "in_doubt", "failed", "cancelled"),
    sa.Index(
        "ix_outbox_open",
        "account_id",
        "address_id",
        "place",
        "outbox_id",
        sqlite_where=sa.text(OPEN_OUTBOX),
        postgresql_where=sa.text(OPEN_OUTBOX),
    ),
    sa.Index(
        "ix_outbox_waiting",
        "account_id",
        "due_at",
        sqlite_where=sa.text(WAITING_OUTBOX),
        postgresql_where=sa.text(WAITING_OUTBOX),
    ),
    sa.Index(None, "workspace_id", "conversation_id", "seq"),
    sa.Index(
        "ix_outbox_repeated",
        "workspace_id",
        sqlite_where=sa.text("repeats > 0"),
        postgresql_where=sa.text("repeats > 0"),
    ),
    sa.Index(
        "ix_outbox_failed",
        "workspace_id",
        "settled_at",
        sqlite_where=sa.text("state = 'failed'"),
        postgresql_where=sa.text("state = 'failed'"),
    ),
    refers("address", "address_id"),
    refers("conversation", "conversation_id"),
)

message_map = sa.Table(
    "message_map",
    metadata,
    workspace_key(),
    key("address_id"),
    sa.Column("platform_id", WORD, primary_key=True),
    sa.Column("conversation_id", ID, nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("part", sa.Integer, nullable=False),
    sa.Index(None, "workspace_id", "conversation_id", "seq"),
    refers("address", "address_id"),
    refers("turn", "conversation_id", "seq"),
    sqlite_with_rowid=False,
)
