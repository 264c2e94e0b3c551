"""Questions that wait too long: one honest notice while they wait, and the end of it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from bot.store.conversations import IDLE
from bot.store.ids import ConversationId, ProcessId, WorkspaceId
from bot.store.tables import conversation, turn
from bot.store.times import UtcDateTime, from_now
from bot.store.turns import Place

_C = conversation.c
_PLACE = (_C.workspace_id, _C.conversation_id, _C.address_id, _C.last_seq, _C.last_event)
_WAITING = sa.and_(
    _C.due_at.is_not(None),
    _C.noticed == sa.bindparam("is_noticed"),
    _C.due_since < from_now(sa.bindparam("since_s", type_=sa.Float)),
)
_FIND = sa.select(_C.workspace_id, _C.conversation_id).where(_WAITING).order_by(_C.due_since).limit(sa.bindparam("room"))
_UNNOTICED = _FIND.where(
    sa.or_(_C.lease_owner.is_(None), _C.lease_owner == sa.bindparam("process")),
    _C.conversation_id.not_in(sa.bindparam("shown", expanding=True)),
)
Open = tuple[WorkspaceId, ConversationId]


def unnoticed(
    connection: sa.Connection, process: ProcessId, shown: Collection[ConversationId], *, older_than_s: float, room: int
) -> Sequence[Open]:
    """Conversations whose open question is older than that and who were not told yet, but for those `shown` an answer in the
    making; those that other processes answer at this moment are theirs to tell.
    """
    named = {"is_noticed": False, "since_s": -older_than_s, "room": room, "process": process, "shown": list(shown)}
    return _found(connection, _UNNOTICED, named)


def overdue(connection: sa.Connection, *, older_than_s: float, room: int) -> Sequence[Open]:
    """Conversations whose open question is older than that, told or not."""
    both = ({"is_noticed": told, "since_s": -older_than_s, "room": room} for told in (True, False))
    return [one for named in both for one in _found(connection, _FIND, named)]


def _found(connection: sa.Connection, statement: sa.Select[Any], named: Mapping[str, Any]) -> list[Open]:
    return [(WorkspaceId(row[0]), ConversationId(row[1])) for row in connection.execute(statement, named)]


_THIS = sa.and_(_C.workspace_id == sa.bindparam("of_workspace"), _C.conversation_id == sa.bindparam("of_conversation"))
_NOTICE = (
    sa.update(conversation)
    .where(_THIS, _WAITING)
    .values(noticed=True, last_seq=_C.last_seq + 1, last_event=_C.last_event + 1)
    .returning(*_PLACE, _C.customer_seq)
)


def mark_noticed(
    connection: sa.Connection, workspace_id: WorkspaceId, conversation_id: ConversationId, *, older_than_s: float
) -> tuple[Place, int] | None:
    """Hand out the seq of the one notice of this wait, and that of the newest question; None when it was given or the question
    answered meanwhile.
    """
    row = connection.execute(
        _NOTICE,
        {"of_workspace": workspace_id, "of_conversation": conversation_id, "is_noticed": False, "since_s": -older_than_s},
    ).one_or_none()
    return (Place(*row[:-1]), row[-1]) if row is not None else None


_OPEN = sa.and_(
    turn.c.workspace_id == sa.bindparam("of_workspace"),
    turn.c.conversation_id == sa.bindparam("of_conversation"),
    turn.c.role == "customer",
)
_STALE = (
    sa.select(sa.func.max(turn.c.seq))
    .join(conversation, sa.and_(_C.workspace_id == turn.c.workspace_id, _C.conversation_id == turn.c.conversation_id))
    .where(_OPEN, turn.c.seq > _C.answered_seq, turn.c.created_at < from_now(sa.bindparam("since_s", type_=sa.Float)))
)
_NEXT = sa.select(sa.func.min(turn.c.created_at)).where(_OPEN, turn.c.seq > sa.bindparam("through"))
_FRESH = _C.customer_seq > sa.bindparam("through")
_EXPIRE = (
    sa.update(conversation)
    .where(_THIS, _C.due_at.is_not(None), _C.due_since < from_now(sa.bindparam("since_s", type_=sa.Float)))
    .values(
        {
            **IDLE,
            "due_at": sa.case((_FRESH, from_now(0)), else_=None),
            # a message may have come since we looked: the row knows, our look does not
            "due_since": sa.case(
                (_FRESH, sa.func.coalesce(sa.bindparam("next_since", type_=UtcDateTime()), from_now(0))), else_=None
            ),
            "epoch": _C.epoch + 1,
            "answered_seq": sa.bindparam("through"),
            "window_break": "expired",
            "last_seq": _C.last_seq + 1,
            "last_event": _C.last_event + 1,
        }
    )
    .returning(*_PLACE)
)


def expire(
    connection: sa.Connection, workspace_id: WorkspaceId, conversation_id: ConversationId, *, older_than_s: float
) -> tuple[Place, int] | None:
    """Give up what was asked longer ago than that: nobody's answer to it can be stored. What was asked since stays due.

    Returns where the notice about it goes, and the last turn that was given up; None when nothing is overdue any more.
    """
    this = {"of_workspace": workspace_id, "of_conversation": conversation_id}
    since = {"since_s": -older_than_s}
    through = connection.scalar(_STALE, {**this, **since})
    if through is None:
        return None
    next_since = connection.scalar(_NEXT, {**this, "through": through})
    row = connection.execute(_EXPIRE, {**this, **since, "through": through, "next_since": next_since}).one_or_none()
    return (Place(*row), through) if row is not None else None


def due_count(connection: sa.Connection) -> int:
    """Conversations with an open question, over all workspaces: for the metrics."""
    return connection.scalar(sa.select(sa.func.count()).where(_C.due_at.is_not(None))) or 0


def route_and_epoch(connection: sa.Connection, workspace_id: WorkspaceId, conversation_id: ConversationId) -> tuple[str, int]:
    """Which account must send for a conversation ("" for none), and its present epoch."""
    found = sa.select(_C.route, _C.epoch).where(_C.workspace_id == workspace_id, _C.conversation_id == conversation_id)
    return tuple(connection.execute(found).one())
