"""Where each millisecond of an exchange goes: CPU clocks of threads, read at the borders of named stages.

A stage is charged what passes inside it and not inside a stage within it. Watching costs something itself; what of it falls
into a stage is measured for one border and taken off.
"""

import functools
import inspect
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar
from unittest.mock import patch

import bot.conversation.intake
import bot.conversation.manager
import bot.generation.client
import bot.store.dialogue
import bot.store.unit_thread
import bot.worker
import tests.bench.load
from bot.conversation.fitting import Fitting
from bot.conversation.intake import StoredIntake
from bot.conversation.manager import Manager
from bot.conversation.record import StoredRecord
from bot.conversation.rollover import Rollover
from bot.delivery.preview import PullPreviews
from bot.generation.client import GenerationClient
from bot.generation.stream import StreamReader
from bot.generation.wire import Wire, WireExchange
from bot.jobs import Jobs
from bot.store.prepared import Prepared
from bot.store.unit_thread import UnitThread
from bot.worker import Worker
from tests.bench.product import Product

T = TypeVar("T")
clock = time.thread_time_ns

ENGINE, STORE = "engine's stream", "database"
BORDERS: tuple[tuple[Any, str, str], ...] = (
    (tests.bench.load, "converse", "the benchmark's own customers"),
    (Product, "hear", "the benchmark's own customers"),
    (StoredIntake, "receive", "intake, in the loop"),
    (Worker, "_claim", "worker: claim and start"),
    (Worker, "_answer", "worker: one answer"),
    (Manager, "_attempt", "manager: decide, trace, store"),
    (Manager, "_generate", f"{ENGINE}: gather text and show it"),
    (PullPreviews, "show", "previews"),
    (PullPreviews, "gone", "previews"),
    (Fitting, "fit", "window"),
    (Jobs, "_claim", "jobs"),
    (Rollover, "run_job", "roll-over in the background"),
    (bot.generation.client, "_body", f"{ENGINE}: encode the request"),
    (bot.generation.client, "_encode", f"{ENGINE}: encode the request"),
    (Wire, "_ask", f"{ENGINE}: send the request"),
    (WireExchange, "_feed", f"{ENGINE}: socket and HTTP"),
    (GenerationClient, "_deltas", f"{ENGINE}: deadlines"),
    (GenerationClient, "post", "token counts of the node"),
    (StreamReader, "feed", f"{ENGINE}: lines and JSON"),
    (StoredRecord, "follow", "followers of the record, in the loop"),
    (UnitThread, "submit", "hand over to the database threads"),
    (bot.store.unit_thread, "_resolve", "hand back to the loop"),
    (UnitThread, "_next_group", f"{STORE}: wait for units and wake up"),
    (UnitThread, "_run_group", f"{STORE}: transactions and savepoints"),
    (bot.conversation.intake, "take", "unit 1, take a message in: Python"),
    (bot.worker, "take_due", "claim unit: Python"),
    (bot.conversation.manager, "store_answer", "unit 2, store an answer: Python"),
    (bot.store.dialogue, "events", "read events: Python"),
    (Prepared, "rows", f"{STORE}: prepared statements, Python"),
    (Prepared, "run", f"{STORE}: prepared statements, Python"),
)


class _Stack(threading.local):
    """The open stages of one thread and when its clock was last read."""

    def __init__(self) -> None:
        self.names = ["(rest)"]
        self.last = clock()


