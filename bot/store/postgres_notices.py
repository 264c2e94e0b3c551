"""Carries wake-ups between processes over LISTEN and NOTIFY. A lost one costs a poll, never a message."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import psycopg
import sqlalchemy as sa
import structlog
from sqlalchemy.dialects.postgresql import psycopg as dialect

from bot.store.bulletin import Bulletin, Topic
from bot.store.ids import ProcessId
from bot.store.postgres_session import session_arguments

CHANNEL = "frontdesk"
WAITING = 10_000
AGAIN_S = 1.0
Connection = psycopg.AsyncConnection[tuple[object, ...]]
log = structlog.get_logger()


class PostgresNotices:
    """One connection that listens, one that tells. Both come back by themselves when the database was away."""

    def __init__(self, url: sa.URL, bulletin: Bulletin, process_id: ProcessId) -> None:
        self._bulletin = bulletin
        self._process_id = process_id
        self._waiting: set[tuple[Topic, str]] = set()
        self._more = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        _, named = dialect.dialect().create_connect_args(url)  # type: ignore[no-untyped-call]
        self._connect_args = {**named, **session_arguments(url)}

    def start(self) -> None:
        self._bulletin.carry = self._carry
        self._tasks = [asyncio.create_task(self._keep(self._listen)), asyncio.create_task(self._keep(self._tell))]

    async def close(self) -> None:
        self._bulletin.carry = None
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def _carry(self, topic: Topic, key: str) -> None:
        if len(self._waiting) < WAITING:  # beyond that the others poll
            self._waiting.add((topic, key))
            self._more.set()

    async def _keep(self, work: Callable[[Connection], Awaitable[None]]) -> None:
        while True:
            try:
                async with await self._connect() as connection:
                    await work(connection)
            except (psycopg.Error, OSError) as error:
                log.warning("store.notices_lost", error=type(error).__name__)
                await asyncio.sleep(AGAIN_S)

    async def _connect(self) -> Connection:
        return await psycopg.AsyncConnection.connect(**self._connect_args, autocommit=True)

    async def _listen(self, connection: Connection) -> None:
        await connection.execute(f"LISTEN {CHANNEL}")
        async for notice in connection.notifies():
            sender, topic, key = notice.payload.split(" ", 2)
            if sender != self._process_id:
                self._bulletin.deliver(Topic(topic), key)

    async def _tell(self, connection: Connection) -> None:
        while True:
            await self._more.wait()
            self._more.clear()
            waiting, self._waiting = self._waiting, set()
            payloads = [f"{self._process_id} {topic} {key}" for topic, key in waiting]
            await connection.execute("SELECT pg_notify(%s, payload) FROM unnest(%s::text[]) AS payload", (CHANNEL, payloads))
