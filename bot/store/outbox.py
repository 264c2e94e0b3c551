"""The outbox for those who speak: a row is reserved when an answer is begun and published when it is stored. How it is
sent: `sending` and `outcomes`; how it is taken back: `withdrawal`. Each function is part of a unit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from bot.errors import Superseded
from bot.events import Placeholder
from bot.store.ids import AccountId, AddressId, ConversationId, OutboxId, WorkspaceId, new_id
from bot.store.prepared import Prepared
from bot.store.tables import outbox
from bot.store.tables.passage import OPEN_OUTBOX
from bot.store.times import from_now

Kind = Literal["bot", "agent", "system"]
NOT_SHOWN = {"platform_id": None, "secret": None}
_C = outbox.c
_OTHERS = outbox.alias("others")
NEXT_PLACE = (
    sa.select(sa.func.coalesce(sa.func.max(_OTHERS.c.place), 0) + 1)
    .where(
        _OTHERS.c.workspace_id == sa.bindparam("at_workspace"),
        _OTHERS.c.account_id == sa.bindparam("at_account"),
        _OTHERS.c.address_id == sa.bindparam("at_address"),
        sa.text(OPEN_OUTBOX.replace("state", "others.state")),
    )
    .scalar_subquery()
)


@dataclass(frozen=True, slots=True)
class Lane:
    """Where a conversation's outgoing messages queue."""

    workspace_id: WorkspaceId
    account_id: AccountId
    address_id: AddressId
    conversation_id: ConversationId


@dataclass(frozen=True, slots=True)
class Reserved:
    """A row kept for an answer; `platform_id` names its preview where one is shown, `secret` is what changing that needs."""

    outbox_id: OutboxId
    platform_id: str | None
    reply_to: str | None
    secret: str | None = None


_ADD = sa.insert(outbox).values(
    attempts=0,
    repeats=0,
    withdrawn=False,
    error="",
    due_at=from_now(0),
    first_sent_at=None,
    created_at=from_now(0),
    settled_at=None,
)
_NAMED = (
    "workspace_id",
    "account_id",
    "address_id",
    "conversation_id",
    "outbox_id",
    "epoch",
    "reply_to",
    "platform_id",
    "secret",
)
_RESERVE = Prepared(_ADD.values(state="reserved", kind="bot", part=0, parts=1, place=0, seq=None, text=""), takes=_NAMED)
_ENQUEUE = Prepared(_ADD.values(state="ready", place=NEXT_PLACE), takes=(*_NAMED, "seq", "part", "parts", "kind", "text"))
RESERVED_HERE = sa.and_(
    _C.workspace_id == sa.bindparam("of_workspace"),
    _C.conversation_id == sa.bindparam("of_conversation"),
    _C.seq.is_(None),
    _C.state == "reserved",
)
_ADOPT = Prepared(
    sa.update(outbox)
    .where(RESERVED_HERE)
    .values(epoch=sa.bindparam("at_epoch"), reply_to=sa.bindparam("answer_to"))
    .returning(_C.outbox_id, _C.platform_id, _C.reply_to, _C.secret)
)
_FIND = sa.select(_C.outbox_id, _C.platform_id, _C.reply_to, _C.secret).where(RESERVED_HERE)
_OFFER = (
    sa.update(outbox)
    .where(RESERVED_HERE, _C.platform_id.is_(None))
    .values(platform_id=sa.bindparam("message"), secret=sa.bindparam("its_secret"))
)
_THIS = sa.and_(_C.workspace_id == sa.bindparam("of_workspace"), _C.outbox_id == sa.bindparam("of_row"))
_IS_RESERVED = sa.select(_C.outbox_id).where(_THIS, _C.state == "reserved", _C.epoch == sa.bindparam("at_epoch"))
_PUBLISH = Prepared(
    sa.update(outbox)
    .where(_THIS, _C.state == "reserved")
    .values(
        state="ready",
        text=sa.bindparam("new_text"),
        parts=sa.bindparam("of_parts"),
        seq=sa.bindparam("new_seq"),
        epoch=sa.bindparam("at_epoch"),
        place=NEXT_PLACE,
        due_at=from_now(0),
    )
)


def reserve(connection: sa.Connection, lane: Lane, *, epoch: int, reply_to: str | None = None) -> Reserved:
    """The row of the answer about to be made. One that an interrupt or a crash left is taken on, with its preview."""
    here = {"of_workspace": lane.workspace_id, "of_conversation": lane.conversation_id}
    left = _ADOPT.row(connection, {**here, "at_epoch": epoch, "answer_to": reply_to})
    if left is not None:
        return Reserved(*left)
    outbox_id = OutboxId(new_id())
    named = {**_columns(lane), **NOT_SHOWN, "outbox_id": outbox_id, "epoch": epoch, "reply_to": reply_to}
    _RESERVE.run(connection, named)
    return Reserved(outbox_id, None, reply_to)


