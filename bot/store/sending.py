"""The outbox for those who send: which rows may go now, and the mark that one is on its way. Each function is part of a
unit. What became of it: `outcomes`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import sqlalchemy as sa

from bot.store.ids import AddressId, ConversationId, OutboxId, ProcessId, WorkspaceId
from bot.store.parties import AccountRef
from bot.store.prepared import Prepared
from bot.store.tables import account, address, outbox
from bot.store.tables.passage import OPEN_OUTBOX, WAITING_OUTBOX
from bot.store.times import from_now

_C = outbox.c
_EARLIER = outbox.alias("earlier")
_OF_ACCOUNT = sa.and_(_C.workspace_id == sa.bindparam("of_workspace"), _C.account_id == sa.bindparam("of_account"))
_AT_ADDRESS = sa.and_(_OF_ACCOUNT, _C.address_id == sa.bindparam("at_address"))


@dataclass(frozen=True, slots=True)
class Head:
    """The first open row of an address, due to be sent, or (`doubtful`) sent with an outcome that nobody knows."""

    outbox_id: OutboxId
    address_id: AddressId
    chat_id: str
    thread_id: str
    state: str
    attempts: int

    @property
    def doubtful(self) -> bool:
        return self.state == "in_doubt"


@dataclass(frozen=True, slots=True)
class Sending:
    """A row marked `sending` by this process. `first_sent_at` and `now` are by the database's clock."""

    workspace_id: WorkspaceId
    outbox_id: OutboxId
    address_id: AddressId
    conversation_id: ConversationId
    seq: int | None
    part: int
    parts: int
    kind: str
    text: str
    reply_to: str | None
    platform_id: str | None
    secret: str | None = field(repr=False)
    attempts: int
    repeats: int
    created_at: datetime
    first_sent_at: datetime
    now: datetime
    doubtful: bool = False


_HEADS = Prepared(
    sa.select(_C.outbox_id, _C.address_id, address.c.chat_id, address.c.thread_id, _C.state, _C.attempts)
    .join(address, sa.and_(address.c.workspace_id == _C.workspace_id, address.c.address_id == _C.address_id))
    .where(
        _OF_ACCOUNT,
        sa.text(WAITING_OUTBOX.replace("state", "outbox.state")),
        _C.due_at <= from_now(0),
        ~sa.exists().where(
            _EARLIER.c.workspace_id == _C.workspace_id,
            _EARLIER.c.account_id == _C.account_id,
            _EARLIER.c.address_id == _C.address_id,
            sa.text(OPEN_OUTBOX.replace("state", "earlier.state")),
            sa.tuple_(_EARLIER.c.place, _EARLIER.c.outbox_id) < sa.tuple_(_C.place, _C.outbox_id),
        ),
    )
    .order_by(_C.due_at)
    .limit(sa.bindparam("room"))
)
_SOONEST = Prepared(
    sa.select(_C.due_at, from_now(0).label("now"))
    .where(_OF_ACCOUNT, sa.text(WAITING_OUTBOX), _C.due_at > from_now(0))
    .order_by(_C.due_at)
    .limit(1)
)
_HELD = sa.exists().where(
    account.c.workspace_id == sa.bindparam("of_workspace"),
    account.c.account_id == sa.bindparam("of_account"),
    account.c.lease_owner == sa.bindparam("process"),
    account.c.lease_until > from_now(0),
)
_THIS = sa.and_(
    _C.workspace_id == sa.bindparam("of_workspace"),
    _C.outbox_id == sa.bindparam("of_row"),
    _C.attempts == sa.bindparam("at_attempt"),
)
_BEGIN = Prepared(
    sa.update(outbox)
    .where(_THIS, _C.state == sa.bindparam("from_state"), _HELD)
    .values(
        state="sending",
        attempts=_C.attempts + 1,
        # counted before it is done: a crash may make the count too high, never too low
        repeats=_C.repeats + sa.case((_C.platform_id.is_(None), sa.bindparam("repeat")), else_=0),
        first_sent_at=sa.func.coalesce(_C.first_sent_at, from_now(0)),
        due_at=from_now(sa.bindparam("bound_s", type_=sa.Float)),
    )
    .returning(
        _C.workspace_id,
        _C.outbox_id,
        _C.address_id,
        _C.conversation_id,
        _C.seq,
        _C.part,
        _C.parts,
        _C.kind,
        _C.text,
        _C.reply_to,
        _C.platform_id,
        _C.secret,
        _C.attempts,
        _C.repeats,
        _C.created_at,
        _C.first_sent_at,
        from_now(0),
    )
)


