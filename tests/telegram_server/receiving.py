"""getUpdates, setWebhook, deleteWebhook, getWebhookInfo: the two ways a bot hears, of which it has one at a time."""

import re
from typing import Any
from urllib.parse import urlsplit

from tests.telegram_server.account import BotAccount
from tests.telegram_server.call import Call
from tests.telegram_server.polling import WEBHOOK_SET, Polling
from tests.telegram_server.refusal import bad_request, too_many
from tests.telegram_server.updates import KINDS_BY_DEFAULT, allowed_kinds
from tests.telegram_server.webhook import Answer, Webhook

DEFAULT_CONNECTIONS = 40


class Reception:
    """One bot's polls and its webhook."""

    def __init__(self, bot: BotAccount, on_answer: Answer) -> None:
        self.polling = Polling(bot)
        self.webhook: Webhook | None = None
        self._bot, self._on_answer = bot, on_answer
        self._set_again_at = -1e9

    async def get_updates(self, call: Call) -> bytes:
        self.polling.webhook_set = self.webhook is not None
        return await self.polling.get_updates(
            call.number("offset"), call.number("limit", 100), call.number("timeout"), call.text("allowed_updates") or None
        )

    async def set_webhook(self, call: Call) -> bool:
        """Client::process_set_webhook_query. Plain http and any port are taken, as by a server in local mode."""
        url = call.text("url")
        if not url:
            return await self.delete_webhook(call)
        now = self._bot.clock.now()
        if now < self._set_again_at:
            raise too_many(1)
        self._set_again_at = now + self._bot.limits.set_webhook_s
        _check(url, call.text("secret_token"))
        await self._forget(call)
        self.polling.abort(WEBHOOK_SET)
        self._allow(call)
        connections = min(max(call.number("max_connections", DEFAULT_CONNECTIONS), 1), 100)
        self.webhook = Webhook(self._bot, url, call.text("secret_token"), connections, self._on_answer)
        self._bot.receiver = self.webhook
        return True

    async def delete_webhook(self, call: Call) -> bool:
        await self._forget(call)
        return True

    def info(self, _call: Call) -> dict[str, Any]:
        """JsonWebhookInfo."""
        hook = self.webhook
        made: dict[str, Any] = {"url": hook.url if hook else "", "has_custom_certificate": False}
        made["pending_update_count"] = len(self._bot.queue)
        if hook is not None:
            if hook.error:
                made |= {"last_error_date": hook.error_at, "last_error_message": hook.error}
            made |= {"max_connections": hook.max_connections, "ip_address": "127.0.0.1"}
        if self._bot.allowed != KINDS_BY_DEFAULT:
            made["allowed_updates"] = sorted(self._bot.allowed)
        return made

    def start_over(self) -> None:
        """The queue was numbered anew."""
        if self.webhook is not None:
            self.webhook.start_over()

    async def close(self) -> None:
        self.polling.abort("")
        if self.webhook is not None:
            await self.webhook.close()

    def _allow(self, call: Call) -> None:
        kinds = allowed_kinds(call.text("allowed_updates") or None)
        if kinds is not None:
            self._bot.allowed = kinds

    async def _forget(self, call: Call) -> None:
        if self.webhook is not None:
            self._bot.receiver = None
            await self.webhook.close()
            self.webhook = None
        if call.flag("drop_pending_updates"):
            self._bot.queue.clear()


def _check(url: str, secret: str) -> None:
    try:
        parts = urlsplit(url)
    except ValueError:
        raise bad_request("invalid webhook URL specified") from None
    if parts.scheme not in {"http", "https"}:
        raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
    if not parts.hostname:
        raise bad_request("invalid webhook URL specified")
    if len(secret) > 256:
        raise bad_request("secret token is too long")
    if not re.fullmatch(r"[A-Za-z0-9_-]*", secret):
        raise bad_request("secret token contains unallowed characters")