class Stages:
    """Nanoseconds and borders crossed by stage, of all threads."""

    def __init__(self) -> None:
        self._stack = _Stack()
        self.spent: dict[str, int] = {}
        self.crossed: dict[str, int] = {}

    def milliseconds(self) -> dict[str, float]:
        """By stage, without what the watching cost."""
        border = border_ns()
        return {name: max(spent - self.crossed[name] * border, 0) / 1e6 for name, spent in self.spent.items()}

    def clear(self) -> None:
        self.spent.clear()
        self.crossed.clear()

    @contextmanager
    def within(self, name: str) -> Iterator[None]:
        self._enter(name)
        try:
            yield
        finally:
            self._leave()

    def _enter(self, name: str) -> None:
        stack, now = self._stack, clock()
        self._charge(stack.names[-1], now - stack.last)
        stack.names.append(name)
        stack.last = clock()

    def _leave(self) -> None:
        stack, now = self._stack, clock()
        self._charge(stack.names.pop(), now - stack.last)
        stack.last = clock()

    def _charge(self, name: str, spent: int) -> None:
        self.spent[name] = self.spent.get(name, 0) + spent
        self.crossed[name] = self.crossed.get(name, 0) + 1

    def watch(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        """The same function, charged to a stage: at each step of it, where it is a coroutine or an async generator."""
        if inspect.isasyncgenfunction(function):

            async def followed(*given: Any, **options: Any) -> AsyncIterator[Any]:
                source = function(*given, **options)
                try:
                    while True:
                        yield await _Steps(self, name, source.__anext__())
                except StopAsyncIteration:
                    return
                finally:
                    await source.aclose()

            return functools.wraps(function)(followed)
        if inspect.iscoroutinefunction(function):

            async def awaited(*given: Any, **options: Any) -> Any:
                return await _Steps(self, name, function(*given, **options))

            return functools.wraps(function)(awaited)

        def called(*given: Any, **options: Any) -> Any:
            self._enter(name)
            try:
                return function(*given, **options)
            finally:
                self._leave()

        return called


class _Steps(Awaitable[T]):
    """Awaits another awaitable; each of its steps is charged to a stage, the waiting between them to none."""

    def __init__(self, stages: Stages, name: str, inner: Awaitable[T]) -> None:
        self._stages, self._name, self._inner = stages, name, inner

    def __await__(self) -> Generator[Any, Any, T]:
        steps = self._inner.__await__()
        value: Any = None
        error: BaseException | None = None
        while True:
            with self._stages.within(self._name):
                try:
                    waited = steps.throw(error) if error is not None else steps.send(value)
                except StopIteration as end:
                    result: T = end.value
                    return result
            try:
                value, error = (yield waited), None
            except BaseException as thrown:  # a cancellation goes to who awaits  # noqa: BLE001
                error = thrown


def _connection(stages: Stages) -> type[sqlite3.Connection]:
    """A connection whose statements and commits are stages: what SQLite itself and the kernel take."""

    class Cursor(sqlite3.Cursor):
        execute = stages.watch(sqlite3.Cursor.execute, "SQLite itself: statements")
        fetchall = stages.watch(sqlite3.Cursor.fetchall, "SQLite itself: statements")
        fetchone = stages.watch(sqlite3.Cursor.fetchone, "SQLite itself: statements")

    class Connection(sqlite3.Connection):
        commit = stages.watch(sqlite3.Connection.commit, "SQLite itself: commits")
        execute = stages.watch(sqlite3.Connection.execute, "SQLite itself: statements")

        def cursor(self, factory: Any = Cursor) -> Any:
            return super().cursor(factory)

    return Connection


@contextmanager
def watched() -> Iterator[Stages]:
    """Stages of everything that is made and run inside the block."""
    stages = Stages()
    plain, factory = sqlite3.dbapi2.connect, _connection(stages)
    with ExitStack() as stack:
        for owner, attribute, name in BORDERS:
            stack.enter_context(patch.object(owner, attribute, stages.watch(getattr(owner, attribute), name)))
        stack.enter_context(patch.object(sqlite3.dbapi2, "connect", lambda *a, **o: plain(*a, **{**o, "factory": factory})))
        yield stages


def border_ns() -> float:
    """What one border adds to the time charged to stages."""
    stages, rounds = Stages(), 20_000
    plain_call: Callable[[], object] = object
    watched_call = stages.watch(plain_call, "inner")
    before = clock()
    for _ in range(rounds):
        plain_call()
    plain = clock() - before
    with stages.within("around"):
        for _ in range(rounds):
            watched_call()
    return (sum(stages.spent.values()) - plain) / sum(stages.crossed.values())
