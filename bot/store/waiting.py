"""Questions that wait too long: one honest notice while they wait, and the end of it."""

from collections.abc import Sequence

import sqlalchemy as sa

from bot.store.conversations import IDLE
from bot.store.ids import ConversationId, ProcessId, WorkspaceId
from bot.store.tables import conversation
from bot.store.times import from_now
from bot.store.turns import Place

_C = conversation.c
_PLACE = (_C.workspace_id, _C.conversation_id, _C.address_id, _C.last_seq, _C.last_event)
_WAITING = sa.and_(
    _C.due_at.is_not(None),
    _C.noticed == sa.bindparam("is_noticed"),
    _C.due_since < from_now(sa.bindparam("since_s", type_=sa.Float)),
)
_FIND = (
    sa.select(_C.workspace_id, _C.conversation_id, _C.lease_owner)
    .where(_WAITING)
    .order_by(_C.due_since)
    .limit(sa.bindparam("room"))
)


def unnoticed(
    connection: sa.Connection, process: ProcessId, *, older_than_s: float, room: int
) -> Sequence[tuple[WorkspaceId, ConversationId]]:
    """Conversations whose open question is older than that and who were not told yet; those that other processes
    answer at this moment are theirs to tell.
    """
    rows = connection.execute(_FIND, {"is_noticed": False, "since_s": -older_than_s, "room": room})
    return [(WorkspaceId(row[0]), ConversationId(row[1])) for row in rows if row[2] in (None, process)]


def overdue(connection: sa.Connection, *, older_than_s: float, room: int) -> Sequence[tuple[WorkspaceId, ConversationId]]:
    """Conversations whose open question is older than that, told or not."""
    found: list[tuple[WorkspaceId, ConversationId]] = []
    for told in (True, False):
        rows = connection.execute(_FIND, {"is_noticed": told, "since_s": -older_than_s, "room": room})
        found.extend((WorkspaceId(row[0]), ConversationId(row[1])) for row in rows)
    return found


_THIS = sa.and_(_C.workspace_id == sa.bindparam("of_workspace"), _C.conversation_id == sa.bindparam("of_conversation"))
_NOTICE = (
    sa.update(conversation)
    .where(_THIS, _WAITING)
    .values(noticed=True, last_seq=_C.last_seq + 1, last_event=_C.last_event + 1)
    .returning(*_PLACE)
)


def mark_noticed(
    connection: sa.Connection, workspace_id: WorkspaceId, conversation_id: ConversationId, *, older_than_s: float
) -> Place | None:
    """Hand out the seq of the one notice of this wait; None when it was given or the question answered meanwhile."""
    row = connection.execute(
        _NOTICE,
        {"of_workspace": workspace_id, "of_conversation": conversation_id, "is_noticed": False, "since_s": -older_than_s},
    ).one_or_none()
    return Place(*row) if row is not None else None


_EXPIRE = (
    sa.update(conversation)
    .where(_THIS, _C.due_at.is_not(None), _C.due_since < from_now(sa.bindparam("since_s", type_=sa.Float)))
    .values(
        {
            **IDLE,
            "epoch": _C.epoch + 1,
            "answered_seq": _C.customer_seq,
            "window_break": "expired",
            "last_seq": _C.last_seq + 1,
            "last_event": _C.last_event + 1,
        }
    )
    .returning(*_PLACE)
)


def expire(
    connection: sa.Connection, workspace_id: WorkspaceId, conversation_id: ConversationId, *, older_than_s: float
) -> Place | None:
    """Give up the open question: nothing is due, nobody's answer can be stored. None when it is not overdue any more.

    Returns where the notice about it goes.
    """
    row = connection.execute(
        _EXPIRE, {"of_workspace": workspace_id, "of_conversation": conversation_id, "since_s": -older_than_s}
    ).one_or_none()
    return Place(*row) if row is not None else None


def due_count(connection: sa.Connection) -> int:
    """Conversations with an open question, over all workspaces: for the metrics."""
    return connection.scalar(sa.select(sa.func.count()).where(_C.due_at.is_not(None))) or 0


def route_and_epoch(connection: sa.Connection, workspace_id: WorkspaceId, conversation_id: ConversationId) -> tuple[str, int]:
    """Which account must send for a conversation ("" for none), and its present epoch."""
    found = sa.select(_C.route, _C.epoch).where(_C.workspace_id == workspace_id, _C.conversation_id == conversation_id)
    return tuple(connection.execute(found).one())
