"""PostgreSQL: the same units through psycopg, many processes, wake-ups by NOTIFY."""

from typing import ParamSpec, Self, TypeVar

import psycopg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from bot.errors import StoreUnavailable
from bot.store.bulletin import Bulletin
from bot.store.failures import LostRace, unavailable
from bot.store.ids import ProcessId, new_id
from bot.store.postgres_notices import PostgresNotices
from bot.store.store import Unit

P = ParamSpec("P")
T = TypeVar("T")
TRIES = 5
# PostgreSQL asks the client to run such a transaction again: serialization_failure, deadlock_detected, unique_violation
LOST_RACES = {"40001", "40P01", "23505"}


class PostgresStore:
    """A Store over one PostgreSQL database. A unit that lost a race is run again, up to five times."""

    def __init__(self, url: sa.URL, *, pool_size: int = 10) -> None:
        self.process_id = ProcessId(new_id())
        self.bulletin = Bulletin()
        self._engine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=10,
            pool_pre_ping=False,
            connect_args={"connect_timeout": 5, "options": "-c timezone=UTC -c statement_timeout=30000"},
        )
        self._reader = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._notices = PostgresNotices(url, self.bulletin, self.process_id)

    @classmethod
    async def open(cls, url: sa.URL, *, pool_size: int = 10) -> Self:
        """Connect and start to listen. The schema must be there (see `revision`). Raises StoreUnavailable."""
        store = cls(url, pool_size=pool_size)
        try:
            await store.read(lambda connection: connection.execute(sa.select(1)))
            store._notices.start()
        except BaseException:
            await store.close()
            raise
        return store

    async def write(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        for attempt in range(1, TRIES + 1):
            try:
                async with self._engine.begin() as connection:
                    return await _run(connection, unit, *args, **kwargs)
            except LostRace:
                if attempt == TRIES:
                    raise
            except (sa.exc.SQLAlchemyError, psycopg.Error, OSError) as error:
                if _state(error) in LOST_RACES and attempt < TRIES:
                    continue
                raise _away(error) or error from error
        raise AssertionError("the loop returns or raises")

    async def read(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            async with self._reader.connect() as connection:
                return await _run(connection, unit, *args, **kwargs)
        except (sa.exc.SQLAlchemyError, psycopg.Error, OSError) as error:
            raise _away(error) or error from error

    async def close(self) -> None:
        await self._notices.close()
        await self._engine.dispose()


async def _run(connection: AsyncConnection, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return await connection.run_sync(unit, *args, **kwargs)
    except psycopg.OperationalError:  # a prepared statement met a dead connection: the pool must not hand it out again
        await connection.invalidate()
        raise


def _state(error: BaseException) -> str | None:
    found: str | None = getattr(getattr(error, "orig", error), "sqlstate", None)
    return found


def _away(error: BaseException) -> StoreUnavailable | None:
    if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError, OSError)):
        return StoreUnavailable(f"the database is not available: {type(error).__name__}")
    return unavailable(error)
