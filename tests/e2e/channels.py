"""A whole `frontdesk run` between the stand-ins of both platforms and a scripted node."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.discord_server import EVERYONE, Application, Channel, DiscordServer, Person
from tests.discord_server import Limits as DiscordLimits
from tests.e2e.instance import Instance
from tests.scripted_node import Behaviour, ScriptedNode
from tests.telegram_server import BotAccount, TelegramServer
from tests.telegram_server import Limits as TelegramLimits

PATIENCE_S = 30.0
BUTTONS = 3


@dataclass
class Street:
    """Both platforms with one bot each, a Discord guild, and the product's settings; `open` starts the product."""

    node: ScriptedNode
    telegram: TelegramServer
    discord: DiscordServer
    bot: BotAccount
    app: Application
    config: Path

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Instance]:
        """The product, ready and listening on both platforms."""
        instance = await Instance.start(self.config)
        try:
            await instance.ready()
            await self.discord.wait_connected(self.app)
            yield instance
        finally:
            await instance.end()

    def write(self, *, extra: str = "", telegram: str = "", port: int = 0) -> None:
        """The settings file: both tokens and base addresses, and what is given besides."""
        self.config.write_text(
            f"""
[generation]
url = '{self.node_url}'
model = 'scripted'
[web]
port = {port}
private_port = 0
[telegram.main]
token = '{self.bot.token}'
api_base = '{self.telegram.url}'
{telegram}
[discord.main]
token = '{self.app.token}'
api_base = '{self.discord.api_base}'
gateway_url = '{self.discord.gateway_url}'
{extra}
"""
        )

    node_url: str = ""

    def forget(self) -> None:
        """The node answers plainly again and remembers no prompt."""
        if self.node.behaviour.gate is not None:
            self.node.behaviour.gate.set()
        self.node.behaviour = Behaviour()
        self.node.prompts.clear()

    def rows(self, query: str, chat_id: int) -> list[tuple[object, ...]]:
        """What the record holds of one chat: `query` begins with SELECT columns FROM a table that names conversations."""
        head, _, condition = query.partition(" WHERE ")
        here = "conversation_id IN (SELECT conversation_id FROM conversation JOIN address USING (address_id) WHERE chat_id = ?)"
        where = f"{here} AND {condition}" if condition else here
        with sqlite3.connect(f"file:{self.config.parent / 'frontdesk.db'}?mode=ro", uri=True) as database:
            return database.execute(f"{head} WHERE {where}", (str(chat_id),)).fetchall()

    async def until(self, true: Callable[[], object]) -> None:
        """Wait for what no platform sees."""
        async with asyncio.timeout(PATIENCE_S):
            while not true():
                await asyncio.sleep(0.01)

    def guild(self) -> tuple[Channel, Person]:
        """A guild with the bot in it: its text channel, and somebody there."""
        guild = self.discord.world.guild("Shop", permissions=EVERYONE)
        self.discord.world.invite(guild, self.app)
        person = self.discord.person("ann")
        person.join(guild)
        return self.discord.world.text_channel(guild, "help"), person


@asynccontextmanager
async def street(
    folder: Path, *, telegram: TelegramLimits | None = None, discord: DiscordLimits | None = None
) -> AsyncIterator[Street]:
    """Real limits unless others are given."""
    node = ScriptedNode()
    async with AsyncExitStack() as stack:
        url = await node.start()
        stack.push_async_callback(node.stop)
        server = await stack.enter_async_context(TelegramServer(telegram))
        gateway = await stack.enter_async_context(DiscordServer(discord or DiscordLimits(identify_interval=0.0)))
        made = Street(node, server, gateway, server.add_bot(), gateway.application("a-discord-token"), folder / "shop.toml")
        made.node_url = url
        made.write()
        yield made
