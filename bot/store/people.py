"""What is known of a person across their identities: the language they chose, and the role they have in a workspace."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from bot.roles import WORDS, Role
from bot.store.ids import CustomerId, WorkspaceId
from bot.store.tables import account, customer, identity, role_grant
from bot.store.times import from_now

_THIS = sa.and_(customer.c.workspace_id == sa.bindparam("of_workspace"), customer.c.customer_id == sa.bindparam("of_customer"))
_LANGUAGES = sa.select(customer.c.chosen_language, customer.c.language).where(_THIS)
_SPEAK = sa.update(customer).where(_THIS).values(chosen_language=sa.bindparam("spoken"))
_ROLE = sa.select(role_grant.c.role).where(
    role_grant.c.workspace_id == sa.bindparam("of_workspace"), role_grant.c.customer_id == sa.bindparam("of_customer")
)
_OWNED = sa.select(sa.exists().where(role_grant.c.workspace_id == sa.bindparam("of_workspace"), role_grant.c.role == "owner"))


class LastOwner(Exception):
    """Nobody would be left who may give roles: name another owner first."""


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody with a role: `identity` as `channel:account:user id`, one of those they have."""

    customer_id: CustomerId
    name: str
    role: Role
    identity: str


def languages(connection: sa.Connection, workspace_id: WorkspaceId, customer_id: CustomerId) -> tuple[str, str]:
    """IETF tags: the language that the person chose, and the one that their platform told at first; "" for none."""
    return tuple(connection.execute(_LANGUAGES, _named(workspace_id, customer_id)).one())


def speak(connection: sa.Connection, workspace_id: WorkspaceId, customer_id: CustomerId, tag: str) -> None:
    """From now on the person is spoken to in that language."""
    connection.execute(_SPEAK, {**_named(workspace_id, customer_id), "spoken": tag})


def role(connection: sa.Connection, workspace_id: WorkspaceId, customer_id: CustomerId) -> Role:
    """What the person may do; a customer's where nothing else was granted."""
    return WORDS[connection.scalar(_ROLE, _named(workspace_id, customer_id)) or "customer"]


def has_owner(connection: sa.Connection, workspace_id: WorkspaceId) -> bool:
    """Whether anybody may give roles."""
    return bool(connection.scalar(_OWNED, {"of_workspace": workspace_id}))


def grant(connection: sa.Connection, workspace_id: WorkspaceId, customer_id: CustomerId, new: Role) -> Role:
    """Give a role, or take it (CUSTOMER); the one before. Raises LastOwner."""
    before = role(connection, workspace_id, customer_id)
    if before is Role.OWNER and new is not Role.OWNER and _owners(connection, workspace_id) < 2:
        raise LastOwner
    row = {"workspace_id": workspace_id, "customer_id": customer_id}
    if new is Role.CUSTOMER:
        connection.execute(sa.delete(role_grant).where(*(role_grant.c[name] == of for name, of in row.items())))
        return before
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    given = {"role": new.word, "granted_at": from_now(0)}
    connection.execute(insert(role_grant).values(**row, **given).on_conflict_do_update(index_elements=list(row), set_=given))
    return before


def _owners(connection: sa.Connection, workspace_id: WorkspaceId) -> int:
    """Locked on PostgreSQL: two owners who leave at once must not both be told that the other stays."""
    owners = sa.select(role_grant.c.customer_id).where(role_grant.c.workspace_id == workspace_id, role_grant.c.role == "owner")
    return len(connection.scalars(owners.with_for_update()).all())


def find(connection: sa.Connection, workspace_id: WorkspaceId, channel: str, name: str, user_id: str) -> CustomerId | None:
    """The person behind an identity, when they have written before."""
    found = connection.scalar(
        sa.select(identity.c.customer_id)
        .join(account, sa.and_(account.c.workspace_id == identity.c.workspace_id, account.c.account_id == identity.c.account_id))
        .where(
            account.c.workspace_id == workspace_id,
            account.c.channel == channel,
            account.c.name == name,
            identity.c.user_id == user_id,
        )
    )
    return CustomerId(found) if found is not None else None


def members(connection: sa.Connection, workspace_id: WorkspaceId) -> Sequence[Member]:
    """Everybody with a role, the highest first."""
    mine = sa.and_(identity.c.workspace_id == role_grant.c.workspace_id, identity.c.customer_id == role_grant.c.customer_id)
    known_by = sa.and_(account.c.workspace_id == identity.c.workspace_id, account.c.account_id == identity.c.account_id)
    rows = connection.execute(
        sa.select(
            role_grant.c.customer_id, role_grant.c.role, identity.c.name, account.c.channel, account.c.name, identity.c.user_id
        )
        .select_from(role_grant)
        .join(identity, mine)
        .join(account, known_by)
        .where(role_grant.c.workspace_id == workspace_id)
        .order_by(identity.c.created_at.desc())
    )
    found = {row[0]: Member(CustomerId(row[0]), row[2], WORDS[row[1]], ":".join(row[3:])) for row in rows}
    return sorted(found.values(), key=lambda member: (-member.role, member.name))


def _named(workspace_id: WorkspaceId, customer_id: CustomerId) -> dict[str, str]:
    return {"of_workspace": workspace_id, "of_customer": customer_id}
