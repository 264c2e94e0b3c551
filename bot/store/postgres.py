"""PostgreSQL: the same units in the same groups through psycopg, many processes, wake-ups by NOTIFY."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any, ParamSpec, Self, TypeVar

import sqlalchemy as sa

from bot.store.bulletin import Bulletin
from bot.store.ids import ProcessId, new_id
from bot.store.postgres_notices import PostgresNotices
from bot.store.postgres_session import hang_up, session_arguments
from bot.store.store import Unit
from bot.store.unit_thread import UnitThread

P = ParamSpec("P")
T = TypeVar("T")
READERS = 2
CLOSE_S = 5.0
# a group that runs longer than this talks to nobody: a server that vanished, or was suspended
SILENT_S = 15.0


class PostgresStore:
    """A Store over one PostgreSQL database. A unit that lost a race is run again, up to five times."""

    def __init__(self, url: sa.URL) -> None:
        self.process_id = ProcessId(new_id())
        self.bulletin = Bulletin()
        self._engine = sa.create_engine(
            url, connect_args=session_arguments(url), pool_size=1 + READERS, max_overflow=0, hide_parameters=True
        )
        reading: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        loop = asyncio.get_running_loop()
        self._writer = UnitThread(self._engine, loop, name="postgres-writer")
        readers = self._engine.execution_options(**reading)
        self._reading = [UnitThread(readers, loop, name="postgres-reader") for _ in range(READERS)]
        self._notices = PostgresNotices(url, self.bulletin, self.process_id)
        self._watching = loop.create_task(self._watch())

    @classmethod
    async def open(cls, url: sa.URL) -> Self:
        """Connect and start to listen. The schema must be there (see `revision`). Raises StoreUnavailable."""
        async with AsyncExitStack() as undo:
            store = cls(url)
            undo.push_async_callback(store.close)
            await store.read(lambda connection: connection.execute(sa.select(1)))
            store._notices.start()
            undo.pop_all()
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
        self._watching.cancel()
        threads = (self._writer, *self._reading)
        await asyncio.gather(*(asyncio.to_thread(thread.close, CLOSE_S) for thread in threads))
        self._engine.dispose()

    async def _watch(self) -> None:
        """Hang up where nothing comes any more: the thread's units are told that the database is away, and it connects anew."""
        while True:
            await asyncio.sleep(SILENT_S / 10)
            for thread in (self._writer, *self._reading):
                busy_s, connection = thread.busy
                if busy_s > SILENT_S and connection is not None:
                    hang_up(connection)
