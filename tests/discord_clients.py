"""Real discord.py clients of a Discord stand-in: only the addresses differ from a client of the real one."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import aiohttp
import discord
import yarl
from discord import app_commands
from discord.gateway import DiscordWebSocket
from discord.http import Route

from tests.discord_server import Application, DiscordServer

logging.getLogger("discord").setLevel(logging.CRITICAL)  # it logs each reconnect with a trace


class Client(discord.Client):
    """Keeps what it heard: (event, subject) in `heard`; answers nothing by itself."""

    def __init__(self, server: DiscordServer, intents: discord.Intents, **options: Any) -> None:
        super().__init__(intents=intents, guild_ready_timeout=0.05, **options)
        self.server = server
        self.heard: list[tuple[str, Any]] = []
        self.tree = app_commands.CommandTree(self)
        self.quick = False  # leave out the five seconds before a second IDENTIFY

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        if not self.quick:
            await super().before_identify_hook(shard_id, initial=initial)

    def dispatch(self, event: str, /, *args: Any, **kwargs: Any) -> None:
        if not event.startswith("socket"):
            self.heard.append((event, args[0] if args else None))
        super().dispatch(event, *args, **kwargs)
        self.server.touch()

    def of(self, event: str) -> list[Any]:
        return [subject for name, subject in self.heard if name == event]

    @property
    def texts(self) -> list[str]:
        return [message.content for message in self.of("message")]

    async def wait_for_text(self, text: str) -> discord.Message:
        await self.server.wait_until(lambda: text in self.texts)
        found = next(message for message in self.of("message") if message.content == text)
        assert isinstance(found, discord.Message)
        return found


@contextmanager
def pointed_at(server: DiscordServer) -> Iterator[None]:
    """discord.py keeps its addresses process-wide."""
    before = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = server.api_base, yarl.URL(server.gateway_url)
    try:
        yield
    finally:
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = before


@asynccontextmanager
async def running(client: Client, bot: Application) -> AsyncIterator[Client]:
    """The client logged in and ready; closed at the end."""
    with pointed_at(client.server):
        task = asyncio.create_task(client.start(bot.token))
        task.add_done_callback(lambda _: client.server.touch())
        try:
            await client.server.wait_until(lambda: client.of("ready") or task.done())
            if task.done():
                task.result()
            yield client
        finally:
            await client.close()
            await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def client_of(server: DiscordServer, bot: Application, **intents: bool) -> AsyncIterator[Client]:
    """A ready client with the default intents, changed by name: `message_content=True`."""
    wanted = discord.Intents.default()
    for name, value in intents.items():
        setattr(wanted, name, value)
    async with running(Client(server, wanted), bot) as client:
        yield client


class Raw:
    """A client that keeps no rule by itself: plain HTTP with a bot's token."""

    def __init__(self, server: DiscordServer, session: aiohttp.ClientSession, token: str) -> None:
        self._server, self._session, self._token = server, session, token

    async def ask(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        """(status, JSON) of a call."""
        status, said, _ = await self.whole(method, path, body, **options)
        return status, said

    async def whole(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, Any, Any]:
        """(status, JSON, headers) of a call."""
        headers = {"Authorization": f"Bot {self._token}"}
        if body is not None:
            options["json"] = body
        async with self._session.request(method, self._server.api_base + path, headers=headers, **options) as answer:
            said = await answer.json(content_type=None) if answer.status != 204 else None
            return answer.status, said, answer.headers


@asynccontextmanager
async def raw(server: DiscordServer, bot: Application | str) -> AsyncIterator[Raw]:
    async with aiohttp.ClientSession() as session:
        yield Raw(server, session, bot if isinstance(bot, str) else bot.token)
