"""How far each place of an account was read: kept in the unit that stores what was read."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from bot.store.parties import AccountRef
from bot.store.tables import reading
from bot.store.times import from_now

MOST = 10_000
_POSITIONS = (
    sa.select(reading.c.place, reading.c.position)
    .where(reading.c.workspace_id == sa.bindparam("of_workspace"), reading.c.account_id == sa.bindparam("of_account"))
    .order_by(reading.c.read_at.desc())
    .limit(MOST)
)


def keep(connection: sa.Connection, ref: AccountRef, place: str, position: str) -> None:
    """The place was read through `position`."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    named = {"workspace_id": ref.workspace_id, "account_id": ref.account_id, "place": place}
    read = {"position": position, "read_at": from_now(0)}
    connection.execute(insert(reading).values(**named, **read).on_conflict_do_update(index_elements=list(named), set_=read))


def positions(connection: sa.Connection, ref: AccountRef) -> dict[str, str]:
    """{place: position}, of the 10,000 places read last."""
    named = {"of_workspace": ref.workspace_id, "of_account": ref.account_id}
    return {row.place: row.position for row in connection.execute(_POSITIONS, named)}
