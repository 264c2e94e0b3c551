"""Roles of people, the one-time codes that give them, and the language that a person chose."""

import sqlalchemy as sa
from alembic import op

from bot.store.times import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ID = sa.String(32)
WORD = sa.String(64)
ROLES = "'viewer', 'agent', 'supervisor', 'admin', 'owner'"


def upgrade() -> None:
    op.add_column(
        "customer",
        sa.Column("chosen_language", WORD, nullable=False, server_default="", comment="by the person; empty: none"),
    )
    op.create_table(
        "role_grant",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("role", WORD, nullable=False),
        sa.Column("granted_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "customer_id", name="pk_role_grant"),
        sa.CheckConstraint(f"role IN ({ROLES})", name=op.f("ck_role_grant_role")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "customer_id"],
            ["customer.workspace_id", "customer.customer_id"],
            name="fk_role_grant_customer_workspace_id_customer_id",
        ),
    )
    op.create_table(
        "one_time_code",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("code_hash", sa.String(64), nullable=False),
        sa.Column("role", WORD, nullable=False),
        sa.Column("first_owner", sa.Boolean, nullable=False, comment="void once there is an owner"),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "code_hash", name="pk_one_time_code"),
        sa.CheckConstraint(f"role IN ({ROLES})", name=op.f("ck_one_time_code_role")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.workspace_id"], name="fk_one_time_code_workspace_workspace_id"),
    )


def downgrade() -> None:
    op.drop_table("one_time_code")
    op.drop_table("role_grant")
    op.drop_column("customer", "chosen_language")
