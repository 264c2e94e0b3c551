"""The outbox for those who send: which rows may go, one request at a time, and what became of each. Each function is part
of a unit. A row is fenced by its number of attempts: news of an older attempt changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bot.store import message_map
from bot.store.ids import AddressId, ConversationId, OutboxId, ProcessId, WorkspaceId
from bot.store.message_map import TurnPart
from bot.store.outbox import DROP
from bot.store.parties import AccountRef
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
    kind: str
    text: str
    reply_to: str | None
    platform_id: str | None
    attempts: int
    repeats: int
    created_at: datetime
    first_sent_at: datetime
    now: datetime
    doubtful: bool


_HEADS = (
    sa.select(_C.outbox_id, _C.address_id, address.c.chat_id, address.c.thread_id, _C.state, _C.attempts)
    .join(address, sa.and_(address.c.workspace_id == _C.workspace_id, address.c.address_id == _C.address_id))
    .where(
        _OF_ACCOUNT,
        sa.text(WAITING_OUTBOX.replace("state", "outbox.state")),
        _C.due_at <= from_now(0),
        ~sa.exists().where(
            _EARLIER.c.account_id == _C.account_id,
            _EARLIER.c.address_id == _C.address_id,
            sa.text(OPEN_OUTBOX.replace("state", "earlier.state")),
            sa.tuple_(_EARLIER.c.place, _EARLIER.c.outbox_id) < sa.tuple_(_C.place, _C.outbox_id),
        ),
    )
    .order_by(_C.due_at)
    .limit(sa.bindparam("room"))
)
_SOONEST = (
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
_BEGIN = (
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
        _C.kind,
        _C.text,
        _C.reply_to,
        _C.platform_id,
        _C.attempts,
        _C.repeats,
        _C.created_at,
        _C.first_sent_at,
        from_now(0),
    )
)


def heads(connection: sa.Connection, ref: AccountRef, *, room: int) -> Sequence[Head]:
    """Up to `room` addresses of the account with something to do now, the longest due first; at most one row each."""
    return [Head(*row) for row in connection.execute(_HEADS, {**_named(ref), "room": room})]


def soonest(connection: sa.Connection, ref: AccountRef) -> float | None:
    """Seconds until the next row of the account becomes due, if any will."""
    row = connection.execute(_SOONEST, _named(ref)).first()
    return (row.due_at - row.now).total_seconds() if row is not None else None


def begin(
    connection: sa.Connection, ref: AccountRef, head: Head, process: ProcessId, *, bound_s: float, counts_repeat: bool
) -> Sending | None:
    """Mark the row `sending`, to be over in `bound_s` seconds. None when it was cancelled or the account is not ours now.

    With `counts_repeat` the row's send may show its text once more, and is counted before it starts.
    """
    row = connection.execute(
        _BEGIN,
        {
            **_named(ref),
            "of_row": head.outbox_id,
            "at_attempt": head.attempts,
            "from_state": head.state,
            "process": process,
            "bound_s": bound_s,
            "repeat": int(counts_repeat),
        },
    ).first()
    return Sending(*row, head.doubtful) if row is not None else None


_RECORD = (
    sa.update(outbox)
    .where(_THIS, _C.state.in_(sa.bindparam("from_states", expanding=True)))
    .values(
        state=sa.bindparam("to_state"),
        due_at=from_now(sa.bindparam("wait_s", type_=sa.Float)),
        platform_id=sa.bindparam("message"),
        repeats=sa.bindparam("now_repeated"),
        error=sa.bindparam("why"),
        first_sent_at=sa.case((sa.bindparam("maybe_sent", type_=sa.Boolean), _C.first_sent_at), else_=None),
        settled_at=sa.case((sa.bindparam("settled", type_=sa.Boolean), from_now(0)), else_=None),
    )
    .returning(_C.withdrawn)
)
_DROP = sa.update(outbox).where(_THIS, _C.state == "ready").values(DROP)
_POSTPONE = (
    sa.update(outbox)
    .where(
        _AT_ADDRESS,
        sa.text(OPEN_OUTBOX),
        _C.state == "ready",
        _C.due_at < from_now(sa.bindparam("wait_s", type_=sa.Float)),
    )
    .values(due_at=from_now(sa.bindparam("wait_s", type_=sa.Float)))
)
SETTLED = frozenset({"sent", "failed", "cancelled"})


def record_sent(connection: sa.Connection, row: Sending, platform_id: str) -> None:
    """It is there, as message `platform_id`. Said late, after the row was called in doubt, it still holds."""
    if _record(connection, row, "sent", platform_id=platform_id, known_late=True) is not None and row.seq is not None:
        shows = TurnPart(row.conversation_id, row.seq, row.part)
        message_map.note(connection, row.workspace_id, row.address_id, platform_id, shows)


def record_removed(connection: sa.Connection, row: Sending) -> None:
    """The preview of an answer that was given up is gone."""
    _record(connection, row, "cancelled", platform_id=row.platform_id)


def record_retry(connection: sa.Connection, row: Sending, *, wait_s: float, why: str) -> None:
    """This attempt was not sent; once more in `wait_s` seconds. What was in doubt before stays so."""
    _record(connection, row, "in_doubt" if row.doubtful else "ready", platform_id=row.platform_id, wait_s=wait_s, why=why)


def record_placed(connection: sa.Connection, row: Sending, platform_id: str, *, wait_s: float) -> None:
    """A placeholder for it is there; in `wait_s` seconds it is edited into the text."""
    _record(connection, row, "ready", platform_id=platform_id, wait_s=wait_s)


def record_absent(connection: sa.Connection, row: Sending) -> None:
    """What was in doubt did not arrive, says the platform: send it as if for the first time."""
    _record(connection, row, "ready", platform_id=None, why="absent")


def record_deleted(connection: sa.Connection, row: Sending) -> None:
    """The message to edit was deleted: send a new one. If an edit of it may have been seen, that is a repeat."""
    _record(connection, row, "ready", platform_id=None, why="deleted", repeats=row.repeats + int(row.doubtful))


def record_in_doubt(connection: sa.Connection, row: Sending, *, wait_s: float, why: str) -> None:
    """Nobody knows; to be settled in `wait_s` seconds, and nothing else goes to the address before."""
    _record(connection, row, "in_doubt", platform_id=row.platform_id, wait_s=wait_s, why=why)


def record_failed(connection: sa.Connection, row: Sending, *, why: str) -> None:
    """Given up, for people to see; the address goes on."""
    _record(connection, row, "failed", platform_id=row.platform_id, why=why)


def _record(
    connection: sa.Connection,
    row: Sending,
    state: str,
    *,
    platform_id: str | None,
    wait_s: float = 0.0,
    why: str = "",
    repeats: int | None = None,
    known_late: bool = False,
) -> bool | None:
    """Whether the row had been withdrawn meanwhile; None when it is another attempt's by now."""
    this = {"of_workspace": row.workspace_id, "of_row": row.outbox_id, "at_attempt": row.attempts}
    found = connection.execute(
        _RECORD,
        {
            **this,
            "from_states": ["sending", "in_doubt"] if known_late else ["sending"],
            "to_state": state,
            "wait_s": wait_s,
            "message": platform_id,
            "now_repeated": row.repeats if repeats is None else repeats,
            "why": why,
            "maybe_sent": state not in {"ready"},
            "settled": state in SETTLED,
        },
    ).first()
    if found is not None and found.withdrawn and state not in SETTLED:
        _withdraw(connection, row, this, state, why)
    return found.withdrawn if found is not None else None


def _withdraw(connection: sa.Connection, row: Sending, this: dict[str, Any], state: str, why: str) -> None:
    if state == "in_doubt":
        connection.execute(_FAIL, {**this, "why": f"withdrawn in doubt: {why}"})
    else:
        connection.execute(_DROP, {**this, "instead": ""})


_FAIL = sa.update(outbox).where(_THIS).values(state="failed", error=sa.bindparam("why"), settled_at=from_now(0))


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
