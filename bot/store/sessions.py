"""Web visitors' sessions: the token itself is never stored, only its SHA-256."""

import sqlalchemy as sa

from bot.store.ids import AddressId, SessionId, new_id
from bot.store.parties import AccountRef
from bot.store.prepared import Prepared
from bot.store.tables import address, session
from bot.store.times import from_now

_CHAT = (
    sa.select(address.c.chat_id)
    .where(address.c.workspace_id == session.c.workspace_id, address.c.address_id == session.c.address_id)
    .scalar_subquery()
)
_FIND = Prepared(
    sa.select(session.c.session_id, _CHAT, session.c.user_id).where(
        session.c.workspace_id == sa.bindparam("workspace_id"),
        session.c.token_hash == sa.bindparam("token_hash"),
        session.c.account_id == sa.bindparam("account_id"),
        session.c.revoked_at.is_(None),
        session.c.expires_at > from_now(0),
    )
)


def open_session(
    connection: sa.Connection, ref: AccountRef, address_id: AddressId, user_id: str, token_hash: str, *, lifetime_s: float
) -> SessionId:
    """Store a session that lasts `lifetime_s` seconds."""
    session_id = SessionId(new_id())
    connection.execute(
        sa.insert(session).values(
            workspace_id=ref.workspace_id,
            session_id=session_id,
            account_id=ref.account_id,
            address_id=address_id,
            user_id=user_id,
            token_hash=token_hash,
            created_at=from_now(0),
            expires_at=from_now(lifetime_s),
        )
    )
    return session_id


def find(connection: sa.Connection, ref: AccountRef, token_hash: str) -> tuple[SessionId, str, str] | None:
    """(session id, chat id, user id) of a live session."""
    row = _FIND.row(connection, {"workspace_id": ref.workspace_id, "account_id": ref.account_id, "token_hash": token_hash})
    return (SessionId(row[0]), row[1], row[2]) if row is not None else None


def revoke(connection: sa.Connection, ref: AccountRef, token_hash: str) -> None:
    """End a session now."""
    connection.execute(
        sa.update(session)
        .where(
            session.c.workspace_id == ref.workspace_id,
            session.c.account_id == ref.account_id,
            session.c.token_hash == token_hash,
        )
        .values(revoked_at=from_now(0))
    )


def drop_expired(connection: sa.Connection, limit: int) -> int:
    """Forget up to `limit` sessions that ended by themselves, over all workspaces; how many went."""
    old = sa.select(session.c.workspace_id, session.c.session_id).where(session.c.expires_at < from_now(0)).limit(limit)
    return connection.execute(sa.delete(session).where(sa.tuple_(session.c.workspace_id, session.c.session_id).in_(old))).rowcount
