"""What people do to a conversation besides writing: stop its answer, begin anew. Each moves the epoch in one statement."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from bot.store import turns, withdrawal
from bot.store.conversations import IDLE, Claim, open_at, say
from bot.store.failures import LostRace
from bot.store.ids import AccountId, AddressId, ConversationId, CustomerId, WorkspaceId
from bot.store.outbox import Lane
from bot.store.parties import AccountRef
from bot.store.tables import conversation, rating, turn, workspace
from bot.store.times import from_now
from bot.store.turns import Place

# stands in place of a preview that a platform does not let us remove
REMOVED = "—"
_C = conversation.c
_THIS = sa.and_(_C.workspace_id == sa.bindparam("of_workspace"), _C.conversation_id == sa.bindparam("of_conversation"))
_PLACE = (_C.workspace_id, _C.conversation_id, _C.address_id, _C.last_seq, _C.last_event)

_STOP = (
    sa.update(conversation)
    .where(_THIS, _C.due_at.is_not(None))
    .values(
        {
            **IDLE,
            "epoch": _C.epoch + 1,
            # whoever answers keeps what was shown
            "stopped_epoch": sa.case((_C.lease_owner.is_not(None), _C.epoch + 1), else_=0),
            "last_event": _C.last_event + 1,
            "answered_seq": _C.customer_seq,
            "window_break": "stop",
        }
    )
    .returning(*_PLACE, _C.route, _C.stopped_epoch)
)


def stop(connection: sa.Connection, workspace_id: WorkspaceId, conversation_id: ConversationId) -> bool:
    """Nothing is due any more and whoever answers can commit no answer. False when nothing was being answered.

    While nobody answers, what is on show for the answer on a push channel is taken back here.
    """
    row = connection.execute(_STOP, {"of_workspace": workspace_id, "of_conversation": conversation_id}).one_or_none()
    if row is None:
        return False
    *stopped, route, stopped_epoch = row
    place = Place(*stopped)
    turns.log(connection, place, "status", detail="stopped")
    if route and not stopped_epoch:
        lane = Lane(workspace_id, AccountId(route), place.address_id, conversation_id)
        withdrawal.discard(connection, lane, instead=REMOVED)
    return True


_LEAVE = (
    sa.update(conversation)
    .where(_THIS, _C.due_at.is_not(None))
    .values({**IDLE, "epoch": _C.epoch + 1, "answered_seq": _C.customer_seq, "window_break": "departure"})
)


def leave(connection: sa.Connection, workspace_id: WorkspaceId, conversation_id: ConversationId) -> None:
    """Nothing can be said here any more: what was asked stays without an answer."""
    connection.execute(_LEAVE, {"of_workspace": workspace_id, "of_conversation": conversation_id})


_KEEP = (
    sa.update(conversation)
    .where(_THIS, _C.epoch == sa.bindparam("at_epoch"), _C.stopped_epoch == sa.bindparam("at_epoch"))
    .values(
        last_seq=_C.last_seq + 1,
        last_event=_C.last_event + 1,
        stopped_epoch=0,
        # whoever answers by now did not read it, and must not take this break for the one that it saw
        window_break=sa.case((_C.lease_owner.is_not(None), "late_stop"), else_="stop"),
    )
    .returning(*_PLACE)
)


def keep_stopped(connection: sa.Connection, claim: Claim, through: int, shown: str) -> Place | None:
    """After a stop: store what was shown of the answer as a bot turn marked `stopped`. None when it was not a stop."""
    row = connection.execute(
        _KEEP,
        {
            "of_workspace": claim.workspace_id,
            "of_conversation": claim.conversation_id,
            "at_epoch": claim.epoch + 1,
        },
    ).one_or_none()
    if row is None:
        return None
    place = Place(*row)
    turns.add(connection, place, "bot", shown, answers_through=through, state="stopped")
    return place


_CLOSE = (
    sa.update(conversation)
    .where(_THIS, _C.closed_at.is_(None))
    .values({**IDLE, "epoch": _C.epoch + 1, "last_event": _C.last_event + 1, "closed_at": from_now(0)})
    .returning(*_PLACE)
)


def begin_anew(
    connection: sa.Connection,
    ref: AccountRef,
    address_id: AddressId,
    customer_id: CustomerId,
    current: ConversationId | None,
) -> ConversationId:
    """Close the current conversation of an address, if there is one, and open another."""
    event = 0
    if current is not None:
        event = _close(connection, ref, current)
    fresh = open_at(connection, ref, address_id, customer_id, event=event + 1)
    turns.log(connection, Place(ref.workspace_id, fresh, address_id, 0, event + 1), "status", detail="opened")
    greeting = connection.scalar(_GREETING, {"workspace_id": ref.workspace_id})
    if greeting and not ref.route:  # a push channel greets by its own start command
        turns.add(connection, say(connection, ref.workspace_id, fresh), "system", greeting)
    return fresh


_GREETING = sa.select(workspace.c.greeting).where(workspace.c.workspace_id == sa.bindparam("workspace_id"))


def _close(connection: sa.Connection, ref: AccountRef, current: ConversationId) -> int:
    """Close a conversation and take back what the bot was about to send; the log's last position."""
    row = connection.execute(_CLOSE, {"of_workspace": ref.workspace_id, "of_conversation": current}).one_or_none()
    if row is None:
        raise LostRace(f"conversation {current} was closed a moment ago")
    closed = Place(*row)
    turns.log(connection, closed, "status", detail="closed")
    if ref.route:
        lane = Lane(ref.workspace_id, AccountId(ref.route), closed.address_id, current)
        withdrawal.cancel(connection, lane, instead=REMOVED)
    return closed.position


def rate(
    connection: sa.Connection, workspace_id: WorkspaceId, conversation_id: ConversationId, seq: int, value: int, reason: str
) -> bool:
    """Keep what a person thinks of a bot turn, the newest word last. False when there is no such turn."""
    named = {"workspace_id": workspace_id, "conversation_id": conversation_id, "seq": seq}
    is_answer = sa.select(turn.c.seq).where(*(turn.c[name] == of for name, of in named.items()), turn.c.role == "bot")
    if connection.scalar(is_answer) is None:
        return False
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    word = {"value": value, "reason": reason, "rated_at": from_now(0)}
    rated = insert(rating).values(**named, **word).on_conflict_do_update(index_elements=list(named), set_=word)
    connection.execute(rated)
    return True
