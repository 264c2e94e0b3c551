"""The same statements in the same transactions through the bare driver: recorded from a run, replayed from its beginning.

Recording sits below SQLAlchemy and below our prepared statements, in the driver's own connection and cursor.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bot.store.sqlite_connection import prepare_writer

Transaction = list[tuple[str, Any]]


class _Cursor(sqlite3.Cursor):
    def execute(self, sql: str, parameters: Any = (), /) -> "_Cursor":
        assert isinstance(self.connection, _Connection)
        if not sql.startswith("PRAGMA"):
            self.connection.statements.append((sql, tuple(parameters)))
        super().execute(sql, parameters)
        return self


class _Connection(sqlite3.Connection):
    """Its transactions go to `log` when they are committed, so threads beside each other are told apart."""

    log: list[Transaction]

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.statements: Transaction = []

    def cursor(self, factory: Any = _Cursor) -> Any:
        return super().cursor(factory)

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        cursor: sqlite3.Cursor = self.cursor().execute(sql, parameters)
        return cursor

    def commit(self) -> None:
        super().commit()
        if self.statements:
            self.log.append(self.statements)
        self.statements = []


@contextmanager
def recorded() -> Iterator[list[Transaction]]:
    """Connections opened inside the block note what they run."""
    plain = sqlite3.dbapi2.connect
    _Connection.log = []

    def connect(*given: Any, **options: Any) -> sqlite3.Connection:
        return plain(*given, **{**options, "factory": _Connection})

    sqlite3.dbapi2.connect = connect
    try:
        yield _Connection.log
    finally:
        sqlite3.dbapi2.connect = plain


def replay(database: Path, transactions: list[Transaction]) -> float:
    """CPU seconds for all of it, on one connection with the writer's settings: same durability, same number of commits."""
    connection = sqlite3.connect(database)
    prepare_writer(connection, None)
    cursor = connection.cursor()
    cpu = time.process_time()
    for transaction in transactions:
        for sql, parameters in transaction:
            cursor.execute(sql, parameters)
            cursor.fetchall()
        connection.commit()
    spent = time.process_time() - cpu
    connection.close()
    return spent
