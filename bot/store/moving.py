"""A platform gave a chat another id: its addresses go along, with all that hangs on them. Part of a unit."""

import sqlalchemy as sa

from bot.store import withdrawal
from bot.store.ids import AccountId, AddressId, ConversationId
from bot.store.outbox import Lane
from bot.store.parties import AccountRef
from bot.store.tables import address, conversation, message_map, turn

_THERE = address.alias("there")
_OF_ACCOUNT = sa.and_(address.c.workspace_id == sa.bindparam("of_workspace"), address.c.account_id == sa.bindparam("of_account"))


def _twin(chat: str) -> sa.Exists:
    """Whether the address's thread has an address in that chat as well."""
    return sa.exists().where(
        _THERE.c.workspace_id == address.c.workspace_id,
        _THERE.c.account_id == address.c.account_id,
        _THERE.c.chat_id == sa.bindparam(chat),
        _THERE.c.thread_id == address.c.thread_id,
    )


_WROTE = sa.exists(
    sa.select(1)
    .select_from(conversation)
    .join(
        turn,
        sa.and_(turn.c.workspace_id == conversation.c.workspace_id, turn.c.conversation_id == conversation.c.conversation_id),
    )
    .where(
        conversation.c.workspace_id == address.c.workspace_id,
        conversation.c.address_id == address.c.address_id,
        turn.c.role == "customer",
    )
)
_EMPTY = (
    sa.select(address.c.address_id, conversation.c.conversation_id)
    .outerjoin(
        conversation,
        sa.and_(
            conversation.c.workspace_id == address.c.workspace_id,
            conversation.c.address_id == address.c.address_id,
            conversation.c.closed_at.is_(None),
        ),
    )
    .where(_OF_ACCOUNT, address.c.chat_id == sa.bindparam("to_chat"), _twin("from_chat"), ~_WROTE)
)
_SET_ASIDE = (
    sa.update(address).where(_OF_ACCOUNT, address.c.address_id == sa.bindparam("empty")).values(chat_id=sa.bindparam("nowhere"))
)
_MOVE = (
    sa.update(address)
    .where(_OF_ACCOUNT, address.c.chat_id == sa.bindparam("from_chat"), ~_twin("to_chat"))
    .values(chat_id=sa.bindparam("to_chat"))
    .returning(address.c.address_id)
)
_FORGET = sa.delete(message_map).where(
    message_map.c.workspace_id == sa.bindparam("of_workspace"), message_map.c.address_id == sa.bindparam("moved")
)


def move(connection: sa.Connection, ref: AccountRef, chat_id: str, to_chat: str) -> None:
    """Where people wrote under the new id already, that address stays and the old one is history. What knows nothing but our
    greeting gives way: a bot may be told that it came into the new chat before it hears that the chat moved
    (tdlib/telegram-bot-api, issue 266). Messages are counted anew there, so that the old ids name others from now on.
    """
    named = {"of_workspace": ref.workspace_id, "of_account": ref.account_id}
    both = {**named, "from_chat": chat_id, "to_chat": to_chat}
    for address_id, conversation_id in connection.execute(_EMPTY, both).all():
        _set_aside(connection, ref, address_id, conversation_id)
    for address_id in connection.scalars(_MOVE, both).all():
        connection.execute(_FORGET, {"of_workspace": ref.workspace_id, "moved": address_id})


def _set_aside(connection: sa.Connection, ref: AccountRef, address_id: AddressId, conversation_id: ConversationId | None) -> None:
    if conversation_id is not None:
        withdrawal.abandon(connection, Lane(ref.workspace_id, AccountId(ref.account_id), address_id, conversation_id))
    named = {"of_workspace": ref.workspace_id, "of_account": ref.account_id}
    connection.execute(_SET_ASIDE, {**named, "empty": address_id, "nowhere": f"before {address_id}"})
