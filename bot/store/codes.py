"""One-time codes: shown once, stored as their hash, gone with their first use."""

import hashlib
import secrets

import sqlalchemy as sa

from bot.roles import WORDS, Role
from bot.store import people
from bot.store.ids import WorkspaceId
from bot.store.tables import one_time_code, workspace
from bot.store.times import from_now

LIFETIME_S = 86_400.0
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: nothing that is read as something else
READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, "_": None, " ": None})
GROUPS, EACH = 4, 4  # 80 bits
_C = one_time_code.c


def make(connection: sa.Connection, workspace_id: WorkspaceId, role: Role, *, first_owner: bool = False) -> str:
    """A code that gives a role to whoever redeems it within a day. `first_owner`: only while nobody is owner, and instead of any
    such code before it.
    """
    void = sa.or_(_C.expires_at <= from_now(0), sa.and_(sa.literal(first_owner), _C.first_owner))
    connection.execute(sa.delete(one_time_code).where(_C.workspace_id == workspace_id, void))
    code = "-".join("".join(secrets.choice(ALPHABET) for _ in range(EACH)) for _ in range(GROUPS))
    connection.execute(
        sa.insert(one_time_code).values(
            workspace_id=workspace_id,
            code_hash=_hash(code),
            role=role.word,
            first_owner=first_owner,
            created_at=from_now(0),
            expires_at=from_now(LIFETIME_S),
        )
    )
    return code


def redeem(connection: sa.Connection, workspace_id: WorkspaceId, code: str) -> Role | None:
    """The role that a code gives, which it does once; None for one that is wrong, used, too old or void."""
    if len(_plain(code)) != GROUPS * EACH:
        return None
    this = _C.workspace_id == workspace_id, _C.code_hash == _hash(code)
    row = connection.execute(
        sa.delete(one_time_code).where(*this, _C.expires_at > from_now(0)).returning(_C.role, _C.first_owner)
    ).one_or_none()
    if row is None or (row.first_owner and _has_owner(connection, workspace_id)):
        return None
    return WORDS[row.role]


def _has_owner(connection: sa.Connection, workspace_id: WorkspaceId) -> bool:
    """Two people with a code each for the first owner come one after the other. The lock leaves alone what refers to the row."""
    this = sa.select(workspace.c.workspace_id).where(workspace.c.workspace_id == workspace_id)
    connection.execute(this.with_for_update(key_share=True))
    return people.has_owner(connection, workspace_id)


def _hash(code: str) -> str:
    """As it was meant: whatever the case, with or without its hyphens."""
    return hashlib.sha256(_plain(code).encode("utf-8", "surrogatepass")).hexdigest()


def _plain(code: str) -> str:
    return code.upper().translate(READ_AS)
