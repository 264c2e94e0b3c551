"""How far each place of an account was read: kept in the unit that stores what was read."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from bot.store.parties import AccountRef
from bot.store.prepared import Prepared
from bot.store.tables import reading
from bot.store.times import from_now

MOST = 10_000
_POSITIONS = (
    sa.select(reading.c.place, reading.c.position)
    .where(reading.c.workspace_id == sa.bindparam("of_workspace"), reading.c.account_id == sa.bindparam("of_account"))
    .order_by(reading.c.read_at.desc())
    .limit(MOST)
)


def _keeping(insert: Callable[[sa.Table], Any]) -> Prepared:
    place = insert(reading).values(read_at=from_now(0))
    read = {name: place.excluded[name] for name in ("position", "read_at")}
    kept = place.on_conflict_do_update(index_elements=["workspace_id", "account_id", "place"], set_=read)
    return Prepared(kept, takes=("workspace_id", "account_id", "place", "position"))


_KEEP = {"postgresql": _keeping(postgresql.insert), "sqlite": _keeping(sqlite.insert)}


def keep(connection: sa.Connection, ref: AccountRef, place: str, position: str) -> None:
    """The place was read through `position`."""
    named = {"workspace_id": ref.workspace_id, "account_id": ref.account_id, "place": place, "position": position}
    _KEEP[connection.dialect.name].run(connection, named)


def positions(connection: sa.Connection, ref: AccountRef) -> dict[str, str]:
    """{place: position}, of the 10,000 places read last."""
    named = {"of_workspace": ref.workspace_id, "of_account": ref.account_id}
    return {row.place: row.position for row in connection.execute(_POSITIONS, named)}