def heads(connection: sa.Connection, ref: AccountRef, *, room: int) -> Sequence[Head]:
    """Up to `room` addresses of the account with something to do now, the longest due first; at most one row each."""
    return [Head(*row) for row in _HEADS.rows(connection, {**_named(ref), "room": room})]


def soonest(connection: sa.Connection, ref: AccountRef) -> float | None:
    """Seconds until the next row of the account becomes due, if any will."""
    row = _SOONEST.row(connection, _named(ref))
    return float((row[0] - row[1]).total_seconds()) if row is not None else None


def begin(
    connection: sa.Connection, ref: AccountRef, head: Head, process: ProcessId, *, bound_s: float, counts_repeat: bool
) -> Sending | None:
    """Mark the row `sending`, to be over in `bound_s` seconds. None when it was cancelled or the account is not ours now.

    With `counts_repeat` the row's send may show its text once more, and is counted before it starts.
    """
    row = _BEGIN.row(
        connection,
        {
            **_named(ref),
            "of_row": head.outbox_id,
            "at_attempt": head.attempts,
            "from_state": head.state,
            "process": process,
            "bound_s": bound_s,
            "repeat": int(counts_repeat),
        },
    )
    return replace(Sending(*row), doubtful=head.doubtful) if row is not None else None


_POSTPONE = (
    sa.update(outbox)
    .where(
        _AT_ADDRESS,
        sa.text(OPEN_OUTBOX),
        sa.text(WAITING_OUTBOX),
        _C.due_at < from_now(sa.bindparam("wait_s", type_=sa.Float)),
    )
    .values(due_at=from_now(sa.bindparam("wait_s", type_=sa.Float)))
)


def postpone(connection: sa.Connection, ref: AccountRef, address_id: AddressId, *, wait_s: float) -> None:
    """Nothing goes to the address for `wait_s` seconds: its chat must wait."""
    connection.execute(_POSTPONE, {**_named(ref), "at_address": address_id, "wait_s": wait_s})


_ORPHANS = (
    sa.update(outbox)
    .where(
        _OF_ACCOUNT,
        sa.text(OPEN_OUTBOX),
        _C.state == "sending",
        _C.due_at <= from_now(sa.bindparam("ahead_s", type_=sa.Float)),
    )
    .values(
        state=sa.case((_C.withdrawn, "failed"), else_="in_doubt"),
        settled_at=sa.case((_C.withdrawn, from_now(0)), else_=None),
        secret=sa.case((_C.withdrawn, None), else_=_C.secret),
        error="its sender is gone",
        due_at=from_now(0),
    )
)
FAR_AHEAD_S = 86_400.0


def orphans(connection: sa.Connection, ref: AccountRef, *, overdue_only: bool) -> int:
    """Rows that a dead process left `sending` are in doubt; returns how many. At a take-over all of them, later on only
    those whose bound has passed.
    """
    ahead_s = 0.0 if overdue_only else FAR_AHEAD_S
    return connection.execute(_ORPHANS, {**_named(ref), "ahead_s": ahead_s}).rowcount


def _named(ref: AccountRef) -> dict[str, str]:
    return {"of_workspace": ref.workspace_id, "of_account": ref.account_id}
