"""The in-memory double: the same units on a SQLite that lives in this process, without files, threads or locks."""

import sqlite3
from typing import ParamSpec, TypeVar

import sqlalchemy as sa

from bot.store.bulletin import Bulletin
from bot.store.failures import unavailable
from bot.store.ids import ProcessId, new_id
from bot.store.sqlite_connection import prepare_connection
from bot.store.store import Unit
from bot.store.tables import metadata

P = ParamSpec("P")
T = TypeVar("T")


class MemoryStore:
    """A Store for unit tests and trials. Everything is gone with the object."""

    def __init__(self) -> None:
        self.process_id = ProcessId(new_id())
        self.bulletin = Bulletin()
        self._engine = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool, hide_parameters=True)
        sa.event.listen(self._engine, "connect", prepare_connection)
        self._connection = self._engine.connect()
        metadata.create_all(self._connection)
        self._connection.commit()

    async def write(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        self._connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            result = unit(self._connection, *args, **kwargs)
            self._connection.commit()
        except (sa.exc.SQLAlchemyError, sqlite3.Error) as error:
            raise unavailable(error) or error from error
        finally:
            self._connection.rollback()  # what was committed stays
        return result

    async def read(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        self._connection.exec_driver_sql("PRAGMA query_only = ON")
        try:
            return unit(self._connection, *args, **kwargs)
        except (sa.exc.SQLAlchemyError, sqlite3.Error) as error:
            raise unavailable(error) or error from error
        finally:
            self._connection.rollback()
            self._connection.exec_driver_sql("PRAGMA query_only = OFF")
            self._connection.rollback()

    async def close(self) -> None:
        self._connection.close()
        self._engine.dispose()
