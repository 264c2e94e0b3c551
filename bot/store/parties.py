"""Finds, in one statement, who wrote and where; makes them on first sight."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from bot.events import Author, ChannelAddress
from bot.store.ids import AccountId, AddressId, ConversationId, CustomerId, IdentityId, WorkspaceId, new_id
from bot.store.prepared import Prepared
from bot.store.tables import account, address, conversation, customer, identity, inbox
from bot.store.times import from_now


@dataclass(frozen=True, slots=True)
class AccountRef:
    """An account as the process knows it. `route` is its id where only its holder may answer, "" where anyone may."""

    workspace_id: WorkspaceId
    account_id: AccountId
    channel: str
    name: str
    route: str


@dataclass(frozen=True, slots=True)
class Known:
    """What the store knows of a sender and a place before this update; None for what it has not seen yet."""

    address_id: AddressId | None
    kind: str | None
    identity_id: IdentityId | None
    customer_id: CustomerId | None
    conversation_id: ConversationId | None
    digest: bytes | None
    seen_conversation_id: ConversationId | None
    seen_seq: int | None
    seen_outcome: str | None
    seen_reason: str | None


# a subquery: joined, it may be read by its workspace alone where the planner has no statistics yet
_CURRENT = (
    sa.select(conversation.c.conversation_id)
    .where(
        conversation.c.workspace_id == account.c.workspace_id,
        conversation.c.address_id == address.c.address_id,
        conversation.c.closed_at.is_(None),
    )
    .scalar_subquery()
)
_LOOK_UP = Prepared(
    sa.select(
        address.c.address_id,
        address.c.kind,
        identity.c.identity_id,
        identity.c.customer_id,
        _CURRENT,
        inbox.c.digest,
        inbox.c.conversation_id.label("seen_conversation_id"),
        inbox.c.seq.label("seen_seq"),
        inbox.c.outcome.label("seen_outcome"),
        inbox.c.reason.label("seen_reason"),
    )
    .select_from(account)
    .outerjoin(
        address,
        sa.and_(
            address.c.workspace_id == account.c.workspace_id,
            address.c.account_id == account.c.account_id,
            address.c.chat_id == sa.bindparam("chat_id"),
            address.c.thread_id == sa.bindparam("thread_id"),
        ),
    )
    .outerjoin(
        identity,
        sa.and_(
            identity.c.workspace_id == account.c.workspace_id,
            identity.c.account_id == account.c.account_id,
            identity.c.user_id == sa.bindparam("user_id"),
        ),
    )
    .outerjoin(
        inbox,
        sa.and_(
            inbox.c.workspace_id == account.c.workspace_id,
            inbox.c.account_id == account.c.account_id,
            inbox.c.key == sa.bindparam("key"),
        ),
    )
    .where(account.c.workspace_id == sa.bindparam("workspace_id"), account.c.account_id == sa.bindparam("account_id"))
)


def look_up(connection: sa.Connection, ref: AccountRef, where: ChannelAddress, user_id: str, key: str) -> Known:
    """Everything known of an update's place, sender and key."""
    row = _LOOK_UP.row(
        connection,
        {
            "workspace_id": ref.workspace_id,
            "account_id": ref.account_id,
            "chat_id": where.chat_id,
            "thread_id": where.thread_id,
            "user_id": user_id,
            "key": key,
        },
    )
    assert row is not None, "a process only handles accounts that it made sure of"
    return Known(*row)


def make_address(connection: sa.Connection, ref: AccountRef, where: ChannelAddress) -> AddressId:
    """A customer's address seen for the first time."""
    address_id = AddressId(new_id())
    values = {
        "workspace_id": ref.workspace_id,
        "address_id": address_id,
        "account_id": ref.account_id,
        "chat_id": where.chat_id,
        "thread_id": where.thread_id,
        "kind": "customer",
        "created_at": from_now(0),
    }
    connection.execute(sa.insert(address).values(values))
    return address_id


def make_identity(connection: sa.Connection, ref: AccountRef, author: Author) -> tuple[IdentityId, CustomerId]:
    """A person seen for the first time on this account: an identity, and a customer of their own."""
    identity_id, customer_id = IdentityId(new_id()), CustomerId(new_id())
    common = {"workspace_id": ref.workspace_id, "customer_id": customer_id, "name": author.name, "created_at": from_now(0)}
    connection.execute(sa.insert(customer).values({**common, "language": author.language}))
    connection.execute(
        sa.insert(identity).values(
            {**common, "identity_id": identity_id, "account_id": ref.account_id, "user_id": author.user_id}
        )
    )
    return identity_id, customer_id


def ensure_account(connection: sa.Connection, workspace_id: WorkspaceId, channel: str, name: str, *, push: bool) -> AccountRef:
    """The account of a name in the settings, made on first sight."""
    values: dict[str, Any] = {
        "workspace_id": workspace_id,
        "account_id": AccountId(new_id()),
        "channel": channel,
        "name": name,
        "created_at": from_now(0),
    }
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    connection.execute(insert(account).values(values).on_conflict_do_nothing())
    account_id = connection.scalars(
        sa.select(account.c.account_id).where(
            account.c.workspace_id == workspace_id, account.c.channel == channel, account.c.name == name
        )
    ).one()
    return AccountRef(workspace_id, AccountId(account_id), channel, name, account_id if push else "")


def find_address(connection: sa.Connection, ref: AccountRef, where: ChannelAddress) -> AddressId | None:
    """The id of an address, if anything happened there yet."""
    row = _FIND_ADDRESS.row(
        connection,
        {
            "workspace_id": ref.workspace_id,
            "account_id": ref.account_id,
            "chat_id": where.chat_id,
            "thread_id": where.thread_id,
        },
    )
    return AddressId(row[0]) if row is not None else None


_FIND_ADDRESS = Prepared(
    sa.select(address.c.address_id).where(
        address.c.workspace_id == sa.bindparam("workspace_id"),
        address.c.account_id == sa.bindparam("account_id"),
        address.c.chat_id == sa.bindparam("chat_id"),
        address.c.thread_id == sa.bindparam("thread_id"),
    )
)

_PLACE = sa.select(address.c.account_id, address.c.chat_id, address.c.thread_id).where(
    address.c.workspace_id == sa.bindparam("workspace_id"), address.c.address_id == sa.bindparam("address_id")
)


def place(connection: sa.Connection, workspace_id: WorkspaceId, address_id: AddressId) -> tuple[AccountId, str, str]:
    """(account id, chat id, thread id) of an address."""
    row = connection.execute(_PLACE, {"workspace_id": workspace_id, "address_id": address_id}).one()
    return AccountId(row.account_id), row.chat_id, row.thread_id
