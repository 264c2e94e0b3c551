"""Who talks to whom: the business, its accounts, its customers and where they are."""

import sqlalchemy as sa

from bot.store.tables.schema import ID, WORD, at, key, metadata, one_of, refers, workspace_key

STAFF_ROLES = ("viewer", "agent", "supervisor", "admin", "owner")

workspace = sa.Table(
    "workspace",
    metadata,
    workspace_key(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("timezone", WORD, nullable=False),
    sa.Column("greeting", sa.Text, nullable=False),
    sa.Column("contact", sa.Text, nullable=False, server_default=""),
    sa.Column("prompt_version", sa.Integer, nullable=False),
    at("created_at"),
    sa.Column("model", sa.Text, nullable=False, server_default=""),
)

prompt_version = sa.Table(
    "prompt_version",
    metadata,
    workspace_key(),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("author", sa.Text, nullable=False),
    at("created_at"),
    refers("workspace", to=()),
)

account = sa.Table(
    "account",
    metadata,
    workspace_key(),
    key("account_id"),
    sa.Column("channel", WORD, nullable=False),
    sa.Column("name", WORD, nullable=False),
    sa.Column("lease_owner", ID),
    at("lease_until", nullable=True),
    at("created_at"),
    sa.UniqueConstraint("workspace_id", "channel", "name"),
    refers("workspace", to=()),
)

customer = sa.Table(
    "customer",
    metadata,
    workspace_key(),
    key("customer_id"),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("language", WORD, nullable=False),
    at("created_at"),
    sa.Column("chosen_language", WORD, nullable=False, server_default="", comment="by the person; empty: none"),
    refers("workspace", to=()),
)

# who is more than a customer; a person has one role for all their identities
role_grant = sa.Table(
    "role_grant",
    metadata,
    workspace_key(),
    key("customer_id"),
    sa.Column("role", WORD, nullable=False),
    at("granted_at"),
    one_of("role", *STAFF_ROLES),
    refers("customer", "customer_id"),
)

# unused ones: redeeming one removes it
one_time_code = sa.Table(
    "one_time_code",
    metadata,
    workspace_key(),
    sa.Column("code_hash", sa.String(64), primary_key=True),
    sa.Column("role", WORD, nullable=False),
    sa.Column("first_owner", sa.Boolean, nullable=False, comment="void once there is an owner"),
    at("created_at"),
    at("expires_at"),
    one_of("role", *STAFF_ROLES),
    refers("workspace", to=()),
)

identity = sa.Table(
    "identity",
    metadata,
    workspace_key(),
    key("identity_id"),
    sa.Column("account_id", ID, nullable=False),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("customer_id", ID, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    at("created_at"),
    sa.UniqueConstraint("workspace_id", "account_id", "user_id"),
    sa.Index(None, "workspace_id", "customer_id"),
    refers("account", "account_id"),
    refers("customer", "customer_id"),
)

address = sa.Table(
    "address",
    metadata,
    workspace_key(),
    key("address_id"),
    sa.Column("account_id", ID, nullable=False),
    sa.Column("chat_id", sa.Text, nullable=False),
    sa.Column("thread_id", sa.Text, nullable=False),
    sa.Column("kind", WORD, nullable=False),
    at("created_at"),
    sa.UniqueConstraint("workspace_id", "account_id", "chat_id", "thread_id"),
    one_of("kind", "customer", "staff_room"),
    refers("account", "account_id"),
)

session = sa.Table(
    "session",
    metadata,
    workspace_key(),
    key("session_id"),
    sa.Column("account_id", ID, nullable=False),
    sa.Column("address_id", ID, nullable=False),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("token_hash", sa.String(64), nullable=False),
    at("created_at"),
    at("expires_at"),
    at("revoked_at", nullable=True),
    sa.UniqueConstraint("workspace_id", "token_hash"),
    sa.Index(None, "expires_at"),
    refers("account", "account_id"),
    refers("address", "address_id"),
)
