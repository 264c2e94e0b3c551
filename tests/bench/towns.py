"""The chat platforms as the benchmarks use them: a stand-in, a bot on it, people who write to the bot, and what they see."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from tests import discord_server as discord
from tests import telegram_server as telegram
from tests.discord_server.seen import Log
from tests.telegram_server.account import BotAccount
from tests.telegram_server.chat import Message
from tests.telegram_server.sight import What

Say = Callable[[str], object]
Heard = Callable[[str, int], None]
"""Text and id of a message of the bot, sent or edited."""
KEPT = 2_000
FREE = 10**9


@dataclass(frozen=True, slots=True)
class Person:
    """`limit(s)`: messages to this person are answered 429 for so many seconds."""

    say: Say
    limit: Callable[[int], None]


class Town(Protocol):
    """`settings` lead the product here; `counts`: calls by name since the start, with `limited` and `broken` (limits)."""

    settings: dict[str, str]

    async def connected(self) -> None: ...

    def person(self) -> Person: ...

    def counts(self) -> dict[str, int]: ...


class _TelegramServer(telegram.TelegramServer):
    heard: Heard

    def see(self, what: What, message: Message, bot: BotAccount) -> None:
        super().see(what, message, bot)
        if what in {"sent", "edited"}:
            self.heard(message.text, message.message_id)


class TelegramTown:
    def __init__(self, server: _TelegramServer) -> None:
        self._server = server
        self._bot = server.add_bot()
        self.settings = {"FRONTDESK_TELEGRAM__MAIN__TOKEN": self._bot.token, "FRONTDESK_TELEGRAM__MAIN__API_BASE": server.url}

    async def connected(self) -> None:
        await self._server.wait_until(lambda: self._bot.receiver is not None, 30)

    def person(self) -> Person:
        ann = self._server.add_user()

        def limit(seconds: int) -> None:
            self._server.fail_next(telegram.Fault.limit(seconds), method="sendMessage", chat_id=ann.id)

        return Person(ann.say, limit)

    def counts(self) -> dict[str, int]:
        server = self._server
        told = {name: count for name, count in server.calls.items() if name != "getUpdates"}
        return {**told, "limited": server.limited, "broken": server.broken_limits}


class _Log(Log):
    heard: Heard

    def add(self, one: discord.Seen) -> None:
        super().add(one)
        if one.bot is not None and one.what in {"sent", "edited"}:
            self.heard(one.text, one.message_id or 0)


class _DiscordServer(discord.DiscordServer):
    def _build(self, keep: int | None) -> None:
        self.log: _Log = _Log(self._changes, keep)
        super()._build(keep)


class DiscordTown:
    def __init__(self, server: _DiscordServer) -> None:
        self._server = server
        self._bot = server.application("a.bench.token")
        self._people = 0
        self.settings = {
            "FRONTDESK_DISCORD__MAIN__TOKEN": self._bot.token,
            "FRONTDESK_DISCORD__MAIN__API_BASE": server.api_base,
            "FRONTDESK_DISCORD__MAIN__GATEWAY_URL": server.gateway_url,
        }

    async def connected(self) -> None:
        await self._server.wait_connected(self._bot)

    def person(self) -> Person:
        self._people += 1
        ann = self._server.person(f"ann{self._people}")
        place = ann.dm(self._bot)

        def limit(seconds: int) -> None:
            self._server.rates.hold(self._bot.id, "messages.create", str(place.id), seconds, "user")

        return Person(lambda text: ann.say(place, text), limit)

    def counts(self) -> dict[str, int]:
        server = self._server
        told = {f"{method} {route}": count for (method, route), count in server.calls.items()}
        return {**told, "limited": server.rates.limited, "broken": server.broken_limits}


def _without_limits() -> discord.Limits:
    free = {name: discord.Rate(FREE, 1.0) for name in discord.Limits().buckets}
    return discord.Limits(free, requests_a_second=FREE, invalid_answers=FREE)


@asynccontextmanager
async def town(channel: str, heard: Heard, *, limits: bool) -> AsyncIterator[Town]:
    """The stand-in of `channel` with its platform's limits or without."""
    if channel == "telegram":
        async with _TelegramServer(None if limits else telegram.Limits.none(), most_log=KEPT, most_messages=KEPT) as server:
            server.heard = heard
            yield TelegramTown(server)
    else:
        async with _DiscordServer(None if limits else _without_limits(), keep=KEPT) as other:
            other.log.heard = heard
            yield DiscordTown(other)
