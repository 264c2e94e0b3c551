"""Raw updates as they came, once each: what makes "accepted" true and repeats harmless."""

from dataclasses import dataclass

import sqlalchemy as sa

from bot.store.ids import AccountId, ConversationId, WorkspaceId
from bot.store.prepared import Prepared
from bot.store.tables import inbox
from bot.store.times import from_now

_INSERT = Prepared(
    sa.insert(inbox).values(received_at=from_now(0)),
    takes=("workspace_id", "account_id", "key", "digest", "raw", "outcome", "reason", "conversation_id", "seq"),
)


@dataclass(frozen=True, slots=True)
class InboxEntry:
    """One update about to be stored. `outcome` is turn, control, ignored or dead; `reason` says why for the last two."""

    workspace_id: WorkspaceId
    account_id: AccountId
    key: str
    digest: bytes
    raw: bytes
    outcome: str
    reason: str = ""
    conversation_id: ConversationId | None = None
    seq: int | None = None


def add(connection: sa.Connection, entry: InboxEntry) -> None:
    """Store it. A key that is there already raises IntegrityError: look it up first, in the same unit."""
    _INSERT.run(
        connection,
        {
            "workspace_id": entry.workspace_id,
            "account_id": entry.account_id,
            "key": entry.key,
            "digest": entry.digest,
            "raw": entry.raw,
            "outcome": entry.outcome,
            "reason": entry.reason,
            "conversation_id": entry.conversation_id,
            "seq": entry.seq,
        },
    )


def drop_older_than(connection: sa.Connection, age_s: float, limit: int) -> int:
    """Drop up to `limit` rows, keys included, received more than `age_s` seconds ago; how many went. All workspaces."""
    old = (
        sa.select(inbox.c.workspace_id, inbox.c.account_id, inbox.c.key)
        .where(inbox.c.received_at < from_now(-age_s))
        .limit(limit)
    )
    keys = sa.tuple_(inbox.c.workspace_id, inbox.c.account_id, inbox.c.key)
    return connection.execute(sa.delete(inbox).where(keys.in_(old))).rowcount


def dead_letters(connection: sa.Connection, workspace_id: WorkspaceId) -> int:
    """How many updates of a workspace wait for a person to look at them."""
    count = sa.select(sa.func.count()).where(inbox.c.workspace_id == workspace_id, inbox.c.outcome == "dead")
    return connection.scalar(count) or 0


def digest_of(connection: sa.Connection, workspace_id: WorkspaceId, account_id: AccountId, key: str) -> bytes | None:
    """The digest stored under a key; None when the key is new."""
    found: bytes | None = connection.scalar(
        sa.select(inbox.c.digest).where(
            inbox.c.workspace_id == workspace_id, inbox.c.account_id == account_id, inbox.c.key == key
        )
    )
    return found
