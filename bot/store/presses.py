"""Buttons under outbox rows: what their ids say, and whether whoever pressed one may."""

from dataclasses import dataclass

import sqlalchemy as sa

from bot.store.ids import AddressId, ConversationId, OutboxId
from bot.store.parties import AccountRef
from bot.store.tables import address, conversation, identity, outbox, turn

UP, DOWN, HUMAN = "up", "down", "human"
ACTIONS = frozenset({UP, DOWN, HUMAN})


@dataclass(frozen=True, slots=True)
class Pressed:
    """The bot turn under which a button was pressed, by one of those whom it answers. `current` is the conversation now at the
    address where it was said: platforms do not always tell the topic of an old message.
    """

    conversation_id: ConversationId
    seq: int
    address_id: AddressId
    current: ConversationId | None


def button_id(outbox_id: OutboxId, action: str) -> str:
    """What goes out with the message and comes back with the press: ASCII, 40 characters at most."""
    return f"{outbox_id}:{action}"


def parse(button: str) -> tuple[OutboxId, str] | None:
    """The row and action of a button's id; None for one that is not ours."""
    outbox_id, _, action = button.partition(":")
    return (OutboxId(outbox_id), action) if len(outbox_id) == 32 and action in ACTIONS else None


_ASKED = turn.alias("asked")
_EARLIER = turn.alias("earlier")
_ANSWERED_BEFORE = (
    sa.select(sa.func.coalesce(sa.func.max(_EARLIER.c.answers_through), 0))
    .where(
        _EARLIER.c.workspace_id == turn.c.workspace_id,
        _EARLIER.c.conversation_id == turn.c.conversation_id,
        _EARLIER.c.seq < turn.c.seq,
    )
    .correlate(turn)
    .scalar_subquery()
)
_CURRENT = (
    sa.select(conversation.c.conversation_id)
    .where(
        conversation.c.workspace_id == outbox.c.workspace_id,
        conversation.c.address_id == outbox.c.address_id,
        conversation.c.closed_at.is_(None),
    )
    .scalar_subquery()
)
# the answer's own turn says which customer turns it answers: those since the answer before it; who wrote one of those may press
_PRESSED = (
    sa.select(outbox.c.conversation_id, outbox.c.seq, outbox.c.address_id, _CURRENT)
    .join(address, sa.and_(address.c.workspace_id == outbox.c.workspace_id, address.c.address_id == outbox.c.address_id))
    .join(
        turn,
        sa.and_(
            turn.c.workspace_id == outbox.c.workspace_id,
            turn.c.conversation_id == outbox.c.conversation_id,
            turn.c.seq == outbox.c.seq,
        ),
    )
    .where(
        outbox.c.workspace_id == sa.bindparam("of_workspace"),
        outbox.c.outbox_id == sa.bindparam("of_row"),
        outbox.c.account_id == sa.bindparam("of_account"),
        # a thread's message may have had to go into the channel that the thread belongs to
        sa.or_(address.c.chat_id == sa.bindparam("chat_id"), address.c.thread_id == sa.bindparam("chat_id")),
        turn.c.role == "bot",
        sa.exists(
            sa.select(1)
            .select_from(_ASKED)
            .join(
                identity,
                sa.and_(identity.c.workspace_id == _ASKED.c.workspace_id, identity.c.identity_id == _ASKED.c.identity_id),
            )
            .where(
                _ASKED.c.workspace_id == outbox.c.workspace_id,
                _ASKED.c.conversation_id == outbox.c.conversation_id,
                _ASKED.c.role == "customer",
                _ASKED.c.seq > _ANSWERED_BEFORE,
                _ASKED.c.seq <= turn.c.answers_through,
                identity.c.account_id == outbox.c.account_id,
                identity.c.user_id == sa.bindparam("user_id"),
            )
        ),
    )
)


def pressed(connection: sa.Connection, ref: AccountRef, outbox_id: OutboxId, chat_id: str, user_id: str) -> Pressed | None:
    """The bot turn of a row, if the message stands in that chat and the person asked something that it answers; else None."""
    named = {"of_workspace": ref.workspace_id, "of_account": ref.account_id, "of_row": outbox_id}
    row = connection.execute(_PRESSED, {**named, "chat_id": chat_id, "user_id": user_id}).first()
    return Pressed(*row) if row is not None else None
