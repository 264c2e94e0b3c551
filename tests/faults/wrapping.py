"""Wrappers around the product's ports and units that reach the fault points. The product knows nothing of them."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

import sqlalchemy as sa

from bot.events import ChannelAddress
from bot.generation.client import GenerationClient
from bot.generation.request import BACKGROUND, Delta, GenerationRequest, NodeProfile
from bot.ports import ChannelHabits, OutboundMessage, PushChannel
from bot.store.postgres import PostgresStore
from bot.store.sqlite import SqliteStore
from tests.faults.points import Fuse


def unit_name(unit: Callable[..., Any]) -> str:
    """`module.function`, for closures the function they are made in; stable enough to be the name of a point."""
    while isinstance(unit, partial):
        unit = unit.func
    function = getattr(unit, "__func__", unit)
    name = function.__qualname__.replace(".<locals>", "").replace(".<lambda>", "")
    return f"{function.__module__.rpartition('.')[2]}.{name}"


def _inside(unit: Callable[..., Any], name: str, fuse: Fuse) -> Callable[..., Any]:
    def watched(connection: sa.Connection, *args: Any, **kwargs: Any) -> Any:
        result = unit(connection, *args, **kwargs)
        fuse.reach(f"{name}:inside")
        return result

    return watched


class FusedSqlite(SqliteStore):
    """The real store, with a point before, inside and after each writing unit."""

    fuse: Fuse

    async def write(self, unit: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        name = unit_name(unit)
        self.fuse.reach(f"{name}:before")
        result = await super().write(_inside(unit, name, self.fuse), *args, **kwargs)
        self.fuse.reach(f"{name}:after")
        return result


class FusedPostgres(PostgresStore):
    """As FusedSqlite, over PostgreSQL."""

    fuse: Fuse

    async def write(self, unit: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        name = unit_name(unit)
        self.fuse.reach(f"{name}:before")
        result = await super().write(_inside(unit, name, self.fuse), *args, **kwargs)
        self.fuse.reach(f"{name}:after")
        return result


class FusedClient(GenerationClient):
    """The real client, with points before, during and after each answer and each summary."""

    fuse: Fuse

    @asynccontextmanager
    async def stream(self, request: GenerationRequest, profile: NodeProfile) -> AsyncIterator[AsyncGenerator[Delta, None]]:
        name = "rollover" if request.priority == BACKGROUND else "generation"
        self.fuse.reach(f"{name}:before")
        async with super().stream(request, profile) as deltas:
            yield self._watched(deltas, name)

    async def _watched(self, deltas: AsyncGenerator[Delta, None], name: str) -> AsyncGenerator[Delta, None]:
        async for delta in deltas:
            if delta.text:
                self.fuse.reach(f"{name}:during")
            yield delta
        self.fuse.reach(f"{name}:after")


class FusedChannel:
    """A push channel, with points before and after each request that shows a text."""

    def __init__(self, channel: PushChannel, fuse: Fuse) -> None:
        self._channel = channel
        self._fuse = fuse

    def habits(self, address: ChannelAddress) -> ChannelHabits:
        return self._channel.habits(address)

    def measure(self, text: str) -> int:
        return self._channel.measure(text)

    async def send(self, message: OutboundMessage) -> str:
        self._fuse.reach("channel.send:before")
        platform_id = await self._channel.send(message)
        self._fuse.reach("channel.send:after")
        return platform_id

    async def edit(self, message: OutboundMessage, platform_id: str) -> None:
        self._fuse.reach("channel.edit:before")
        await self._channel.edit(message, platform_id)
        self._fuse.reach("channel.edit:after")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)


@contextmanager
def fused_migration(fuse: Fuse) -> Any:
    """Points at each statement that changes the schema, before the commit and after all."""

    def executed(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.lstrip().upper().startswith(("CREATE", "INSERT", "ALTER")):
            fuse.reach("migration:statement")

    def committing(_connection: Any) -> None:
        fuse.reach("migration:before commit")

    sa.event.listen(sa.Engine, "after_cursor_execute", executed)
    sa.event.listen(sa.Engine, "commit", committing)
    try:
        yield
    finally:
        sa.event.remove(sa.Engine, "after_cursor_execute", executed)
        sa.event.remove(sa.Engine, "commit", committing)
    fuse.reach("migration:after")
