"""simcord's Discord (PyPI, written by others) behind loopback HTTP, and our whole Discord account inside its world.

simcord has no sockets: it answers discord.py's `HTTPClient.request` and calls discord.py's parsers. Our requests do not pass
that client, so `Bridge` listens for them and asks it; the gateway's loop needs a socket, so a client of ours is attached to
simcord instead, which hears every event as text just before discord.py's parser does. Nothing else of the account is replaced.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import aiohttp
import discord
from aiohttp import web
from discord.http import Route

from adapters.discord.account import DiscordAccount
from adapters.discord.gateway import GatewayClient
from adapters.discord.settings import DiscordSettings
from bot.commands.menu import views
from bot.events import ChannelAddress, MessageReceived
from bot.ports import OutboundMessage
from bot.store.ids import new_id
from tests.discord_book import KEY, Book
from tests.discord_clients import Raw

if TYPE_CHECKING:
    import simcord

API = "/api/v10"


class Bridge:
    """What `client`'s discord.py would be answered by simcord, as HTTP. What simcord does not model is kept in `gaps`."""

    def __init__(self) -> None:
        self.client: discord.Client
        self.gaps: list[str] = []
        self.api_base = ""

    async def __aenter__(self) -> Self:
        self._runner = web.ServerRunner(web.Server(self._answer))
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0]
        self.api_base = f"http://{host}:{port}{API}"
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        import simcord

        body = await request.json() if request.can_read_body else None
        route = Route(request.method, request.path.removeprefix(API))
        try:
            said = await self.client.http.request(route, json=body, params=dict(request.query))
        except discord.HTTPException as error:
            return web.json_response({"code": error.code, "message": error.text}, status=error.status)
        except simcord.BackendError as error:
            self.gaps.append(str(error))
            return web.json_response({"code": 0, "message": str(error)}, status=501)
        return web.json_response(said) if said is not None else web.Response(status=204)


class SimcordClient(GatewayClient):
    """Ours; simcord looks for commands by the name `tree`."""

    @property
    def tree(self) -> discord.app_commands.CommandTree[Any]:
        return self._tree

    def listen(self) -> Self:
        """Hear simcord's events as what a socket receives: those that the intents let through, before the cache knows."""
        parsers: dict[str, Callable[[Any], None]] = self._connection.parsers
        for name, parse in list(parsers.items()):
            parsers[name] = partial(self._received, name, parse)
        return self

    def _received(self, name: str, parse: Callable[[Any], None], data: Mapping[str, Any]) -> None:
        self.dispatch("socket_raw_receive", json.dumps({"op": 0, "t": name, "d": data}))
        parse(data)


def at(place: int, parent: int | str = "") -> ChannelAddress:
    return ChannelAddress(KEY.channel, KEY.name, str(place), str(parent))


def words(place: ChannelAddress, text: str, **more: Any) -> OutboundMessage:
    return replace(OutboundMessage(new_id(), place, text), **more)


