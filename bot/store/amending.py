"""Turns that change after they were stored: edited, taken away, or joined by the rest of their album.

What a model may have read already changes with a declared break of the window; a question that is still open is asked anew.
"""

from dataclasses import dataclass, replace

import sqlalchemy as sa

from bot.store import attachments, turns
from bot.store.conversations import IDLE
from bot.store.ids import ConversationId, WorkspaceId
from bot.store.tables import attachment, conversation, turn
from bot.store.times import from_now
from bot.store.turns import Place

EDITED, DELETED = "edit", "deletion"
_C = conversation.c
_THIS = sa.and_(_C.workspace_id == sa.bindparam("of_workspace"), _C.conversation_id == sa.bindparam("of_conversation"))
_TURN = sa.and_(
    turn.c.workspace_id == sa.bindparam("of_workspace"),
    turn.c.conversation_id == sa.bindparam("of_conversation"),
    turn.c.seq == sa.bindparam("of_seq"),
)
# words, or a file with words in it
_ASKS = sa.or_(
    turn.c.text != "",
    sa.exists().where(
        attachment.c.workspace_id == turn.c.workspace_id,
        attachment.c.conversation_id == turn.c.conversation_id,
        attachment.c.seq == turn.c.seq,
        attachment.c.text.is_not(None),
    ),
)
_PLACE = (_C.workspace_id, _C.conversation_id, _C.address_id, _C.last_seq, _C.last_event)
# first of all, so that what is read after it holds until the commit
_LOCK = sa.select(_C.conversation_id).where(_THIS).with_for_update()
_LOOK = (
    sa.select(turn.c.text, _C.answered_seq, _C.closed_at.is_(None), _C.due_at.is_not(None))
    .join(conversation, sa.and_(_C.workspace_id == turn.c.workspace_id, _C.conversation_id == turn.c.conversation_id))
    .where(_TURN, turn.c.role == "customer", turn.c.state != "deleted")
)
_CHANGE = (
    sa.update(turn)
    .where(_TURN)
    .values(text=sa.bindparam("new_text"), model_text=None, state=sa.bindparam("to_state"), revision=turn.c.revision + 1)
)
_NEWEST = sa.select(sa.func.max(turn.c.seq)).where(
    turn.c.workspace_id == sa.bindparam("of_workspace"),
    turn.c.conversation_id == sa.bindparam("of_conversation"),
    turn.c.seq > sa.bindparam("answered"),
    turn.c.role == "customer",
    turn.c.state != "deleted",
    _ASKS,
)
# what was answered is read otherwise from now on
_NOTE = (
    sa.update(conversation)
    .where(_THIS)
    .values(last_event=_C.last_event + 1, window_break=sa.bindparam("reason"))
    .returning(*_PLACE)
)
# whoever answers has read what does not hold any more: nothing of it can be stored
_ASK_ANEW = (
    sa.update(conversation)
    .where(_THIS)
    .values(
        last_event=_C.last_event + 1,
        window_break=sa.bindparam("reason"),
        epoch=_C.epoch + 1,
        lease_owner=None,
        due_at=from_now(0),
        due_since=sa.func.coalesce(_C.due_since, from_now(0)),
        customer_seq=sa.bindparam("newest"),
    )
    .returning(*_PLACE)
)
_ASK_NOTHING = (
    sa.update(conversation)
    .where(_THIS)
    .values(
        {
            **IDLE,
            "last_event": _C.last_event + 1,
            "window_break": sa.bindparam("reason"),
            "epoch": _C.epoch + 1,
            "customer_seq": _C.answered_seq,
        }
    )
    .returning(*_PLACE)
)


@dataclass(frozen=True, slots=True)
class Changed:
    """`epoch_moved`: an answer being made is made anew, or not at all."""

    epoch_moved: bool


