"""A stand-in Telegram with one bot behind the real aiogram, for the tests of its rules."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.methods import TelegramMethod

from tests.telegram_server import BotAccount, Limits, Person, TelegramServer


class RawUpdates(TelegramMethod[list[dict[str, Any]]]):
    """getUpdates whose answer is read by nobody but the test."""

    __returning__ = list[dict[str, Any]]
    __api_method__ = "getUpdates"

    offset: int | None = None
    limit: int | None = None
    timeout: int | None = None
    allowed_updates: list[str] | None = None


class QuickSession(AiohttpSession):
    """Closes at once: aiogram's own waits a quarter of a second for TLS."""

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


@dataclass(frozen=True)
class Scene:
    server: TelegramServer
    account: BotAccount
    bot: Bot
    ann: Person

    async def updates(self, offset: int = 0, timeout: int = 0, **more: Any) -> list[dict[str, Any]]:
        return await self.bot(RawUpdates(offset=offset, timeout=timeout, **more))

    async def drain(self) -> list[dict[str, Any]]:
        """Everything pending, confirmed."""
        got = await self.updates()
        if got:
            await self.updates(got[-1]["update_id"] + 1, limit=1)
        return got


def client(server: TelegramServer, token: str) -> Bot:
    """The real aiogram, changed in nothing but its API base."""
    return Bot(token, session=QuickSession(api=TelegramAPIServer.from_base(server.url)))


@asynccontextmanager
async def telegram(limits: Limits | None = None, *, frozen: bool = False, **options: Any) -> AsyncIterator[Scene]:
    """One bot, and Ann who has written to it; nothing pending. `frozen`: the platform's clock stands still."""
    async with TelegramServer(limits or Limits.none(), **options) as server:
        if frozen:
            server.clock.freeze()
        account, ann = server.add_bot(), server.add_user("Ann", username="ann_k")
        bot = client(server, account.token)
        try:
            ann.start()
            account.queue.clear()
            yield Scene(server, account, bot, ann)
        finally:
            await bot.session.close()
