"""The same as `raw`, through psycopg: what one run of the product sent to PostgreSQL, sent again by the bare driver."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import psycopg
import sqlalchemy as sa

from bot.store.postgres_session import session_arguments
from tests.bench.raw import Driver, Replay, Statement, Transaction, summed


@contextmanager
def noted() -> Iterator[list[Transaction]]:
    """Every connection notes what it runs: transactions of units when they are committed, wake-ups by themselves."""
    log: list[Transaction] = []
    begun: dict[int, list[Statement]] = {}
    execute, tell = psycopg.Cursor.execute, psycopg.AsyncCursor.execute
    commit, rollback = psycopg.Connection.commit, psycopg.Connection.rollback

    def noting(self: Any, query: Any, params: Any = None, **options: Any) -> Any:
        begun.setdefault(id(self.connection), []).append((query, params))
        return execute(self, query, params, **options)

    async def telling(self: Any, query: Any, params: Any = None, **options: Any) -> Any:
        log.append(Transaction([(query, params)], writes=False, alone=True))
        return await tell(self, query, params, **options)

    def committing(self: Any) -> None:
        commit(self)
        if statements := begun.pop(id(self), None):
            log.append(Transaction(statements, writes=not self.read_only))

    def rolling_back(self: Any) -> None:
        begun.pop(id(self), None)
        rollback(self)

    with (
        patch.object(psycopg.Cursor, "execute", noting),
        patch.object(psycopg.AsyncCursor, "execute", telling),
        patch.object(psycopg.Connection, "commit", committing),
        patch.object(psycopg.Connection, "rollback", rolling_back),
    ):
        yield log


def replay(url: str, transactions: Sequence[Transaction]) -> Replay:
    """All of it on one connection for each kind, one after another."""
    parsed = sa.make_url(url)
    arguments: dict[str, Any] = parsed.translate_connect_args(username="user", database="dbname")
    arguments |= {**parsed.query, **session_arguments(parsed)}
    with (
        psycopg.connect(**arguments) as writer,
        psycopg.connect(**arguments) as reader,
        psycopg.connect(**arguments, autocommit=True) as alone,
    ):
        reader.read_only, reader.isolation_level = True, psycopg.IsolationLevel.REPEATABLE_READ
        before = time.process_time()
        for transaction in transactions:
            connection = alone if transaction.alone else writer if transaction.writes else reader
            for query, parameters in transaction.statements:
                cursor = connection.execute(query, parameters)
                if cursor.description is not None:
                    cursor.fetchall()
            if transaction.writes:
                connection.commit()
            else:
                connection.rollback()
        spent = time.process_time() - before
    return summed(transactions, spent)


DRIVER = Driver(noted, replay)