def change(
    connection: sa.Connection, workspace_id: WorkspaceId, conversation_id: ConversationId, seq: int, text: str | None
) -> Changed | None:
    """A customer turn reads `text` from now on, or (None) is gone with its text. None when that changes nothing."""
    this = {"of_workspace": workspace_id, "of_conversation": conversation_id}
    connection.execute(_LOCK, this)
    row = connection.execute(_LOOK, {**this, "of_seq": seq}).first()
    if row is None or row[0] == text:
        return None
    before, answered, current, due = row
    state = "deleted" if text is None else "whole"
    connection.execute(_CHANGE, {**this, "of_seq": seq, "new_text": text or "", "to_state": state})
    if text is None:
        attachments.forget(connection, workspace_id, conversation_id, seq)
    if not current:  # its part of the address's log is over: what comes there belongs to the next conversation
        return Changed(epoch_moved=False)
    reason = DELETED if text is None else EDITED
    # a file that nobody could read was not due, until words were put to it
    moved = seq > answered and (due or (not before and bool(text)))
    place = _ask(connection, this, answered, reason) if moved else _place(connection, _NOTE, this, reason)
    turns.log(connection, place, "turn.deleted" if text is None else "turn.edited", seq=seq)
    return Changed(moved)


def _ask(connection: sa.Connection, this: dict[str, str], answered: int, reason: str) -> Place:
    """The open question as it is now; none when nothing of it is left."""
    newest = connection.scalar(_NEWEST, {**this, "answered": answered})
    if newest is None:
        return _place(connection, _ASK_NOTHING, this, reason)
    return Place(*connection.execute(_ASK_ANEW, {**this, "reason": reason, "newest": newest}).one())


def _place(connection: sa.Connection, statement: sa.Executable, this: dict[str, str], reason: str) -> Place:
    return Place(*connection.execute(statement, {**this, "reason": reason}).one())


_JOINABLE = (
    sa.select(turn.c.text, sa.and_(_ASKS, _C.lease_owner.is_(None)))
    .join(conversation, sa.and_(_C.workspace_id == turn.c.workspace_id, _C.conversation_id == turn.c.conversation_id))
    .where(_TURN, turn.c.state == "whole", _C.answered_seq < turn.c.seq)
)
_JOIN = (
    sa.update(conversation)
    .where(_THIS)
    .values(
        last_event=_C.last_event + 1,
        due_at=sa.case(
            (_C.lease_owner.is_not(None), _C.due_at),
            (_C.due_at.is_not(None), from_now(sa.bindparam("wait_s", type_=sa.Float))),
            else_=None,
        ),
        # whoever answers at this moment may have read the turn without it
        window_break=sa.case((_C.lease_owner.is_not(None), EDITED), else_=_C.window_break),
    )
    .returning(*_PLACE)
)
_REWORD = sa.update(turn).where(_TURN).values(text=sa.bindparam("new_text"), revision=turn.c.revision + 1)
_FILES = sa.select(sa.func.count()).where(
    attachment.c.workspace_id == sa.bindparam("of_workspace"),
    attachment.c.conversation_id == sa.bindparam("of_conversation"),
    attachment.c.seq == sa.bindparam("of_seq"),
)


@dataclass(frozen=True, slots=True)
class Joined:
    """The album's turn (`place.seq`) with its text now, and how many files it had before."""

    place: Place
    text: str
    files: int


def join(
    connection: sa.Connection,
    workspace_id: WorkspaceId,
    conversation_id: ConversationId,
    seq: int,
    caption: str,
    *,
    asks: bool,
    wait_s: float,
) -> Joined | None:
    """One more file for an album's turn. None for a turn that was answered meanwhile; and, where the message `asks` something,
    for one that asks nothing or is being answered by somebody who has read it without.
    """
    this = {"of_workspace": workspace_id, "of_conversation": conversation_id, "of_seq": seq}
    connection.execute(_LOCK, this)
    row = connection.execute(_JOINABLE, this).first()
    if row is None or (asks and not row[1]):
        return None
    files = connection.scalar(_FILES, this) or 0
    text = "\n".join(filter(None, (row[0], caption)))
    connection.execute(_REWORD, {**this, "new_text": text})
    this = {"of_workspace": workspace_id, "of_conversation": conversation_id}
    place = replace(Place(*connection.execute(_JOIN, {**this, "wait_s": wait_s}).one()), seq=seq)
    turns.log(connection, place, "turn.edited", seq=seq)
    return Joined(place, text, files)