def offer(connection: sa.Connection, lane: Lane, placeholder: Placeholder, *, epoch: int) -> None:
    """The next answer goes into a message that the platform shows already. Where another is kept for it, this one is removed."""
    shown = {"platform_id": placeholder.platform_id, "secret": placeholder.secret}
    here = {"of_workspace": lane.workspace_id, "of_conversation": lane.conversation_id}
    if connection.execute(_OFFER, {**here, "message": placeholder.platform_id, "its_secret": placeholder.secret}).rowcount:
        return
    outbox_id = OutboxId(new_id())
    if find_reserved(connection, lane) is None:
        named = {**_columns(lane), **shown, "outbox_id": outbox_id, "epoch": epoch, "reply_to": None}
        _RESERVE.run(connection, named)
        return
    values = {"outbox_id": outbox_id, "epoch": epoch, "seq": None, "part": 0, "parts": 1, "kind": "removal", "text": ""}
    _ENQUEUE.run(connection, {**_columns(lane), **at(lane), **values, **shown, "reply_to": None})


def find_reserved(connection: sa.Connection, lane: Lane) -> Reserved | None:
    """The row kept for the conversation's next answer, if one was begun."""
    row = connection.execute(_FIND, {"of_workspace": lane.workspace_id, "of_conversation": lane.conversation_id}).first()
    return Reserved(*row) if row is not None else None


def is_reserved(connection: sa.Connection, lane: Lane, outbox_id: OutboxId, *, epoch: int) -> bool:
    """Whether the row is still kept for the answer begun at that epoch: a newer one may have taken it on."""
    named = {"of_workspace": lane.workspace_id, "of_row": outbox_id, "at_epoch": epoch}
    return connection.scalar(_IS_RESERVED, named) is not None


def publish(
    connection: sa.Connection,
    lane: Lane,
    reserved_id: OutboxId,
    parts: Sequence[str],
    *,
    epoch: int,
    seq: int,
) -> None:
    """The answer is stored as turn `seq`: its first part goes out on the reserved row, as an edit of its preview where there
    is one, the others after it. The caller holds the conversation row. Raises Superseded when the row was cancelled.
    """
    assert parts, "an answer has at least one part"
    published = _PUBLISH.run(
        connection,
        {
            **at(lane),
            "of_workspace": lane.workspace_id,
            "of_row": reserved_id,
            "new_text": parts[0],
            "of_parts": len(parts),
            "new_seq": seq,
            "at_epoch": epoch,
        },
    )
    if published != 1:
        raise Superseded(f"outbox row {reserved_id} is no longer reserved")
    _enqueue(connection, lane, parts[1:], kind="bot", epoch=epoch, seq=seq, first_part=1, of=len(parts))


def enqueue(
    connection: sa.Connection,
    lane: Lane,
    parts: Sequence[str],
    *,
    kind: Kind,
    epoch: int,
    seq: int | None = None,
    reply_to: str | None = None,
    placeholder: Placeholder | None = None,
) -> tuple[OutboxId, ...]:
    """Words that were not streamed: a notice, an agent's message, a copy for a staff room. In order, after what is there; the
    first in place of the `placeholder`, if there is one.
    """
    return _enqueue(
        connection, lane, parts, kind=kind, epoch=epoch, seq=seq, reply_to=reply_to, placeholder=placeholder, of=len(parts)
    )


def _enqueue(
    connection: sa.Connection,
    lane: Lane,
    parts: Sequence[str],
    *,
    kind: Kind,
    epoch: int,
    seq: int | None,
    of: int,
    reply_to: str | None = None,
    placeholder: Placeholder | None = None,
    first_part: int = 0,
) -> tuple[OutboxId, ...]:
    ids: list[OutboxId] = []
    for part, text in enumerate(parts, first_part):
        ids.append(OutboxId(new_id()))
        values = {"outbox_id": ids[-1], "epoch": epoch, "seq": seq, "part": part, "parts": of, "kind": kind, "text": text}
        named = {**_columns(lane), **at(lane), **NOT_SHOWN, **values, "reply_to": reply_to if part == 0 else None}
        if part == 0 and placeholder is not None:
            named |= {"platform_id": placeholder.platform_id, "secret": placeholder.secret}
        _ENQUEUE.run(connection, named)
    return tuple(ids)


def _columns(lane: Lane) -> dict[str, Any]:
    return {
        "workspace_id": lane.workspace_id,
        "account_id": lane.account_id,
        "address_id": lane.address_id,
        "conversation_id": lane.conversation_id,
    }


def at(lane: Lane) -> dict[str, Any]:
    """The parameters of NEXT_PLACE."""
    return {"at_workspace": lane.workspace_id, "at_account": lane.account_id, "at_address": lane.address_id}
