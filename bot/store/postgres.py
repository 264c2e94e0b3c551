"""PostgreSQL: the same units in the same groups through psycopg, many processes, wake-ups by NOTIFY."""

import asyncio
from typing import Any, ParamSpec, Self, TypeVar

import sqlalchemy as sa

from bot.store.bulletin import Bulletin
from bot.store.ids import ProcessId, new_id
from bot.store.postgres_notices import PostgresNotices
from bot.store.store import Unit
from bot.store.unit_thread import UnitThread

P = ParamSpec("P")
T = TypeVar("T")
READERS = 2
CLOSE_S = 5.0
# a row that another process holds for longer than this makes the unit wait its turn again, and two that wait for each other part
LOCK_MS = 250
STATEMENT_MS = 10_000
# statements on the path walk indices whatever the planner's statistics say: fresh tables have none, and a plan is kept once made
WALK = "".join(f" -c {way}=off" for way in ("jit", *(f"enable_{one}" for one in ("seqscan", "sort", "hashjoin", "mergejoin"))))
# libpq's own: a server that vanished is noticed within about ten seconds, also in the middle of an answer
LIFE = {"connect_timeout": 5, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 10_000}


class PostgresStore:
    """A Store over one PostgreSQL database. A unit that lost a race is run again, up to five times."""

    def __init__(self, url: sa.URL) -> None:
        self.process_id = ProcessId(new_id())
        self.bulletin = Bulletin()
        options = f"-c timezone=UTC -c statement_timeout={STATEMENT_MS} -c lock_timeout={LOCK_MS}{WALK}"
        self._engine = sa.create_engine(url, connect_args={**LIFE, "options": options}, pool_size=1 + READERS, max_overflow=0)
        reading: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        loop = asyncio.get_running_loop()
        self._writer = UnitThread(self._engine, loop, name="postgres-writer")
        readers = self._engine.execution_options(**reading)
        self._reading = [UnitThread(readers, loop, name="postgres-reader") for _ in range(READERS)]
        self._notices = PostgresNotices(url, self.bulletin, self.process_id)

    @classmethod
    async def open(cls, url: sa.URL) -> Self:
        """Connect and start to listen. The schema must be there (see `revision`). Raises StoreUnavailable."""
        store = cls(url)
        try:
            await store.read(lambda connection: connection.execute(sa.select(1)))
            store._notices.start()
        except BaseException:
            await store.close()
            raise
        return store

    async def write(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        result: T = await self._writer.submit(lambda connection: unit(connection, *args, **kwargs))
        return result

    async def read(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        reader = min(self._reading, key=lambda thread: thread.waiting)
        result: T = await reader.submit(lambda connection: unit(connection, *args, **kwargs))
        return result

    async def close(self) -> None:
        await self._notices.close()
        for thread in (self._writer, *self._reading):
            await asyncio.to_thread(thread.close, CLOSE_S)
        self._engine.dispose()
