"""The other half of the oracle: what SQL holds at the end, read by plain statements of its own."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from bot.store.tables import address, conversation, event_log, inbox, outbox, summary, turn


@dataclass(frozen=True, slots=True)
class StoredTurn:
    conversation: str
    seq: int
    role: str
    text: str
    through: int | None
    state: str


@dataclass(frozen=True, slots=True)
class StoredEvent:
    position: int
    conversation: str
    kind: str
    seq: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class StoredRow:
    """One outbox row."""

    conversation: str
    seq: int | None
    part: int
    kind: str
    state: str
    text: str
    repeats: int
    platform_id: str | None
    error: str


@dataclass(frozen=True, slots=True)
class Record:
    """Everything by address ("chat", or "chat/thread"). `due`: conversations that still wait. `dead` and `controls`: how many
    updates became such.
    """

    events: Mapping[str, Sequence[StoredEvent]]
    turns: Mapping[str, Sequence[StoredTurn]]
    rows: Mapping[str, Sequence[StoredRow]]
    chats: Mapping[str, str]
    closed: frozenset[str]
    due: frozenset[str]
    summaries: Sequence[tuple[str, str]]
    dead: int
    controls: int


def read(connection: sa.Connection) -> Record:
    """The whole database as the oracle wants it."""
    chat: dict[str, str] = {}
    for address_id, chat_id, thread_id in connection.execute(
        sa.select(address.c.address_id, address.c.chat_id, address.c.thread_id)
    ):
        chat[address_id] = f"{chat_id}/{thread_id}" if thread_id else chat_id
    of = dict(connection.execute(sa.select(conversation.c.conversation_id, conversation.c.address_id)).all())
    events: dict[str, list[StoredEvent]] = defaultdict(list)
    columns = (event_log.c.position, event_log.c.conversation_id, event_log.c.kind, event_log.c.seq, event_log.c.detail)
    for row in connection.execute(sa.select(event_log.c.address_id, *columns).order_by(event_log.c.position)):
        events[chat[row[0]]].append(StoredEvent(*row[1:]))
    turns: dict[str, list[StoredTurn]] = defaultdict(list)
    t = turn.c
    for row in connection.execute(
        sa.select(t.conversation_id, t.seq, t.role, t.text, t.answers_through, t.state).order_by(t.conversation_id, t.seq)
    ):
        turns[row[0]].append(StoredTurn(*row))
    rows: dict[str, list[StoredRow]] = defaultdict(list)
    o = outbox.c
    for one in connection.execute(
        sa.select(
            o.address_id, o.conversation_id, o.seq, o.part, o.kind, o.state, o.text, o.repeats, o.platform_id, o.error
        ).order_by(o.conversation_id, o.seq, o.part)
    ):
        rows[chat[one[0]]].append(StoredRow(*tuple(one)[1:]))
    c = conversation.c
    closed = connection.scalars(sa.select(c.conversation_id).where(c.closed_at.is_not(None)))
    due = connection.scalars(sa.select(c.conversation_id).where(c.due_at.is_not(None)))
    outcomes: dict[str, int] = {
        row[0]: row[1] for row in connection.execute(sa.select(inbox.c.outcome, sa.func.count()).group_by(inbox.c.outcome))
    }
    found = connection.execute(sa.select(summary.c.conversation_id, summary.c.text).where(summary.c.text.is_not(None)))
    return Record(
        events=events,
        turns=turns,
        rows=rows,
        chats={conversation_id: chat[address_id] for conversation_id, address_id in of.items()},
        closed=frozenset(closed),
        due=frozenset(due),
        summaries=[(row[0], row[1]) for row in found],
        dead=outcomes.get("dead", 0),
        controls=outcomes.get("control", 0),
    )


def restless(connection: sa.Connection) -> int:
    """Conversations that wait and outbox rows on their way: 0 when the system has come to rest."""
    due = connection.scalar(sa.select(sa.func.count()).select_from(conversation).where(conversation.c.due_at.is_not(None)))
    open_rows = outbox.c.state.in_(("ready", "sending", "in_doubt"))
    return (due or 0) + (connection.scalar(sa.select(sa.func.count()).select_from(outbox).where(open_rows)) or 0)
