"""The same as `raw`, through psycopg: what one run of the product sent to PostgreSQL, sent again by the bare driver."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import psycopg
import sqlalchemy as sa

from tests.bench.raw import Driver, Replay, Statement, Transaction, summed


@contextmanager
def noted() -> Iterator[list[Transaction]]:
    """Every asynchronous connection notes what it runs; a transaction is told when it ends, either way."""
    log: list[Transaction] = []
    begun: dict[int, list[Statement]] = {}
    execute, commit, rollback = psycopg.AsyncCursor.execute, psycopg.AsyncConnection.commit, psycopg.AsyncConnection.rollback

    async def noting(self: Any, query: Any, params: Any = None, **options: Any) -> Any:
        if self.connection.autocommit:
            log.append(Transaction([(query, params)], writes=False, alone=True))
        else:
            begun.setdefault(id(self.connection), []).append((query, params))
        return await execute(self, query, params, **options)

    def over(self: Any) -> None:
        if statements := begun.pop(id(self), None):
            log.append(Transaction(statements, writes=not self.read_only))

    async def committing(self: Any) -> None:
        await commit(self)
        over(self)

    async def rolling_back(self: Any) -> None:
        over(self)
        await rollback(self)

    with (
        patch.object(psycopg.AsyncCursor, "execute", noting),
        patch.object(psycopg.AsyncConnection, "commit", committing),
        patch.object(psycopg.AsyncConnection, "rollback", rolling_back),
    ):
        yield log


def replay(url: str, transactions: Sequence[Transaction]) -> Replay:
    """All of it on one connection for each kind, one after another."""
    arguments: dict[str, Any] = sa.make_url(url).translate_connect_args(username="user", database="dbname")
    arguments |= sa.make_url(url).query
    with (
        psycopg.connect(**arguments, options="-c timezone=UTC") as writer,
        psycopg.connect(**arguments, options="-c timezone=UTC") as reader,
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
