"""The places of Discord and their addresses.

A thread is a channel of its own on Discord: it has its own id, its own limits and its own history. So `chat_id` of an address
is always the channel that messages go to (a DM, a guild channel, a thread or forum post), which makes pacing, cursors and
presses count per real channel; `thread_id` is "" outside of threads and else names the channel or forum that the thread hangs
in. The id of a thread that is begun from a message equals the message's id, so its address is known before it exists.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TypeVar

import discord

from adapters.discord.payloads import THREADS, Channel
from bot.events import AccountKey, ChannelAddress

MOST_REMEMBERED = 10_000
ARRIVES_WITHIN_S = 5.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """One channel as the bot sees it. `parent_id` is set for threads only.

    `takes_part`: the bot opened the thread, joined it, or was spoken to there. `opens_threads`: the bot may begin threads from
    messages here. `staff`: people of the business talk here. `roles`: the roles that mean the bot itself.
    """

    place_id: str
    guild_id: str = ""
    parent_id: str = ""
    takes_part: bool = False
    opens_threads: bool = False
    staff: bool = False
    roles: frozenset[str] = frozenset()

    @property
    def is_dm(self) -> bool:
        return not self.guild_id

    @property
    def is_thread(self) -> bool:
        return bool(self.parent_id)

    def address(self, account: AccountKey) -> ChannelAddress:
        return ChannelAddress(account.channel, account.name, self.place_id, self.parent_id)

    def thread_from(self, account: AccountKey, message_id: str) -> ChannelAddress:
        """Where the thread begun from a message of this channel is, or will be."""
        return ChannelAddress(account.channel, account.name, message_id, self.place_id)


class Places:
    """What the gateway's cache knows of channels, and what REST told of those that it does not hold."""

    def __init__(self, *, staff_forum_id: str, known: Callable[[str], bool]) -> None:
        self._staff_forum_id = staff_forum_id
        self._known = known
        self._client: discord.Client | None = None
        self._told: OrderedDict[str, Channel] = OrderedDict()
        self._guild_of: OrderedDict[str, str] = OrderedDict()
        self._awaited: dict[str, asyncio.Event] = {}
        self._away: set[str] = set()

    def look_at(self, client: discord.Client) -> None:
        """Ask this client from now on."""
        self._client = client

    def find(self, place_id: str, guild_id: str | None) -> Place | None:
        """The place, or None where only REST can tell what it is. Raises ValueError for what is no id."""
        if guild_id:
            _keep(self._guild_of, place_id, guild_id)
        channel = self._cached(place_id)
        if channel is not None:
            return self._of_cache(channel)
        if place_id in self._told:
            return self._of_rest(self._told[place_id])
        return Place(place_id) if not guild_id else None

    def remember(self, channel: Channel) -> Place:
        """What REST told of a channel."""
        _keep(self._told, channel.id, channel)
        return self.find(channel.id, channel.guild_id) or self._of_rest(channel)

    def has_news(self, place_id: str, position: str) -> bool:
        """Whether a message may lie behind `position`: False only where the cache knows the last one."""
        last = getattr(self._cached(place_id), "last_message_id", None)
        return last is None or last > int(position)

    def of_guild(self, guild_id: str) -> list[Place]:
        """The places of a guild in which the bot was spoken to."""
        guild = self._client.get_guild(int(guild_id)) if self._client else None
        channels = [*guild.channels, *guild.threads] if guild else []
        return [self._of_cache(channel) for channel in channels if self._known(str(channel.id))]

    def cached(self, place_id: str) -> Place | None:
        """The place, if the gateway or REST has told of it."""
        channel, told = self._cached(place_id), self._told.get(place_id)
        if channel is not None:
            return self._of_cache(channel)
        return self._of_rest(told) if told is not None else None

    async def arrived(self, guild_id: str) -> bool:
        """Whether the gateway has told of a guild, or does so within a few seconds."""
        if self._told_of(guild_id):
            return True
        try:
            async with asyncio.timeout(ARRIVES_WITHIN_S):
                await self._awaited.setdefault(guild_id, asyncio.Event()).wait()
        except TimeoutError:
            self._away.add(guild_id)
        return self._told_of(guild_id)

    def leaves(self, guild_id: str) -> None:
        """The guild is unavailable for now."""
        self._away.add(guild_id)

    def comes(self, guild_id: str) -> bool:
        """The gateway tells of a guild; True when that was given up: its places may have gaps."""
        if (awaited := self._awaited.pop(guild_id, None)) is not None:
            awaited.set()
        back = guild_id in self._away
        self._away.discard(guild_id)
        return back

    def not_on(self, shards: AbstractSet[int]) -> set[str]:
        """The places that other shards tell of, as far as the cache knows."""
        guilds = self._client.guilds if self._client else ()
        others = [guild for guild in guilds if guild.shard_id not in shards]
        return {str(channel.id) for guild in others for channel in [*guild.channels, *guild.threads]}

    def several_people(self, chat_id: str, parent_id: str) -> bool:
        """Whether others talk there too: in guild channels and in threads that somebody else began. Unknown places: no."""
        channel = self._cached(chat_id)
        if isinstance(channel, discord.Thread):
            return not self._own(channel)
        return channel is not None and not parent_id

    def _cached(self, place_id: str) -> discord.abc.GuildChannel | discord.Thread | None:
        if self._client is None:
            return None
        # a look-up by the channel's id alone asks every guild
        guild_id = self._guild_of.get(place_id)
        guild = self._client.get_guild(int(guild_id)) if guild_id else None
        channel = guild.get_channel_or_thread(int(place_id)) if guild else self._client.get_channel(int(place_id))
        return channel if isinstance(channel, discord.abc.GuildChannel | discord.Thread) else None

    def _told_of(self, guild_id: str) -> bool:
        guild = self._client.get_guild(int(guild_id)) if self._client else None
        return guild is not None and not guild.unavailable

    def _own(self, thread: discord.Thread) -> bool:
        return self._client is not None and self._client.user is not None and thread.owner_id == self._client.user.id

    def _of_cache(self, channel: discord.abc.GuildChannel | discord.Thread) -> Place:
        place_id, guild = str(channel.id), channel.guild
        roles = frozenset({str(guild.self_role.id)} if guild.self_role else ())
        if isinstance(channel, discord.Thread):
            takes_part = self._own(channel) or channel.me is not None or self._known(place_id)
            parent_id = str(channel.parent_id)
            staff = parent_id == self._staff_forum_id
            return Place(place_id, str(guild.id), parent_id, takes_part=takes_part, staff=staff, roles=roles)
        return Place(place_id, str(guild.id), opens_threads=_may_open_threads(channel), roles=roles)

    def _of_rest(self, channel: Channel) -> Place:
        if channel.guild_id is None:
            return Place(channel.id)
        if channel.type not in THREADS or channel.parent_id is None:
            return Place(channel.id, channel.guild_id)
        takes_part = channel.member is not None or self._known(channel.id)
        staff = channel.parent_id == self._staff_forum_id
        return Place(channel.id, channel.guild_id, channel.parent_id, takes_part=takes_part, staff=staff)


def _keep(memory: OrderedDict[str, T], key: str, value: T) -> None:
    memory[key] = value
    memory.move_to_end(key)
    while len(memory) > MOST_REMEMBERED:
        memory.popitem(last=False)


def _may_open_threads(channel: discord.abc.GuildChannel) -> bool:
    if not isinstance(channel, discord.TextChannel) or channel.guild.me is None:
        return False
    may = channel.permissions_for(channel.guild.me)
    return may.view_channel and may.create_public_threads and may.send_messages_in_threads
