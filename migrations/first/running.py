"""Revision 1: what runs by itself, and who did what."""

import sqlalchemy as sa
from alembic import op

from bot.store.times import UtcDateTime

ID = sa.String(32)
WORD = sa.String(64)


def create() -> None:
    op.create_table(
        "audit",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("audit_id", ID, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", WORD, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "audit_id", name="pk_audit"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.workspace_id"], name="fk_audit_workspace_workspace_id"),
    )
    op.create_index("ix_audit_workspace_id_at", "audit", ["workspace_id", "at"])

    op.create_table(
        "job",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("job_id", ID, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("subject", sa.Text, nullable=False, comment="what it is about; one open job per kind and subject"),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("due_at", UtcDateTime, nullable=False),
        sa.Column("lease_owner", ID),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "job_id", name="pk_job"),
        sa.UniqueConstraint("workspace_id", "kind", "subject", name="uq_job_workspace_id_kind_subject"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.workspace_id"], name="fk_job_workspace_workspace_id"),
    )
    op.create_index("ix_job_due", "job", ["due_at"])


def drop() -> None:
    for table in ("job", "audit"):
        op.drop_table(table)
