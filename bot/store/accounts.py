"""Who holds an account: one process at a time, by the database's clock. Its holder receives, previews and sends for it."""

import sqlalchemy as sa

from bot.store.ids import ProcessId
from bot.store.parties import AccountRef
from bot.store.tables import account
from bot.store.times import from_now

_C = account.c
_THIS = sa.and_(_C.workspace_id == sa.bindparam("of_workspace"), _C.account_id == sa.bindparam("of_account"))
_MINE = _C.lease_owner == sa.bindparam("process")
_UNTIL = from_now(sa.bindparam("lease_s", type_=sa.Float))
_FREE = sa.or_(_C.lease_owner.is_(None), _C.lease_until <= from_now(0), _MINE)

_HOLD = sa.update(account).where(_THIS, _FREE).values(lease_owner=sa.bindparam("process"), lease_until=_UNTIL)
_RENEW = sa.update(account).where(_THIS, _MINE).values(lease_until=_UNTIL)
_RELEASE = sa.update(account).where(_THIS, _MINE).values(lease_owner=None, lease_until=None)
_HOLDER = sa.select(_C.lease_owner).where(_THIS, _C.lease_until > from_now(0))


def hold(connection: sa.Connection, ref: AccountRef, process: ProcessId, *, lease_s: float) -> bool:
    """Take the account for `lease_s` seconds. False while another process holds it."""
    return connection.execute(_HOLD, {**_named(ref), "process": process, "lease_s": lease_s}).rowcount == 1


def renew(connection: sa.Connection, ref: AccountRef, process: ProcessId, *, lease_s: float) -> bool:
    """Keep it for `lease_s` seconds from now. False when another process took it meanwhile."""
    return connection.execute(_RENEW, {**_named(ref), "process": process, "lease_s": lease_s}).rowcount == 1


def release(connection: sa.Connection, ref: AccountRef, process: ProcessId) -> None:
    """Let go of it, so that another process may take it at once."""
    connection.execute(_RELEASE, {**_named(ref), "process": process})


def holder(connection: sa.Connection, ref: AccountRef) -> ProcessId | None:
    """The process that holds the account now, if any."""
    found: str | None = connection.scalar(_HOLDER, _named(ref))
    return ProcessId(found) if found else None


def _named(ref: AccountRef) -> dict[str, str]:
    return {"of_workspace": ref.workspace_id, "of_account": ref.account_id}
