"""What pull channels read: the current conversation's turns, and the event log of an address."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from bot.store.ids import AddressId, ConversationId, WorkspaceId
from bot.store.prepared import Prepared, Row, any_of
from bot.store.tables import attachment, conversation, event_log, identity, turn

_SHOWN = ("customer", "bot", "agent", "system")


@dataclass(frozen=True, slots=True)
class Current:
    """The current conversation of an address and the last position of its log."""

    conversation_id: ConversationId
    last_event: int
    first_event: int


@dataclass(frozen=True, slots=True)
class LoggedTurn:
    """A log entry with the turn it is about; the turn's fields are None for a status."""

    position: int
    kind: str
    conversation_id: ConversationId
    detail: str
    seq: int | None
    role: str | None
    text: str | None
    answers_through: int | None
    state: str | None
    revision: int | None
    created_at: datetime | None
    author: str | None


_CURRENT = Prepared(
    sa.select(conversation.c.conversation_id, conversation.c.last_event, conversation.c.first_event).where(
        conversation.c.workspace_id == sa.bindparam("workspace_id"),
        conversation.c.address_id == sa.bindparam("address_id"),
        conversation.c.closed_at.is_(None),
    )
)


def current(connection: sa.Connection, workspace_id: WorkspaceId, address_id: AddressId) -> Current | None:
    """The open conversation of an address; `first_event` is the position of its opening."""
    of = {"workspace_id": workspace_id, "address_id": address_id}
    row = _CURRENT.row(connection, of)
    return Current(ConversationId(row[0]), row[1], row[2]) if row is not None else None


# the planner may read a joined table by its workspace alone where it has no statistics yet, a subquery only by its whole key
_AUTHOR = (
    sa.select(identity.c.name)
    .where(identity.c.workspace_id == turn.c.workspace_id, identity.c.identity_id == turn.c.identity_id)
    .scalar_subquery()
)
_SAID = (
    turn.c.seq,
    turn.c.role,
    turn.c.text,
    turn.c.answers_through,
    turn.c.state,
    turn.c.revision,
    turn.c.created_at,
    _AUTHOR,
)
_NOTHING = (None,) * (len(_SAID) - 1)
_ENTRIES = Prepared(
    sa.select(event_log.c.position, event_log.c.kind, event_log.c.conversation_id, event_log.c.detail, event_log.c.seq)
    .where(
        event_log.c.workspace_id == sa.bindparam("workspace_id"),
        event_log.c.address_id == sa.bindparam("address_id"),
        event_log.c.position > sa.bindparam("after"),
    )
    .order_by(event_log.c.workspace_id, event_log.c.address_id, event_log.c.position)
    .limit(sa.bindparam("room"))
)
_BETWEEN = Prepared(
    sa.select(*_SAID).where(
        turn.c.workspace_id == sa.bindparam("workspace_id"),
        turn.c.conversation_id == sa.bindparam("conversation_id"),
        turn.c.seq >= sa.bindparam("first"),
        turn.c.seq <= sa.bindparam("last"),
    )
)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of an address's log: what may be shown of it, the position it reaches through, whether more is there."""

    entries: Sequence[LoggedTurn]
    through: int
    more: bool


def events(connection: sa.Connection, workspace_id: WorkspaceId, address_id: AddressId, after: int, *, room: int) -> Stretch:
    """Up to `room` log entries past position `after`, in order; notes are left out."""
    of = {"workspace_id": workspace_id, "address_id": address_id, "after": after, "room": room}
    rows = _ENTRIES.rows(connection, of)
    if not rows:
        return Stretch((), after, more=False)
    said = _said(connection, workspace_id, rows)
    entries = [LoggedTurn(*row, *said.get((row[2], row[4]), _NOTHING)) for row in rows]
    return Stretch([one for one in entries if one.role is None or one.role in _SHOWN], rows[-1][0], len(rows) == room)


def _said(connection: sa.Connection, workspace_id: WorkspaceId, rows: Sequence[Row]) -> dict[tuple[str, int | None], Row]:
    """The turns that entries are about, by conversation and seq: one statement for each conversation among them."""
    spans: dict[str, tuple[int, int]] = {}
    for _, _, conversation_id, _, seq in rows:
        if seq is not None:
            first, last = spans.get(conversation_id, (seq, seq))
            spans[conversation_id] = min(first, seq), max(last, seq)
    return {
        (conversation_id, found[0]): found[1:]
        for conversation_id, (first, last) in spans.items()
        for found in _BETWEEN.rows(
            connection, {"workspace_id": workspace_id, "conversation_id": conversation_id, "first": first, "last": last}
        )
    }


_TURNS = Prepared(
    sa.select(*_SAID)
    .where(
        turn.c.workspace_id == sa.bindparam("workspace_id"),
        turn.c.conversation_id == sa.bindparam("conversation_id"),
        turn.c.seq > sa.bindparam("after"),
        any_of(turn.c.role, _SHOWN),
        turn.c.state != "deleted",
    )
    .order_by(turn.c.workspace_id, turn.c.conversation_id, turn.c.seq)
    .limit(sa.bindparam("room"))
)


def turns(
    connection: sa.Connection, workspace_id: WorkspaceId, conversation_id: ConversationId, after: int, *, room: int
) -> Sequence[LoggedTurn]:
    """Up to `room` turns with seq > `after`, as log entries without a position."""
    rows = _TURNS.rows(
        connection, {"workspace_id": workspace_id, "conversation_id": conversation_id, "after": after, "room": room}
    )
    return [LoggedTurn(0, "turn", conversation_id, "", *row) for row in rows]


_POSITION = Prepared(
    sa.select(event_log.c.position)
    .where(
        event_log.c.workspace_id == sa.bindparam("workspace_id"),
        event_log.c.address_id == sa.bindparam("address_id"),
        event_log.c.position >= sa.bindparam("from_position"),
        event_log.c.conversation_id == sa.bindparam("conversation_id"),
        event_log.c.kind == "turn",
        event_log.c.seq == sa.bindparam("seq"),
    )
    .order_by(event_log.c.workspace_id, event_log.c.address_id, event_log.c.position)
    .limit(1)
)


def position(connection: sa.Connection, workspace_id: WorkspaceId, address_id: AddressId, of: Current, seq: int) -> int:
    """Where the log of the address tells of a turn of its current conversation."""
    # every turn before it has an entry of its own, so that the search begins where it can be at the earliest
    named = {"workspace_id": workspace_id, "address_id": address_id, "from_position": of.first_event + seq}
    row = _POSITION.row(connection, {**named, "conversation_id": of.conversation_id, "seq": seq})
    assert row is not None, "a turn is logged in the unit that stores it"
    return int(row[0])


def attachments(
    connection: sa.Connection, workspace_id: WorkspaceId, conversation_id: ConversationId, seqs: Sequence[int]
) -> dict[int, list[tuple[str, str, str, str, int | None]]]:
    """(id, kind, name, mime, size) of the attachments of some turns, by seq."""
    found: dict[int, list[tuple[str, str, str, str, int | None]]] = {}
    rows = connection.execute(
        sa.select(
            attachment.c.seq,
            attachment.c.attachment_id,
            attachment.c.kind,
            attachment.c.name,
            attachment.c.mime,
            attachment.c.size,
        ).where(
            attachment.c.workspace_id == workspace_id,
            attachment.c.conversation_id == conversation_id,
            attachment.c.seq.in_(seqs),
        )
    )
    for seq, *rest in rows:
        found.setdefault(seq, []).append((rest[0], rest[1], rest[2], rest[3], rest[4]))
    return found
