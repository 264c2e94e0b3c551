"""The stores one suite runs over: in memory, a SQLite file, PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.store.memory import MemoryStore
from bot.store.postgres import PostgresStore
from bot.store.sqlite import SqliteStore
from bot.store.store import Store
from bot.store.tables import metadata

KINDS = ("memory", "sqlite", "postgres")


@asynccontextmanager
async def open_store(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """An empty store of a kind, its tables made."""
    store: Store
    if kind == "memory":
        store = MemoryStore()
    elif kind == "sqlite":
        path: Path = request.getfixturevalue("tmp_path") / "frontdesk.db"
        make_tables(sa.create_engine(f"sqlite:///{path}"))
        store = await SqliteStore.open(path)
    else:
        url: str = request.getfixturevalue("postgres_url")
        make_tables(sa.create_engine(url))
        store = await PostgresStore.open(sa.make_url(url))
    try:
        yield store
    finally:
        await store.close()


def make_tables(engine: sa.Engine) -> None:
    metadata.create_all(engine)
    engine.dispose()
