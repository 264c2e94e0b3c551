"""The line of those who wait for an answer, over all workspaces and accounts: they wait for the same node."""

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from bot.store.ids import AddressId, ConversationId, WorkspaceId
from bot.store.prepared import Prepared
from bot.store.tables import conversation
from bot.store.times import UtcDateTime, from_now
from bot.store.turns import Place

_C = conversation.c


class Question(NamedTuple):
    """An open question: since when it is open, and `now` by the same clock. `asked`: the newest turn of it; `noticed`: whoever
    asked was told that it takes long.
    """

    workspace_id: WorkspaceId
    conversation_id: ConversationId
    address_id: AddressId
    route: str
    asked: int
    since: datetime
    now: datetime
    answering: bool
    noticed: bool

    @property
    def waited_s(self) -> float:
        return (self.now - self.since).total_seconds()


_FRONT = Prepared(
    sa.select(
        _C.workspace_id,
        _C.conversation_id,
        _C.address_id,
        _C.route,
        _C.customer_seq,
        _C.due_since,
        from_now(0),
        # as a number, which needs no conversion
        sa.type_coerce(_C.lease_owner.is_not(None), sa.Integer),
    )
    .where(_C.due_at.is_not(None), _C.noticed == sa.bindparam("is_noticed", type_=sa.Boolean))
    .order_by(_C.due_since)
    .limit(sa.bindparam("room"))
)


def front(connection: sa.Connection, *, room: int) -> list[Question]:
    """The `room` questions that are open longest, in the order of asking, those being answered included."""
    found = [
        Question._make([*row[:-1], bool(row[-1]), noticed])
        for noticed in (False, True)
        for row in _FRONT.rows(connection, {"is_noticed": noticed, "room": room})
    ]
    return sorted(found, key=lambda question: question.since)[:room]


_TELL = Prepared(
    sa.update(conversation)
    .where(
        _C.workspace_id == sa.bindparam("of_workspace"),
        _C.conversation_id == sa.bindparam("of_conversation"),
        _C.due_at.is_not(None),
        _C.due_since == sa.bindparam("open_since", type_=UtcDateTime()),
        _C.lease_owner.is_(None),
        _C.noticed == sa.false(),
    )
    .values(noticed=True, last_seq=_C.last_seq + 1, last_event=_C.last_event + 1)
    .returning(_C.workspace_id, _C.conversation_id, _C.address_id, _C.last_seq, _C.last_event)
)


def mark_told(connection: sa.Connection, question: Question) -> Place | None:
    """Hand out the seq of the one notice of this wait. None when it was given, or the answer has begun meanwhile."""
    of = {"of_workspace": question.workspace_id, "of_conversation": question.conversation_id, "open_since": question.since}
    row = _TELL.row(connection, of)
    return Place(*row) if row is not None else None
