"""Telling Telegram where to post updates, only when it does something else; nothing that waits there is ever dropped."""

import structlog
from aiogram import Bot
from aiogram.methods import GetWebhookInfo, SetWebhook
from aiogram.types import WebhookInfo

from adapters.telegram.methods import ALLOWED_UPDATES
from adapters.telegram.waiting import Patience

MAX_CONNECTIONS = 40
LOOK_AGAIN_S = 600.0
log = structlog.get_logger()


class Registration:
    """Keeps the webhook of one account as it should be. `url` holds a mark of the secret, see TelegramSettings.public_url."""

    def __init__(self, bot: Bot, account: str, url: str, secret: str, patience: Patience) -> None:
        self._bot = bot
        self._account = account
        self._url = url
        self._secret = secret
        self._patience = patience

    async def run(self) -> None:
        """Until cancelled: somebody else who deletes or changes the webhook would make the account silent."""
        while True:
            if not self.fits(await self._patience.asked(lambda: self._bot(GetWebhookInfo()))):
                await self._patience.asked(self._set)
                log.info("telegram.webhook_set", account=self._account)
            await self._patience.sleep(LOOK_AGAIN_S)

    def fits(self, info: WebhookInfo) -> bool:
        wanted = (self._url, set(ALLOWED_UPDATES), MAX_CONNECTIONS)
        return (info.url, set(info.allowed_updates or []), info.max_connections) == wanted

    async def _set(self) -> bool:
        return await self._bot(
            SetWebhook(
                url=self._url,
                secret_token=self._secret,
                allowed_updates=ALLOWED_UPDATES,
                max_connections=MAX_CONNECTIONS,
                drop_pending_updates=False,
            )
        )
