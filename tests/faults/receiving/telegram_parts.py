"""The parts of a Telegram account that are wrapped, so that they reach the fault points; and two of them broken on purpose.

`offset_early`: updates are acknowledged as soon as they were handed over. `answer_early`: a webhook request is answered before
its update is stored.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any

from aiogram import Bot
from aiogram.methods import GetUpdates, GetWebhookInfo, SetWebhook, TelegramMethod
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

import adapters.telegram.account
import adapters.telegram.session
from adapters.telegram.addressing import Me
from adapters.telegram.methods import GetRawUpdates
from adapters.telegram.polling import Polling
from adapters.telegram.reception import Reception
from adapters.telegram.session import Session
from adapters.telegram.webhook import Webhook
from bot.events import Cursor
from tests.faults.points import Fuse
from tests.faults.receiving.arrows import crossing

EARLY_S = 0.15
_KEPT: set[asyncio.Task[None]] = set()


class FusedSession(Session):
    """Points around getUpdates: `acknowledge` where it asks beyond updates that were handed out before, else `fetch`."""

    fuse: Fuse
    _asked = 0

    async def make_request(self, bot: Bot, method: TelegramMethod[Any], timeout: float | None = None) -> Any:
        asking = super().make_request(bot, method, timeout)
        if isinstance(method, GetUpdates):
            offset = method.offset or 0
            name = "acknowledge" if offset > self._asked > 0 else "fetch"
            self._asked = offset or self._asked
            return await self._updates(name, asking)
        if isinstance(method, GetWebhookInfo | SetWebhook):
            return await crossing(self.fuse, "register", asking)
        return await asking

    async def _updates(self, name: str, asking: Awaitable[Any]) -> Any:
        updates = await crossing(self.fuse, name, asking)
        if updates:
            self._asked = self._asked or 1
        return updates


class FusedWebhook(Webhook):
    """Points as a request came, as its answer is made, and as that was sent."""

    fuse: Fuse

    async def post(self, request: Request) -> Response:
        self.fuse.reach("hook:before")
        response = await super().post(request)
        self.fuse.reach("hook:after")
        response.background = BackgroundTask(self._sent)
        return response

    async def _sent(self) -> None:
        self.fuse.reach("hook:answered")


class OffsetEarly(Polling):
    async def _keep(self, me: Me, updates: list[Any]) -> None:
        await self._bot(GetRawUpdates(offset=updates[-1]["update_id"] + 1, limit=1, timeout=0))
        await super()._keep(me, updates)


class AnswerEarly(Reception):
    async def take(self, me: Me, updates: Any, cursor: Cursor | None = None) -> None:
        later = asyncio.create_task(self._late(me, updates, cursor))
        _KEPT.add(later)
        later.add_done_callback(_KEPT.discard)

    async def _late(self, me: Me, updates: Any, cursor: Cursor | None) -> None:
        await asyncio.sleep(EARLY_S)
        await super().take(me, updates, cursor)


def furnish(fuse: Fuse, mutant: str) -> None:
    """From here on this process, which is a life, makes Telegram accounts of these parts."""
    FusedSession.fuse = FusedWebhook.fuse = fuse
    adapters.telegram.session.Session = FusedSession
    adapters.telegram.account.Webhook = FusedWebhook
    if mutant == "offset_early":
        adapters.telegram.account.Polling = OffsetEarly
    if mutant == "answer_early":
        adapters.telegram.account.Reception = AnswerEarly
