"""One Telegram account of this process: what receives for it, what sends for it, and the one connection behind both."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import structlog
from aiogram.exceptions import TelegramAPIError
from aiogram.methods import GetMe
from starlette.routing import BaseRoute

from adapters.telegram.acknowledging import Acknowledger
from adapters.telegram.addressing import Me
from adapters.telegram.channel import TelegramChannel
from adapters.telegram.menu import names, offer_commands
from adapters.telegram.polling import Polling
from adapters.telegram.reception import Reception
from adapters.telegram.registering import Registration
from adapters.telegram.session import connect, disconnect
from adapters.telegram.settings import TelegramSettings
from adapters.telegram.waiting import Patience, Sleep, Troubles
from adapters.telegram.webhook import Webhook
from bot.events import AccountKey
from bot.ports import Cursors, Intake
from bot.views import CommandView

IDENTIFY_S = 5
log = structlog.get_logger()


def _utc_now() -> datetime:
    return datetime.now(UTC)


class TelegramAccount:
    """`run` while this process holds the account; `channel` sends meanwhile; `routes` are served by every process of the account.

    `counts` tells what happened by name: failures (at the boundary of `run`), presses_dropped and presses_unanswered,
    strangers (webhook requests without the secret). `now` gives UTC, `clock` monotonic seconds, `chance` numbers in [0, 1).
    """

    def __init__(
        self,
        key: AccountKey,
        settings: TelegramSettings,
        intake: Intake,
        cursors: Cursors,
        commands: Sequence[CommandView],
        *,
        now: Callable[[], datetime] = _utc_now,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._key = key
        self._settings = settings
        self._commands = commands
        self.counts: Counter[str] = Counter()
        self._bot = connect(settings)
        self._me: Me | None = None
        troubles = Troubles(key.name)
        self._patience = Patience(troubles, chance, sleep)
        self._acknowledger = Acknowledger(self._bot, self.counts)
        reception = Reception(key, intake, self._acknowledger, now)
        self.channel = TelegramChannel(self._bot, key, intake, troubles, clock=clock, now=now)
        self._polling = Polling(
            self._bot,
            key,
            reception,
            cursors,
            self._patience,
            long_poll_s=settings.long_poll_s,
            clock=lambda: now().timestamp(),
        )
        self._webhook = Webhook(key.name, settings.secret, reception, self._identify, self.counts)

    def routes(self) -> list[BaseRoute]:
        """What the public listener serves for the account: nothing in polling mode."""
        return self._webhook.routes() if self._settings.mode == "webhook" else []

    async def close(self) -> None:
        """Within about four seconds: give up unanswered presses and close the connections."""
        await self._acknowledger.close()
        await disconnect(self._bot)

    async def run(self) -> None:
        """Receive until cancelled. What Telegram does is borne; an error that nobody foresaw is raised."""
        me = self._me = await self._patience.asked(self._get_me)
        log.info("telegram.connected", account=self._key.name, bot_id=me.id, username=me.username, mode=self._settings.mode)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(offer_commands(self._bot, self._key.name, self._commands), name="telegram menu")
            if self._settings.mode == "polling":
                await self._polling.run(me)
            else:
                await self._registration().run()

    def _registration(self) -> Registration:
        name, settings = self._key.name, self._settings
        return Registration(self._bot, name, settings.public_url(name), settings.secret, self._patience)

    async def _get_me(self) -> Me:
        user = await self._bot(GetMe(), request_timeout=IDENTIFY_S)
        return Me(user.id, user.username or "", names(self._commands))

    async def _identify(self) -> Me | None:
        """For webhook requests, which also reach processes that do not run the account."""
        if self._me is None:
            try:
                self._me = await self._get_me()
            except TelegramAPIError:
                return None
        return self._me
