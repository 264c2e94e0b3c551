"""The real Telegram adapter over the real aiogram, against the stand-in server: a rig for the promises of a push channel, and a
running account for the promises of receiving.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from adapters.telegram.account import TelegramAccount
from adapters.telegram.channel import TelegramChannel
from adapters.telegram.session import connect, disconnect
from adapters.telegram.settings import TelegramSettings
from adapters.telegram.waiting import Sleep, Troubles
from bot.commands.menu import views
from bot.events import ChannelAddress
from tests import push_double
from tests.telegram_double import ACCOUNT, MemoryIntake
from tests.telegram_server import BotAccount, Fault, Group, Limits, Person, TelegramServer
from tests.telegram_server.fault import Trouble

FAULTS = {
    push_double.Fault.UNKNOWN_BEFORE: Fault.reset(),
    push_double.Fault.UNKNOWN_AFTER: Fault.lost_answer(),
    push_double.Fault.HANGS: Fault.hang(),
    push_double.Fault.LIMIT_CHAT: Fault.limit(1),
    push_double.Fault.LIMIT_ACCOUNT: Fault.limit(
        1, whole_bot=True
    ),  # the API does not say that it is: one chat is told, so "chat"
    push_double.Fault.GONE: Fault(Trouble.STATUS, status=403),
    push_double.Fault.REFUSED: Fault(Trouble.STATUS, status=400),
}


@dataclass(frozen=True)
class TelegramRig:
    """The `Rig` of test_push_channel. `at` is where messages go."""

    server: TelegramServer
    account: BotAccount
    channel: TelegramChannel
    at: ChannelAddress
    intake: MemoryIntake

    def fail_next(self, fault: push_double.Fault) -> None:
        self.server.fail_next(FAULTS[fault])

    def on_show(self) -> list[str]:
        return self.server.on_show(int(self.at.chat_id))

    def delete(self, platform_id: str) -> None:
        [chat] = self.server.chats(int(self.at.chat_id))
        del chat.messages[int(platform_id)]


@asynccontextmanager
async def telegram_rig(kind: str = "private", limits: Limits | None = None) -> AsyncIterator[TelegramRig]:
    """`kind`: "private", "group" (a supergroup) or "topic" (of a forum)."""
    async with TelegramServer(limits or Limits.none()) as server:
        account, ann = server.add_bot(), server.add_user("Ann")
        at, intake = _place(kind, server, account, ann), MemoryIntake()
        bot = connect(settings_for(server, account))
        clock = asyncio.get_running_loop().time
        channel = TelegramChannel(bot, ACCOUNT, intake, Troubles("main"), clock=clock, now=lambda: datetime.now(UTC))
        try:
            yield TelegramRig(server, account, channel, at, intake)
        finally:
            await disconnect(bot)


def _place(kind: str, server: TelegramServer, account: BotAccount, ann: Person) -> ChannelAddress:
    if kind == "private":
        ann.start()
        return ChannelAddress("telegram", "main", str(ann.id))
    group: Group = server.add_group("Team", ann, bots=[account], supergroup=True, forum=kind == "topic")
    thread = str(group.open_topic("Case 1").thread_id) if kind == "topic" else ""
    return ChannelAddress("telegram", "main", str(group.id), thread)


def settings_for(server: TelegramServer, account: BotAccount, **more: Any) -> TelegramSettings:
    return TelegramSettings.model_validate({"token": account.token, "api_base": server.url} | more)


async def soon(seconds: float) -> None:
    """Waits are cut short, except the one between two looks at the webhook."""
    await asyncio.sleep(seconds if seconds >= 600 else min(seconds, 0.01))


@asynccontextmanager
async def running(
    server: TelegramServer, account: BotAccount, intake: MemoryIntake, *, sleep: Sleep = soon, **more: Any
) -> AsyncIterator[TelegramAccount]:
    """The account as the application runs it: until cancelled, then closed."""
    part = TelegramAccount(ACCOUNT, settings_for(server, account, **more), intake, intake, views(), sleep=sleep)
    task = asyncio.create_task(part.run())
    try:
        yield part
    finally:
        task.cancel()
        await asyncio.wait({task})
        await part.close()
