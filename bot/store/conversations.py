"""The conversation row: the counters of its turns, what is due, and the one epoch that fences every late commit.

`due_since` is its place in line; `due_at` says when a worker may claim it, and while one answers, when its lease ends. Each
function is part of a unit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bot.errors import Superseded
from bot.store.failures import LostRace
from bot.store.ids import AddressId, ConversationId, CustomerId, ProcessId, WorkspaceId, new_id
from bot.store.parties import AccountRef
from bot.store.prepared import Prepared
from bot.store.tables import conversation
from bot.store.times import from_now
from bot.store.turns import Place

_C = conversation.c
_THIS = sa.and_(_C.workspace_id == sa.bindparam("of_workspace"), _C.conversation_id == sa.bindparam("of_conversation"))
_PLACE = (_C.workspace_id, _C.conversation_id, _C.address_id, _C.last_seq, _C.last_event)
MOST_WAITS = 5
IDLE: Mapping[str, Any] = {
    "due_at": None,
    "due_since": None,
    "lease_owner": None,
    "attempts": 0,
    "interrupts": 0,
    "noticed": False,
}


@dataclass(frozen=True, slots=True)
class Claim:
    """A due conversation, leased to this process. `queued_s` is how long its oldest open question has waited."""

    workspace_id: WorkspaceId
    conversation_id: ConversationId
    address_id: AddressId
    epoch: int
    attempts: int
    interrupts: int
    answered_seq: int
    folded_seq: int
    window_tokens: int
    window_key: str
    window_break: str
    due_since: datetime


_CLAIMED = (
    _C.workspace_id,
    _C.conversation_id,
    _C.address_id,
    _C.epoch,
    _C.attempts,
    _C.interrupts,
    _C.answered_seq,
    _C.folded_seq,
    _C.window_tokens,
    _C.window_key,
    _C.window_break,
    _C.due_since,
)


def open_at(
    connection: sa.Connection, ref: AccountRef, address_id: AddressId, customer_id: CustomerId, *, event: int
) -> ConversationId:
    """A fresh conversation, the current one of its address; its opening is at position `event` of the log."""
    conversation_id = ConversationId(new_id())
    values = {
        "workspace_id": ref.workspace_id,
        "conversation_id": conversation_id,
        "address_id": address_id,
        "customer_id": customer_id,
        "route": ref.route,
        "owner": "bot",
        "epoch": 1,
        "stopped_epoch": 0,
        "last_seq": 0,
        "first_event": event,
        "last_event": event,
        "customer_seq": 0,
        "answered_seq": 0,
        "folded_seq": 0,
        "window_tokens": 0,
        "window_key": "",
        "window_break": "",
        **IDLE,
    }
    connection.execute(_OPEN, values)
    return conversation_id


_OPEN = sa.insert(conversation).values(opened_at=from_now(0))

_HEAR = Prepared(
    sa.update(conversation)
    .where(_THIS, _C.closed_at.is_(None))
    .values(
        last_seq=_C.last_seq + 1,
        last_event=_C.last_event + 1,
        customer_seq=_C.last_seq + 1,
        due_at=sa.case(
            (_C.lease_owner.is_not(None), _C.due_at),
            (sa.and_(_C.owner == "bot", _C.due_since < from_now(sa.bindparam("since_s", type_=sa.Float))), from_now(0)),
            (_C.owner == "bot", from_now(sa.bindparam("wait_s", type_=sa.Float))),
            else_=None,
        ),
        due_since=sa.case((_C.owner == "bot", sa.func.coalesce(_C.due_since, from_now(0))), else_=None),
    )
    .returning(*_PLACE)
)


def hear(connection: sa.Connection, workspace_id: WorkspaceId, conversation_id: ConversationId, *, wait_s: float) -> Place:
    """A customer wrote: hand out the turn's seq and make the conversation due in `wait_s` seconds, at most five times that after
    the first message that waits.

    While an answer is being made the lease stays; whoever makes it decides what the new message means.
    """
    waits = {"wait_s": wait_s, "since_s": -(MOST_WAITS - 1) * wait_s}
    row = _HEAR.row(connection, {"of_workspace": workspace_id, "of_conversation": conversation_id, **waits})
    if row is None:
        raise LostRace(f"conversation {conversation_id} was closed a moment ago")
    return Place(*row)


_SAY = Prepared(
    sa.update(conversation).where(_THIS).values(last_seq=_C.last_seq + 1, last_event=_C.last_event + 1).returning(*_PLACE)
)


_DUE = (
    sa.select(_C.workspace_id, _C.conversation_id)
    .where(_C.route == sa.bindparam("of_route"), _C.due_at.is_not(None), _C.due_at <= from_now(0))
    .order_by(_C.due_since)  # in the order of asking: whoever waits for a further try comes back to their place
    .limit(sa.bindparam("room"))
    .with_for_update(skip_locked=True)
    .cte("due")  # as a plain subquery PostgreSQL may run it more than once, and lease more than was asked for
)
_CLAIM = Prepared(
    sa.update(conversation)
    .where(sa.tuple_(_C.workspace_id, _C.conversation_id).in_(sa.select(_DUE)))
    .values(
        # a lease still written is one that ran out: taking it over moves the epoch, so its holder can commit nothing more
        epoch=_C.epoch + sa.case((_C.lease_owner.is_not(None), 1), else_=0),
        window_break=sa.case((_C.lease_owner.is_not(None), "takeover"), else_=_C.window_break),
        attempts=_C.attempts + 1,
        lease_owner=sa.bindparam("process"),
        due_at=from_now(sa.bindparam("lease_s", type_=sa.Float)),
    )
    .returning(*_CLAIMED)
)


def claim(connection: sa.Connection, route: str, process: ProcessId, *, lease_s: float, room: int) -> tuple[Claim, ...]:
    """Lease up to `room` due conversations of a route, those that wait longest first. Crosses workspaces: a worker serves all."""
    rows = _CLAIM.rows(connection, {"of_route": route, "process": process, "lease_s": lease_s, "room": room})
    return tuple(Claim(*row) for row in rows)


_RENEW = (
    sa.update(conversation)
    .where(
        sa.tuple_(_C.workspace_id, _C.conversation_id).in_(sa.bindparam("held", expanding=True)),
        _C.lease_owner == sa.bindparam("process"),
    )
    .values(due_at=from_now(sa.bindparam("lease_s", type_=sa.Float)))
    .returning(_C.conversation_id, _C.epoch, _C.customer_seq)
)


def renew(
    connection: sa.Connection, held: Sequence[tuple[WorkspaceId, ConversationId]], process: ProcessId, *, lease_s: float
) -> dict[ConversationId, tuple[int, int]]:
    """Extend the leases this process still has: {conversation: (epoch, newest customer turn)}; the others are lost."""
    rows = connection.execute(_RENEW, {"held": list(held), "process": process, "lease_s": lease_s})
    return {ConversationId(row.conversation_id): (row.epoch, row.customer_seq) for row in rows}


_AT_EPOCH = sa.and_(_THIS, _C.epoch == sa.bindparam("at_epoch"))
_SETTLE = Prepared(
    sa.update(conversation)
    .where(_AT_EPOCH, _C.lease_owner.is_not(None))
    .values(
        last_seq=_C.last_seq + 1,
        last_event=_C.last_event + 1,
        answered_seq=sa.bindparam("through"),
        due_at=sa.case((_C.customer_seq > sa.bindparam("through"), from_now(sa.bindparam("wait_s", type_=sa.Float))), else_=None),
        due_since=sa.case((_C.customer_seq > sa.bindparam("through"), from_now(0)), else_=None),
        lease_owner=None,
        attempts=0,
        interrupts=0,
        noticed=False,
        folded_seq=sa.bindparam("folded"),
        window_tokens=sa.bindparam("tokens"),
        window_key=sa.bindparam("key"),
        # a break that came after the claim is the next prompt's
        window_break=sa.case((_C.window_break == sa.bindparam("seen_break"), ""), else_=_C.window_break),
    )
    .returning(*_PLACE, _C.due_at)
)


@dataclass(frozen=True, slots=True)
class WindowState:
    """What the window looked like when the answer was made: the fold it starts from, its exact size, model and prompt."""

    folded_seq: int
    tokens: int
    key: str


def settle(connection: sa.Connection, claim: Claim, through: int, window: WindowState, *, wait_s: float) -> tuple[Place, bool]:
    """The answer through turn `through` is about to be stored: hand out its seq and end the lease.

    Returns where it goes, and whether newer customer turns are due in `wait_s` seconds. Raises Superseded past the epoch.
    """
    row = _SETTLE.row(
        connection,
        {
            "of_workspace": claim.workspace_id,
            "of_conversation": claim.conversation_id,
            "at_epoch": claim.epoch,
            "through": through,
            "wait_s": wait_s,
            "folded": window.folded_seq,
            "tokens": window.tokens,
            "key": window.key,
            "seen_break": claim.window_break,
        },
    )
    if row is None:
        raise Superseded(f"conversation {claim.conversation_id} is past epoch {claim.epoch}")
    *place, due_at = row
    return Place(*place), due_at is not None


_RELEASE = Prepared(
    sa.update(conversation)
    .where(_AT_EPOCH, _C.lease_owner.is_not(None))
    .values(
        lease_owner=None,
        due_at=from_now(sa.bindparam("wait_s", type_=sa.Float)),
        window_break=sa.bindparam("reason"),
        attempts=_C.attempts - sa.bindparam("untried", type_=sa.Integer),
    )
)


def release(connection: sa.Connection, claim: Claim, *, wait_s: float, reason: str, tried: bool = True) -> bool:
    """No answer this time: to be claimed again in `wait_s` seconds; not `tried`: it does not count as an attempt. False when the
    epoch had moved on and nothing was changed.
    """
    parameters = {
        "of_workspace": claim.workspace_id,
        "of_conversation": claim.conversation_id,
        "at_epoch": claim.epoch,
        "wait_s": wait_s,
        "reason": reason,
        "untried": int(not tried),
    }
    return _RELEASE.run(connection, parameters) == 1


_INTERRUPT = Prepared(
    sa.update(conversation)
    .where(_AT_EPOCH, _C.lease_owner.is_not(None))
    .values(epoch=_C.epoch + 1, interrupts=_C.interrupts + 1, window_break="interrupt")
    .returning(*_CLAIMED)
)


def interrupt(connection: sa.Connection, claim: Claim) -> Claim:
    """The answer being made starts anew with what was written since, under the same lease. Raises Superseded."""
    row = _INTERRUPT.row(
        connection,
        {"of_workspace": claim.workspace_id, "of_conversation": claim.conversation_id, "at_epoch": claim.epoch},
    )
    if row is None:
        raise Superseded(f"conversation {claim.conversation_id} is past epoch {claim.epoch}")
    return Claim(*row)


def say(connection: sa.Connection, workspace_id: WorkspaceId, conversation_id: ConversationId) -> Place:
    """Hand out the seq of a turn that answers nothing and changes nothing: a notice."""
    row = _SAY.row(connection, {"of_workspace": workspace_id, "of_conversation": conversation_id})
    assert row is not None, "conversations are never removed under a unit"
    return Place(*row)
