"""A thread that runs queued units on a connection of its own, in groups, one transaction for each group.

As a writer it makes a whole group durable with one commit; as a reader it shows each group one snapshot. A group in which a unit
fails is rolled back and run once more with a savepoint around each unit, so that only the failing one is without effect.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

import sqlalchemy as sa

from bot.errors import StoreUnavailable
from bot.store.failures import lost_race, overtaken, unavailable

GROUP = 64
QUEUE = 10_000
TRIES = 5
Work = Callable[[sa.Connection], Any]


@dataclass(slots=True)
class Queued:
    """A unit waiting for its thread, then its result or error. `tries` counts the races it lost."""

    work: Work
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None
    tries: int = 0


class UnitThread:
    """Runs units one after another, up to 64 in one transaction. The engine's "begin" event says how a transaction begins."""

    def __init__(self, engine: sa.Engine, loop: asyncio.AbstractEventLoop, *, name: str) -> None:
        self._engine = engine
        self._loop = loop
        self._queue: SimpleQueue[Queued | None] = SimpleQueue()
        self._closing = False
        self._running = 0
        self._began = 0.0
        self._connection: sa.Connection | None = None
        self._thread = threading.Thread(target=self._run, name=f"frontdesk-{name}", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Units queued or running."""
        return self._queue.qsize() + self._running

    @property
    def busy(self) -> tuple[float, sa.Connection | None]:
        """For how many seconds the present group has been running, and on which connection; 0 between groups."""
        return (time.monotonic() - self._began if self._running else 0.0), self._connection

    def submit(self, work: Work) -> asyncio.Future[Any]:
        """Queue one unit. Raises StoreUnavailable when 10,000 wait already or the store is closed."""
        if self._closing or self._queue.qsize() >= QUEUE:
            raise StoreUnavailable("the database is closed" if self._closing else "the database is overloaded")
        queued = Queued(work, self._loop.create_future())
        self._queue.put(queued)
        return queued.future

    def close(self, within_s: float | None = None) -> None:
        """Run what is queued, then end the thread. Blocks until it has, or that long."""
        self._closing = True
        self._queue.put(None)
        self._thread.join(within_s)

    def _run(self) -> None:
        driver_error = self._engine.dialect.loaded_dbapi.Error
        while group := self._next_group():
            try:
                self._connection = self._connection or self._engine.connect()
                self._run_group(self._connection, group)
            except (sa.exc.SQLAlchemyError, StoreUnavailable, driver_error) as error:
                self._discard()
                _fail(group, unavailable(error) or error)
            self._loop.call_soon_threadsafe(_resolve, self._without_losers(group))
        self._discard()

    def _discard(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()

    def _next_group(self) -> list[Queued]:
        """Wait for a unit and take what else is there; nothing after the last one."""
        self._running = 0
        group: list[Queued] = []
        while len(group) < GROUP and not (group and self._queue.empty()):
            queued = self._queue.get()
            if queued is None:
                self._queue.put(None)  # for the next call, when these have run
                break
            group.append(queued)
        self._began, self._running = time.monotonic(), len(group)
        return group

    def _run_group(self, connection: sa.Connection, group: list[Queued]) -> None:
        connection.begin()
        try:
            for queued in group:
                queued.result = queued.work(connection)
            connection.commit()
        except Exception as error:  # boundary of a unit: its error belongs to its caller, not to the group
            connection.rollback()
            if away := unavailable(error):
                raise away from error
            if len(group) == 1:
                group[0].error = error
            else:
                self._run_apart(connection, group)

    def _run_apart(self, connection: sa.Connection, group: list[Queued]) -> None:
        connection.begin()
        for queued in group:
            savepoint = connection.begin_nested()
            try:
                queued.result = queued.work(connection)
                savepoint.commit()
            except Exception as error:  # noqa: BLE001  boundary of a unit, as above
                savepoint.rollback()
                queued.error = unavailable(error) or error
        connection.commit()

    def _without_losers(self, group: list[Queued]) -> list[Queued]:
        """Units that lost a race with another process go to the end of the queue, up to five times."""
        settled = []
        for queued in group:
            if queued.error is None or not lost_race(queued.error):
                settled.append(queued)
            elif queued.tries < TRIES and not self._closing:
                queued.tries, queued.error = queued.tries + 1, None
                self._queue.put(queued)
            else:
                queued.error = overtaken(queued.error)
                settled.append(queued)
        return settled


def _fail(group: list[Queued], error: BaseException) -> None:
    for queued in group:
        queued.error = error


def _resolve(group: list[Queued]) -> None:
    for queued in group:
        if queued.future.done():  # its caller was cancelled; the unit is committed all the same
            continue
        if queued.error is not None:
            queued.future.set_exception(queued.error)
        else:
            queued.future.set_result(queued.result)
