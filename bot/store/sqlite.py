"""The embedded database: one SQLite file, one writer thread with group commit, a small pool of readers, one process."""

import asyncio
import os
from contextlib import AsyncExitStack
from pathlib import Path
from typing import ParamSpec, Self, TypeVar
from urllib.parse import quote

import sqlalchemy as sa

from bot.store.bulletin import Bulletin
from bot.store.ids import ProcessId, new_id
from bot.store.leases import void_leases
from bot.store.sqlite_connection import begin_to_read, begin_to_write, hold_file, prepare_reader, prepare_writer
from bot.store.store import Unit
from bot.store.unit_thread import UnitThread

P = ParamSpec("P")
T = TypeVar("T")
READERS = 2


class SqliteStore:
    """A Store over one file. `synchronous=FULL` in WAL mode: what `write` returned survives a power cut."""

    def __init__(self, path: Path) -> None:
        self.process_id = ProcessId(new_id())
        self.bulletin = Bulletin()
        self._lock: int | None = hold_file(path)
        self._engine = sa.create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False}, hide_parameters=True)
        self._readers = sa.create_engine(
            f"sqlite:///file:{quote(str(path))}?mode=ro&uri=true",
            connect_args={"check_same_thread": False},
            hide_parameters=True,
        )
        sa.event.listen(self._engine, "connect", prepare_writer)
        sa.event.listen(self._engine, "begin", begin_to_write)
        sa.event.listen(self._readers, "connect", prepare_reader)
        sa.event.listen(self._readers, "begin", begin_to_read)
        loop = asyncio.get_running_loop()
        self._writer = UnitThread(self._engine, loop, name="sqlite-writer")
        self._reading = [UnitThread(self._readers, loop, name="sqlite-reader") for _ in range(READERS)]

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Hold the file and end the leases an earlier process left. The schema must be there (see `revision`).

        Raises AlreadyRunning, StoreUnavailable.
        """
        async with AsyncExitStack() as undo:
            store = cls(path)
            undo.push_async_callback(store.close)
            await store.write(void_leases)
            undo.pop_all()
        return store

    async def write(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        result: T = await self._writer.submit(lambda connection: unit(connection, *args, **kwargs))
        return result

    async def read(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        # threads share one interpreter: a second reader helps only while the first is busy
        reader = min(self._reading, key=lambda thread: thread.waiting)
        result: T = await reader.submit(lambda connection: unit(connection, *args, **kwargs))
        return result

    async def close(self) -> None:
        # the last connection to close clears the write-ahead log away, if it may write
        for thread in (*self._reading, self._writer):
            await asyncio.to_thread(thread.close)
        self._readers.dispose()
        self._engine.dispose()
        held, self._lock = self._lock, None
        if held is not None:
            os.close(held)
