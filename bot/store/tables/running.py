"""What runs by itself, and who did what."""

import sqlalchemy as sa

from bot.store.tables.schema import ID, WORD, at, key, metadata, refers, workspace_key
from bot.store.times import UtcDateTime

job = sa.Table(
    "job",
    metadata,
    workspace_key(),
    key("job_id"),
    sa.Column("kind", WORD, nullable=False),
    sa.Column("subject", sa.Text, nullable=False, comment="what it is about; one open job per kind and subject"),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("due_at", UtcDateTime, nullable=False),
    sa.Column("lease_owner", ID),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    at("created_at"),
    sa.UniqueConstraint("workspace_id", "kind", "subject"),
    sa.Index("ix_job_due", "due_at"),
    refers("workspace", to=()),
)

audit = sa.Table(
    "audit",
    metadata,
    workspace_key(),
    key("audit_id"),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("action", WORD, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    at("at"),
    sa.Index(None, "workspace_id", "at"),
    refers("workspace", to=()),
)