class Town:
    """A guild with a text channel and anna, in whose DMs and channels the running account is."""

    def __init__(self, env: "simcord.Env", bridge: Bridge, account: DiscordAccount, book: Book, changed: asyncio.Event) -> None:
        self.env, self.bridge, self.account, self.book = env, bridge, account, book
        self._changed = changed
        self.guild = env.create_guild("Shop")
        self.help = self.guild.create_text_channel("help")
        self.anna = self.guild.add_member(env.create_user("anna"), nick="Anna")

    @property
    def bot_id(self) -> int:
        assert self.env.bot.user is not None
        return self.env.bot.user.id

    @property
    def mention(self) -> str:
        return f"<@{self.bot_id}>"

    async def settled(self) -> None:
        """The client did what it was told of, and the account stored it."""
        await self.env.settle()
        await self.account._lane.settled()

    async def stored(self, count: int) -> None:
        """So many updates are in the book; raises TimeoutError after five seconds."""
        async with asyncio.timeout(5.0):
            while len(self.book.kept) < count:
                self._changed.clear()
                await self._changed.wait()

    def asked(self, method: str, end: str) -> int:
        """How many requests so far ended in this path."""
        return sum(one.method == method and one.path.endswith(end) for one in self.env.http_requests)

    async def ask(self, text: str = "where is my order?") -> MessageReceived:
        """Anna mentions the bot in the channel; what the account stored."""
        await self.anna.send(self.help, f"{self.mention} {text}")
        await self.settled()
        return self.book.of_kind(MessageReceived)[-1]

    def place(self, place_id: str) -> "simcord.ChannelHandle":
        """The channel, one of its threads or anna's DM."""
        return next(one for one in (self.help, *self.help.threads, self.anna.user.dm_channel) if str(one.id) == place_id)

    def shown(self, place_id: str) -> list[str]:
        return [message.content for message in self.place(place_id).history()]

    @property
    def client(self) -> SimcordClient:
        assert isinstance(self.bridge.client, SimcordClient)
        return self.bridge.client

    @property
    def channel(self) -> discord.TextChannel:
        """`help` as the client's cache has it."""
        found = self.env.bot.get_channel(self.help.id)
        assert isinstance(found, discord.TextChannel)
        return found

    def thread(self, place_id: str) -> discord.Thread:
        """A thread as the client's cache has it now."""
        found = self.env.bot.get_channel(int(place_id))
        assert isinstance(found, discord.Thread)
        return found

    def last(self, place_id: str = "") -> discord.Message:
        """The newest message of a place, of `help` if none is named."""
        found = (self.place(place_id) if place_id else self.help).last_message
        assert found is not None
        return found

    async def deny(self, permission: str) -> None:
        """Take a permission from the bot in the channel, by an overwrite of its own."""
        overwrite = discord.PermissionOverwrite(**{permission: False})
        await self.channel.set_permissions(self.channel.guild.me, overwrite=overwrite)
        await self.env.settle()

    async def again(self) -> None:
        """The client ends and another begins: nothing is left of the views and commands that the first one knew."""
        self.bridge.client = client_of(self.account)
        await self.env.restart_bot(self.bridge.client)


def answered(interaction: "simcord.InteractionResult") -> tuple[str, bool]:
    """What the response shows, and whether to one person only."""
    assert interaction.response is not None
    return interaction.response.content, interaction.response.ephemeral


def buttons_of(message: discord.Message) -> list[list[discord.Button]]:
    """By rows."""
    rows = [row.children for row in message.components if isinstance(row, discord.ActionRow)]
    return [[one for one in row if isinstance(one, discord.Button)] for row in rows]


def client_of(account: DiscordAccount) -> SimcordClient:
    gateway = account._gateway
    client = SimcordClient(
        gateway._account,
        content=True,
        heard=gateway._heard,
        works=gateway._works,
        interactions=gateway._interactions,
        commands=gateway._commands,
    )
    account._places.look_at(client)
    return client.listen()


@asynccontextmanager
async def opened() -> AsyncIterator[Town]:
    """The account in the town. At the end nothing was asked that simcord does not model, and nothing was raised in the client."""
    import simcord  # loads a simulator of a whole platform: only who tests with it pays

    async with Bridge() as bridge:
        changed = asyncio.Event()
        book = Book(changed.set)
        settings = DiscordSettings.model_validate({"token": "token", "api_base": bridge.api_base})
        account = DiscordAccount(KEY, settings, book, book, views())
        bridge.client = client_of(account)
        parts = [asyncio.create_task(part()) for part in (account._lane.run, account._catching_up.run)]
        # not simcord.run: it would have to leave in the task that entered it, which a fixture does not
        env = simcord.Env(bridge.client, shard_count=1)
        try:
            await env.start()
            town = Town(env, bridge, account, book, changed)
            await town.settled()
            yield town
        finally:
            await env.shutdown()
            for part in parts:
                part.cancel()
            await asyncio.wait(parts)
            await account.close()
        env.raise_errors()
        assert bridge.gaps == []


@asynccontextmanager
async def asking(bridge: Bridge) -> AsyncIterator[Raw]:
    """A client that keeps no rule by itself."""
    async with aiohttp.ClientSession() as session:
        yield Raw(bridge.api_base, session, "token")
