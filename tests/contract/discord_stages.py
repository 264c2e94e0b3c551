"""The same small scene in two Discords, our stand-in and simcord, for canaries that ask both the same.

On stage: a bot that may everything but administrate, in a guild with the channel `help`, the forum `tickets` and anna; in
`help` her `question`, which is above a thread of the bot's, and the bot's `own` message; in the thread the bot's `said`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol

import discord

from tests.contract.simcord_rig import Bridge, asking
from tests.discord_clients import Raw, raw
from tests.discord_server import Channel, DiscordServer, Limits, Permission

if TYPE_CHECKING:
    import simcord

PERMITTED = discord.Permissions.all() & ~discord.Permissions(administrator=True)
COMMAND = {"name": "go", "description": "Go", "type": 1}
BUTTON = {"type": 2, "style": 1, "label": "Yes", "custom_id": "yes"}
Verdict = str | tuple[int, int]
"""`ok` for any 2xx, else (status, code)."""


class Stage(Protocol):
    """`names` stand for ids in paths and bodies. The verbs are what others do."""

    names: dict[str, str]

    async def ask(self, method: str, path: str, body: Any = None) -> Verdict: ...

    async def made(self, path: str, body: Any) -> str: ...

    async def read(self, path: str) -> list[str]: ...

    async def deny(self, *permissions: str) -> None: ...

    async def archive(self) -> None: ...

    async def lock(self) -> None: ...

    async def delete(self) -> None: ...

    async def run(self) -> None: ...

    async def press(self) -> None: ...

    async def later(self, seconds: float) -> None: ...


def verdict(status: int, said: Any) -> Verdict:
    return "ok" if 200 <= status < 300 else (status, said["code"])


def filled(part: Any, names: dict[str, str]) -> Any:
    """With `{name}` replaced in every text of a JSON value."""
    match part:
        case str():
            return part.format_map(names) if "{" in part else part
        case dict():
            return {key: filled(value, names) for key, value in part.items()}
        case list():
            return [filled(value, names) for value in part]
        case _:
            return part


class Asking:
    """What a canary does by itself, the same in both."""

    def __init__(self, wire: Raw, names: dict[str, str]) -> None:
        self._wire, self.names = wire, names

    async def ask(self, method: str, path: str, body: Any = None) -> Verdict:
        return verdict(*await self._wire.ask(method, path.format_map(self.names), filled(body, self.names)))

    async def made(self, path: str, body: Any) -> str:
        """The id of what was made."""
        status, said = await self._wire.ask("POST", path.format_map(self.names), filled(body, self.names))
        assert status in (200, 201), said
        return str(said["id"])

    async def read(self, path: str) -> list[str]:
        """The contents of the messages of a page of history."""
        status, said = await self._wire.ask("GET", path.format_map(self.names))
        assert status == 200, said
        return [one["content"] for one in said]

    async def set(self) -> None:
        """What the bot did before the curtain."""
        status, said = await self._wire.ask("PUT", "/applications/{app}/commands".format_map(self.names), [COMMAND])
        assert status == 200, said
        row = {"type": 1, "components": [BUTTON]}
        self.names["own"] = await self.made("/channels/{help}/messages", {"content": "own", "components": [row]})
        self.names["thread"] = await self.made("/channels/{help}/messages/{question}/threads", {"name": "about it"})
        self.names["said"] = await self.made("/channels/{thread}/messages", {"content": "said"})


class OurStage(Asking):
    """The stand-in of this repository."""

    def __init__(self, server: DiscordServer, wire: Raw) -> None:
        world = server.world
        self._server, self._bot = server, server.application("token")
        self._guild = world.guild("Shop")
        world.invite(self._guild, self._bot, permissions=PERMITTED.value)
        self._anna = server.person("anna")
        self._anna.join(self._guild)
        self._help, self._forum = world.text_channel(self._guild, "help"), world.forum(self._guild, "tickets")
        places = {"help": self._help, "forum": self._forum, "dm": self._anna.dm(self._bot)}
        others = {"app": str(self._bot.id), "anna": str(self._anna.id), "bot": str(self._bot.id)}
        super().__init__(wire, {name: str(place.id) for name, place in places.items()} | others)
        self._question = self._anna.say(self._help, "question")
        self.names["question"] = str(self._question.id)

    async def deny(self, *permissions: str) -> None:
        bits = Permission(0)
        for name in permissions:
            bits |= Permission[name.upper()]
        self._server.world.overwrite(self._help, self._bot, deny=bits)

    def _thread(self) -> Channel:
        return self._server.world.channels[int(self.names["thread"])]

    async def archive(self) -> None:
        self._server.threads.change(self._thread(), self._guild.owner_id, {"archived": True}, bot=None)

    async def lock(self) -> None:
        self._server.threads.change(self._thread(), self._guild.owner_id, {"locked": True}, bot=None)

    async def delete(self) -> None:
        self._anna.delete(self._question)

    async def run(self) -> None:
        self._begun(self._anna.run(self._help, "go", bot=self._bot))

    async def press(self) -> None:
        self._begun(self._anna.press(self._help.messages[int(self.names["own"])], "yes"))

    def _begun(self, interaction: Any) -> None:
        self.names |= {"interaction": str(interaction.id), "token": interaction.token}

    async def later(self, seconds: float) -> None:
        self._server.advance(seconds)


class SimcordStage(Asking):
    """simcord's world, by its public handles."""

    def __init__(self, env: "simcord.Env", wire: Raw, interactions: list[discord.Interaction]) -> None:
        self._env, self._interactions = env, interactions
        self._guild = env.create_guild("Shop")
        self._help, self._forum = self._guild.create_text_channel("help"), self._guild.create_forum_channel("tickets")
        self._anna = self._guild.add_member(env.create_user("anna"))
        places = {"help": self._help, "forum": self._forum, "dm": self._anna.user.dm_channel}
        assert env.bot.user is not None
        others = {"app": str(env.bot.application_id), "anna": str(self._anna.id), "bot": str(env.bot.user.id)}
        super().__init__(wire, {name: str(place.id) for name, place in places.items()} | others)

    async def begin(self) -> None:
        await self._env.settle()
        self._question = await self._anna.send(self._help, "question")
        self.names["question"] = str(self._question.id)
        await self.set()
        await self._env.settle()

    async def deny(self, *permissions: str) -> None:
        from simcord.backend.models import Overwrite
        from simcord.enums import OverwriteType

        # the one thing that no handle does: the bot itself could not give back its sight of the channel
        overwrite = discord.PermissionOverwrite(**dict.fromkeys(permissions, False))
        denied = Overwrite(int(self.names["bot"]), OverwriteType.MEMBER, deny=overwrite.pair()[1].value)
        self._env.backend.set_overwrite(self._help.id, denied)

    def _thread(self) -> discord.Thread:
        thread = self._env.bot.get_channel(int(self.names["thread"]))
        assert isinstance(thread, discord.Thread)
        return thread

    async def archive(self) -> None:
        await self._thread().edit(archived=True)

    async def lock(self) -> None:
        await self._thread().edit(locked=True)

    async def delete(self) -> None:
        await self._anna.delete(self._question)

    async def run(self) -> None:
        await self._anna.slash(self._help, "go")
        self._begun()

    async def press(self) -> None:
        (own,) = [one for one in self._help.history() if str(one.id) == self.names["own"]]
        await self._anna.click(own, label="Yes")
        self._begun()

    def _begun(self) -> None:
        last = self._interactions[-1]
        self.names |= {"interaction": str(last.id), "token": last.token}

    async def later(self, seconds: float) -> None:
        await self._env.advance_time(seconds)


@asynccontextmanager
async def ours() -> AsyncIterator[Stage]:
    async with DiscordServer(Limits.unlimited()) as server, raw(server, "token") as wire:
        stage = OurStage(server, wire)
        await stage.set()
        yield stage


@asynccontextmanager
async def simcords() -> AsyncIterator[Stage]:
    import simcord

    client, interactions = discord.Client(intents=discord.Intents.default()), []

    @client.event
    async def on_interaction(interaction: discord.Interaction) -> None:
        interactions.append(interaction)

    async with Bridge() as bridge, asking(bridge) as wire:
        bridge.client = client
        env = simcord.Env(client)
        await env.start()
        try:
            stage = SimcordStage(env, wire, interactions)
            await stage.begin()
            yield stage
        finally:
            await env.shutdown()
        assert bridge.gaps == []
