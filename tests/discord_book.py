"""An intake that remembers, a shop on Discord, and an account that runs there: what the adapter is tested with."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import structlog

from adapters.discord.account import DiscordAccount
from adapters.discord.settings import DiscordSettings
from bot.commands.menu import views
from bot.errors import StoreUnavailable
from bot.events import AccountKey, Acted, DeadLettered, Ignored, MessageReceived, Receipt, Received, Skipped, Stored, Undecodable
from tests.discord_server import EVERYONE, Application, Channel, DiscordServer, Person

KEY = AccountKey("discord", "main")
T = TypeVar("T")


class Book:
    """`Intake` and `Cursors` in memory. While `away` it refuses; while `slow` is set and clear it does not return."""

    def __init__(self, changed: Callable[[], None] = lambda: None) -> None:
        self.kept: dict[str, Received] = {}
        self.skipped: list[Received] = []
        self.cursors: dict[str, str] = {}
        self.batches: list[int] = []
        self.refused = 0
        self.away = False
        self.repeats = 0
        self.say = ""
        self.slow: asyncio.Event | None = None
        self._changed = changed

    async def receive(self, batch: Sequence[Received]) -> Sequence[Receipt]:
        if self.slow is not None:
            await self.slow.wait()
        if self.away:
            self.refused += 1
            self._changed()
            raise StoreUnavailable("away", retry_after_s=0.01)
        self.batches.append(len(batch))
        receipts = [self._take(one) for one in batch]
        self._changed()
        return receipts

    def _take(self, received: Received) -> Receipt:
        if received.cursor is not None:
            self.cursors[received.cursor.place] = received.cursor.position
        if isinstance(received.event, Skipped):
            self.skipped.append(received)
            return Ignored(received.event.reason)
        self.repeats += received.key in self.kept
        self.kept.setdefault(received.key, received)
        if isinstance(received.event, Undecodable):
            return DeadLettered(received.event.reason)
        return Stored("c", 1) if isinstance(received.event, MessageReceived) else Acted("c", say=self.say)

    async def of(self, account: AccountKey) -> dict[str, str]:
        assert account == KEY
        return dict(self.cursors)

    def of_kind(self, kind: type[T]) -> list[T]:
        return [one.event for one in self.kept.values() if isinstance(one.event, kind)]

    @property
    def texts(self) -> list[str]:
        return [one.text for one in self.of_kind(MessageReceived)]

    @property
    def reasons(self) -> list[str]:
        return [one.event.reason for one in self.skipped if isinstance(one.event, Skipped)]


class Shop:
    """A guild with a text channel, a forum, two people and the bot."""

    def __init__(self, server: DiscordServer, *, permissions: int = EVERYONE) -> None:
        self.bot: Application = server.application("token-of-the-shop")
        self.guild = server.world.guild("Shop", permissions=permissions)
        server.world.invite(self.guild, self.bot)
        self.anna: Person = server.person("anna")
        self.bert: Person = server.person("bert")
        for person in (self.anna, self.bert):
            person.join(self.guild)
        self.help: Channel = server.world.text_channel(self.guild, "help")
        self.forum: Channel = server.world.forum(self.guild, "tickets")


@contextmanager
def told(server: DiscordServer) -> Iterator[list[str]]:
    """The names of the log events inside the block; each lets those look again who wait for the server."""
    events: list[str] = []

    def note(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        events.append(str(event["event"]))
        server.touch()
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[note])
    try:
        yield events
    finally:
        structlog.configure(**before)


def account_of(server: DiscordServer, bot: Application, book: Book, **settings: Any) -> DiscordAccount:
    wanted = {"token": bot.token, "api_base": server.api_base, "gateway_url": server.gateway_url, **settings}
    return DiscordAccount(KEY, DiscordSettings.model_validate(wanted), book, book, views())


@asynccontextmanager
async def running(server: DiscordServer, bot: Application, book: Book, **settings: Any) -> AsyncIterator[DiscordAccount]:
    """An account that has a session; ended as a process ends it: by cancelling."""
    account = account_of(server, bot, book, **settings)
    task = asyncio.create_task(account.run())
    try:
        await server.wait_connected(bot)
        yield account
    finally:
        task.cancel()
        await asyncio.wait({task})
        await account.close()
