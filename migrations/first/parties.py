"""Revision 1: who talks to whom."""

import sqlalchemy as sa
from alembic import op

from bot.store.times import UtcDateTime

ID = sa.String(32)
WORD = sa.String(64)


def create() -> None:
    op.create_table(
        "workspace",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("timezone", WORD, nullable=False),
        sa.Column("greeting", sa.Text, nullable=False),
        sa.Column("prompt_version", sa.Integer, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", name="pk_workspace"),
    )

    op.create_table(
        "account",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("channel", WORD, nullable=False),
        sa.Column("name", WORD, nullable=False),
        sa.Column("cursor", sa.Text),
        sa.Column("lease_owner", ID),
        sa.Column("lease_until", UtcDateTime),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "account_id", name="pk_account"),
        sa.UniqueConstraint("workspace_id", "channel", "name", name="uq_account_workspace_id_channel_name"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.workspace_id"], name="fk_account_workspace_workspace_id"),
    )

    op.create_table(
        "customer",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("language", WORD, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "customer_id", name="pk_customer"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.workspace_id"], name="fk_customer_workspace_workspace_id"),
    )

    op.create_table(
        "prompt_version",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("version", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "version", name="pk_prompt_version"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.workspace_id"], name="fk_prompt_version_workspace_workspace_id"),
    )

    op.create_table(
        "address",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("address_id", ID, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("chat_id", sa.Text, nullable=False),
        sa.Column("thread_id", sa.Text, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "address_id", name="pk_address"),
        sa.UniqueConstraint(
            "workspace_id", "account_id", "chat_id", "thread_id", name="uq_address_workspace_id_account_id_chat_id_thread_id"
        ),
        sa.CheckConstraint("kind IN ('customer', 'staff_room')", name=op.f("ck_address_kind")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "account_id"],
            ["account.workspace_id", "account.account_id"],
            name="fk_address_account_workspace_id_account_id",
        ),
    )

    op.create_table(
        "identity",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("identity_id", ID, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "identity_id", name="pk_identity"),
        sa.UniqueConstraint("workspace_id", "account_id", "user_id", name="uq_identity_workspace_id_account_id_user_id"),
        sa.ForeignKeyConstraint(
            ["workspace_id", "account_id"],
            ["account.workspace_id", "account.account_id"],
            name="fk_identity_account_workspace_id_account_id",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "customer_id"],
            ["customer.workspace_id", "customer.customer_id"],
            name="fk_identity_customer_workspace_id_customer_id",
        ),
    )
    op.create_index("ix_identity_workspace_id_customer_id", "identity", ["workspace_id", "customer_id"])

    op.create_table(
        "session",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("session_id", ID, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("address_id", ID, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("token_hash", WORD, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.Column("revoked_at", UtcDateTime),
        sa.PrimaryKeyConstraint("workspace_id", "session_id", name="pk_session"),
        sa.UniqueConstraint("workspace_id", "token_hash", name="uq_session_workspace_id_token_hash"),
        sa.ForeignKeyConstraint(
            ["workspace_id", "account_id"],
            ["account.workspace_id", "account.account_id"],
            name="fk_session_account_workspace_id_account_id",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "address_id"],
            ["address.workspace_id", "address.address_id"],
            name="fk_session_address_workspace_id_address_id",
        ),
    )
    op.create_index("ix_session_expires_at", "session", ["expires_at"])


def drop() -> None:
    for table in ("session", "identity", "address", "prompt_version", "customer", "account", "workspace"):
        op.drop_table(table)
