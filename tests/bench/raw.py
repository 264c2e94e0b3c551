"""The same statements in the same transactions through sqlite3 itself: noted in one run of the product, then replayed.

Noting sits below SQLAlchemy and below our prepared statements, in the driver's own connection and cursor.
"""

import functools
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple
from unittest.mock import patch

import sqlalchemy as sa

from bot.store.sqlite_connection import prepare_reader, prepare_writer

Statement = tuple[str, Any]


@dataclass(frozen=True, slots=True)
class Transaction:
    """Its statements in order. `writes`: it had to be durable; `alone`: a statement outside of any transaction."""

    statements: Sequence[Statement]
    writes: bool
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Replay:
    """CPU seconds of this process for all of it."""

    cpu_s: float
    statements: int
    commits: int


class Driver(NamedTuple):
    """A database driver: what of the product it is seen to run inside a block, and how to run that again without the product."""

    noted: Callable[[], AbstractContextManager[list[Transaction]]]
    replay: Callable[[str, Sequence[Transaction]], Replay]


def summed(transactions: Sequence[Transaction], cpu_s: float) -> Replay:
    """`commits` are those that had to be durable."""
    return Replay(cpu_s, sum(len(one.statements) for one in transactions), sum(one.writes for one in transactions))


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
        self.statements: list[Statement] = []

    def cursor(self, factory: Any = _Cursor) -> Any:
        return super().cursor(factory)

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        cursor: sqlite3.Cursor = self.cursor().execute(sql, parameters)
        return cursor

    def commit(self) -> None:
        super().commit()
        if self.statements:
            self.log.append(Transaction(self.statements, writes=self.statements[0][0] == "BEGIN IMMEDIATE"))
        self.statements = []

    def rollback(self) -> None:
        super().rollback()
        self.statements = []


@contextmanager
def noted() -> Iterator[list[Transaction]]:
    """Connections opened inside the block note what they run."""
    _Connection.log = []
    with patch.object(sqlite3.dbapi2, "connect", functools.partial(sqlite3.dbapi2.connect, factory=_Connection)):
        yield _Connection.log


def replay(url: str, transactions: Sequence[Transaction]) -> Replay:
    """All of it with the product's connection settings: the same durability, the same number of commits."""
    database = sa.make_url(url).database or ""
    with closing(sqlite3.connect(database)) as writer, closing(sqlite3.connect(database)) as reader:
        prepare_writer(writer, None)
        prepare_reader(reader, None)
        cursors = {True: writer.cursor(), False: reader.cursor()}
        before = time.process_time()
        for transaction in transactions:
            cursor = cursors[transaction.writes]
            for sql, parameters in transaction.statements:
                cursor.execute(sql, parameters)
                cursor.fetchall()
            cursor.connection.commit()
        spent = time.process_time() - before
    return summed(transactions, spent)


DRIVER = Driver(noted, replay)
