"""The outbox for those who watch: what failed, what was sent twice, and which limits still hold. What waits: `backlog`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from bot.store.ids import AddressId, ConversationId, OutboxId, WorkspaceId
from bot.store.parties import AccountRef
from bot.store.tables import account, address, outbox
from bot.store.tables.passage import OPEN_OUTBOX
from bot.store.times import from_now

_C = outbox.c
ACCOUNT_LIMIT = "account limit"
CHAT_LIMIT = "chat limit"
_SCOPES = {ACCOUNT_LIMIT: "account", CHAT_LIMIT: "chat"}
_OF_WORKSPACE = _C.workspace_id == sa.bindparam("of_workspace")
_REPEATS = sa.select(sa.func.coalesce(sa.func.sum(_C.repeats), 0)).where(sa.text("repeats > 0"))
_FAILED = (
    sa.select(
        _C.outbox_id, _C.conversation_id, _C.seq, _C.part, account.c.channel, account.c.name, _C.attempts, _C.error, _C.settled_at
    )
    .join(account, sa.and_(account.c.workspace_id == _C.workspace_id, account.c.account_id == _C.account_id))
    .where(_OF_WORKSPACE, sa.text("outbox.state = 'failed'"))
    .order_by(_C.settled_at.desc())
    .limit(sa.bindparam("room"))
)
_LIMITS = (
    sa.select(_C.error, _C.address_id, address.c.chat_id, _C.due_at, from_now(0).label("now"))
    .join(address, sa.and_(address.c.workspace_id == _C.workspace_id, address.c.address_id == _C.address_id))
    .where(
        _OF_WORKSPACE,
        _C.account_id == sa.bindparam("of_account"),
        sa.text(OPEN_OUTBOX.replace("state", "outbox.state")),
        _C.error.in_((ACCOUNT_LIMIT, CHAT_LIMIT)),
        _C.due_at > from_now(0),
    )
    .limit(sa.bindparam("room"))
)


@dataclass(frozen=True, slots=True)
class FailedRow:
    """A message that was given up, without its text: (`channel`, `name`) is the account, `error` a stable word or reason."""

    outbox_id: OutboxId
    conversation_id: ConversationId
    seq: int | None
    part: int
    channel: str
    name: str
    attempts: int
    error: str
    settled_at: datetime


@dataclass(frozen=True, slots=True)
class StandingLimit:
    """A platform told us to wait, `wait_s` seconds from now: the whole account, or one chat."""

    scope: str
    address_id: AddressId
    chat_id: str
    wait_s: float


def repeats(connection: sa.Connection) -> int:
    """How many sends were made although an earlier one may have arrived, since ever and over all workspaces."""
    return int(connection.scalar(_REPEATS) or 0)


def failed(connection: sa.Connection, workspace_id: WorkspaceId, *, room: int) -> Sequence[FailedRow]:
    """The newest messages that were given up."""
    rows = connection.execute(_FAILED, {"of_workspace": workspace_id, "room": room})
    return [FailedRow(*row) for row in rows]


def limits(connection: sa.Connection, ref: AccountRef, *, room: int = 10_000) -> Sequence[StandingLimit]:
    """What the platform told an earlier holder of the account to wait for."""
    named = {"of_workspace": ref.workspace_id, "of_account": ref.account_id, "room": room}
    rows = connection.execute(_LIMITS, named)
    return [StandingLimit(_SCOPES[error], at, chat, (due_at - now).total_seconds()) for error, at, chat, due_at, now in rows]
