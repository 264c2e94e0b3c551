"""Taking words back: what the bot has not said yet is not said when a person takes over. Each function is part of a unit."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bot.store.outbox import NEXT_PLACE, RESERVED_HERE, Lane, at
from bot.store.tables import outbox
from bot.store.tables.passage import OPEN_OUTBOX
from bot.store.times import from_now

_C = outbox.c


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What a cancellation met. While `sending`, a message is on its way: ask `in_flight` before telling that it is done."""

    rows: int
    in_doubt: int
    sending: bool


# A row whose preview is on show is not simply dropped: it becomes the removal of that message.
_SHOWN = _C.platform_id.is_not(None)
DROP = {
    "state": sa.case((_SHOWN, "ready"), else_="cancelled"),
    "kind": sa.case((_SHOWN, "removal"), else_=_C.kind),
    "text": sa.case((_SHOWN, sa.bindparam("instead")), else_=_C.text),
    "settled_at": sa.case((_SHOWN, None), else_=from_now(0)),
    "due_at": from_now(0),
}
_BOT_HERE = sa.and_(
    _C.workspace_id == sa.bindparam("of_workspace"),
    _C.account_id == sa.bindparam("at_account"),
    _C.address_id == sa.bindparam("at_address"),
    sa.text(OPEN_OUTBOX),  # in the words of the partial index, else neither database uses it
    _C.conversation_id == sa.bindparam("of_conversation"),
    _C.kind == "bot",
)
_DROP_READY = sa.update(outbox).where(_BOT_HERE, _C.state == "ready").values(DROP)
_DROP_RESERVED = sa.update(outbox).where(RESERVED_HERE).values({**DROP, "place": NEXT_PLACE})
_FORGET_RESERVED = (
    sa.update(outbox).where(RESERVED_HERE).values(state="cancelled", settled_at=from_now(0), platform_id=None, secret=None)
)
_DROP_OURS = sa.update(outbox).where(RESERVED_HERE, _C.epoch == sa.bindparam("at_epoch")).values({**DROP, "place": NEXT_PLACE})
_FAIL_IN_DOUBT = (
    sa.update(outbox)
    .where(_BOT_HERE, _C.state == "in_doubt")
    .values(state="failed", error="withdrawn in doubt", settled_at=from_now(0), secret=None)
)
_HERE = sa.and_(
    _C.workspace_id == sa.bindparam("of_workspace"),
    _C.account_id == sa.bindparam("at_account"),
    _C.address_id == sa.bindparam("at_address"),
    sa.text(OPEN_OUTBOX),
)
_ABANDON = (
    sa.update(outbox)
    .where(_HERE, _C.state != "sending")
    .values(state="failed", error="recipient gone", settled_at=from_now(0), secret=None)
)
_WITHDRAW = sa.update(outbox).where(_BOT_HERE, _C.state == "sending").values(withdrawn=True)
_IN_FLIGHT = sa.select(_C.outbox_id).where(_BOT_HERE, _C.state == "sending", _C.due_at > from_now(0)).limit(1)


def cancel(connection: sa.Connection, lane: Lane, *, instead: str) -> Cancelled:
    """The bot falls silent in this conversation: call it in the unit that moves the epoch. Previews on show are removed, or
    read `instead` where the platform keeps them. Notices and people's words are not touched.
    """
    named = _named(lane)
    dropped = connection.execute(_DROP_READY, {**named, "instead": instead}).rowcount
    dropped += discard(connection, lane, instead=instead)
    in_doubt = connection.execute(_FAIL_IN_DOUBT, named).rowcount
    sending = connection.execute(_WITHDRAW, named).rowcount
    return Cancelled(dropped, in_doubt, sending > 0)


def discard(connection: sa.Connection, lane: Lane, *, instead: str, epoch: int | None = None) -> int:
    """No answer will come of the reserved row: drop it, and take its preview away. Returns how many there were.

    With `epoch` only a row still reserved for that one: a newer answer may have taken it on.
    """
    named = {**_named(lane), "instead": instead}
    if epoch is None:
        return connection.execute(_DROP_RESERVED, named).rowcount
    return connection.execute(_DROP_OURS, {**named, "at_epoch": epoch}).rowcount


def abandon(connection: sa.Connection, lane: Lane) -> int:
    """Nobody is there any more: what waits for the address is given up, whoever said it. Returns how many messages that were."""
    given_up = connection.execute(_ABANDON, _named(lane)).rowcount
    connection.execute(_FORGET_RESERVED, _named(lane))
    return given_up


def in_flight(connection: sa.Connection, lane: Lane) -> bool:
    """Whether a bot message of this conversation is being sent and its bound has not passed yet."""
    named = _named(lane)
    return connection.scalar(_IN_FLIGHT, named) is not None


def _named(lane: Lane) -> dict[str, Any]:
    return {**at(lane), "of_workspace": lane.workspace_id, "of_conversation": lane.conversation_id}
