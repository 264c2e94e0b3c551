"""One answer's preview on a push channel: typing while it is thought about, then a placeholder, then edits of it."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import structlog

from bot.delivery.asking import ask
from bot.delivery.carry import placeholder_id
from bot.delivery.limits import PreviewLimits
from bot.delivery.pacing import Pacing, Use
from bot.delivery.splitting import split
from bot.delivery.tally import Tally
from bot.errors import ChannelError, DeliveryUnknown, MessageGone, RetryLater, StoreUnavailable
from bot.ports import OutboundMessage, PreviewTarget, PushChannel
from bot.store import placeholders
from bot.store.bulletin import Topic
from bot.store.ids import OutboxId, WorkspaceId
from bot.store.outbox import Reserved
from bot.store.store import Store

T = TypeVar("T")
AGAIN_S = 0.2
log = structlog.get_logger()


class Strand:
    """Shows the newest text of one target when the budgets have a surplus. It gives up rather than wait or insist."""

    def __init__(
        self,
        store: Store,
        channel: PushChannel,
        pacing: Pacing,
        tally: Tally,
        limits: PreviewLimits,
        target: PreviewTarget,
    ) -> None:
        assert target.outbox_id is not None, "previews of push channels stand on a reserved row"
        self.target = target
        self._store = store
        self._channel = channel
        self._pacing = pacing
        self._tally = tally
        self._limits = limits
        self._workspace_id = WorkspaceId(target.workspace_id)
        self._outbox_id = OutboxId(target.outbox_id)
        self._habits = channel.habits(target.address)
        self._place_tries = 2 if self._habits.nonce_window_s > 0 else 1
        self._text = ""
        self._shown: str | None = None
        self._shown_at = 0.0
        self._changed = asyncio.Event()
        self._over = asyncio.Event()

    def show(self, text: str) -> None:
        """The newest text; one that was not shown yet is skipped."""
        if self._changed.is_set():
            self._tally.count("previews", "skipped")
        self._text = text
        self._changed.set()

    def end(self) -> None:
        """Start no further request."""
        self._over.set()
        self._changed.set()

    async def ended(self) -> None:
        """Return once `end` was called."""
        await self._over.wait()

    async def run(self) -> None:
        """Show texts until the end, or until previewing does not work here."""
        if self._habits.preview == "none":
            return
        await self._pause(self._limits.grace_s)
        try:
            now = asyncio.get_running_loop().time
            while await self._news() and await self._surplus():
                asked_at = now()
                row = await self._store.read(placeholders.showing, self._workspace_id, self._outbox_id, epoch=self.target.epoch)
                if now() - asked_at > self._limits.stale_s:
                    continue
                if row is None or self._over.is_set():
                    return
                goes_on = await self._step(row)
                if row.platform_id is not None and now() - asked_at > self._limits.stale_s:
                    await self._restate(row.platform_id)
                if not goes_on:
                    return
        except StoreUnavailable as error:
            log.info("preview given up", outbox_id=self._outbox_id, error=str(error))

    async def _restate(self, platform_id: str) -> None:
        """We were suspended over an edit: a successor may have sent the answer before it landed. Tried until it is stored, since
        nobody else knows, and the database may have hung up on who was suspended.
        """
        while True:
            try:
                restated = await self._store.write(placeholders.restate, self._workspace_id, self._outbox_id, platform_id)
            except StoreUnavailable:
                await asyncio.sleep(AGAIN_S)
            else:
                break
        if restated:
            log.warning("answer shown again after a late preview", outbox_id=self._outbox_id)
            self._store.bulletin.post(Topic.OUTBOX, self.target.account_id)

    def _picture(self) -> str:
        """What should be on show: the text as far as one message holds it, "" for a typing mark."""
        if self._text == "" or self._habits.preview == "typing":
            return ""
        return split(self._text, self._channel.measure, self._habits.max_text)[0]

    async def _news(self) -> bool:
        """Wait until something else is to be shown, or a mark on show runs out; False at the end."""
        while not self._over.is_set() and self._picture() == self._shown:
            self._changed.clear()
            try:
                async with asyncio.timeout_at(self._lasts_until()):
                    await self._changed.wait()
            except TimeoutError:
                self._shown = None
        return not self._over.is_set()

    def _lasts_until(self) -> float | None:
        if self._shown == "":
            return self._shown_at + self._limits.typing_s
        return self._shown_at + self._limits.draft_s if self._habits.preview == "draft" else None

    async def _surplus(self) -> bool:
        """Wait for a surplus of the budgets and spend from it; False at the end."""
        now = asyncio.get_running_loop().time
        chat = self.target.address.chat_id
        while not self._over.is_set() and (wait_s := self._pacing.wait(chat, self._habits, Use.PREVIEW, now())) > 0:
            await self._pause(wait_s)
        if not self._over.is_set():
            self._pacing.spend(chat, self._habits, now())
        return not self._over.is_set()

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._over.wait()
        except TimeoutError:
            return

    async def _step(self, row: Reserved) -> bool:
        """One request. False when there is no use in going on."""
        self._changed.clear()
        picture = self._picture()
        placing = picture != "" and self._habits.preview == "edit" and row.platform_id is None
        try:
            if placing:
                return await self._place(row)
            await self._ask(self._request(row, picture))
        except MessageGone:
            await self._store.write(placeholders.forget_preview, self._workspace_id, self._outbox_id)
            self._shown = None
            return self._may_place()
        except (RetryLater, DeliveryUnknown) as error:
            return self._put_off(error, placing=placing)
        except ChannelError as error:
            log.info("preview refused", outbox_id=self._outbox_id, error=str(error))
            return False
        self._shown, self._shown_at = picture, asyncio.get_running_loop().time()
        self._tally.count("previews", "sent")
        await self._pause(self._limits.interval_s)
        return True

    async def _ask(self, request: Awaitable[T]) -> T:
        return await ask(request, within_s=self._limits.request_s, tally=self._tally)

    async def _request(self, row: Reserved, picture: str) -> None:
        if picture == "":
            await self._channel.typing(self.target.address)
        elif self._habits.preview == "draft":
            await self._channel.draft(self._message(self._outbox_id, row, picture))
        else:
            assert row.platform_id is not None, "text is shown only where its message is on record"
            await self._channel.edit(self._message(self._outbox_id, row, picture), row.platform_id)

    def _message(self, outbox_id: str, row: Reserved, text: str) -> OutboundMessage:
        reply_to = row.reply_to if self._habits.replies else None
        return OutboundMessage(outbox_id, self.target.address, text, reply_to, secret=row.secret)

    async def _place(self, row: Reserved) -> bool:
        """Send the placeholder and put its id on record; only then may it show text."""
        message = self._message(placeholder_id(self._outbox_id), row, self._limits.placeholder)
        platform_id = await self._ask(self._channel.send(message))
        try:
            if await self._store.write(placeholders.note_preview, self._workspace_id, self._outbox_id, platform_id):
                return True
        except StoreUnavailable as error:
            log.info("placeholder not recorded", outbox_id=self._outbox_id, error=str(error))
        await self._take_away(message, platform_id)
        return False

    async def _take_away(self, message: OutboundMessage, platform_id: str) -> None:
        try:
            await self._ask(self._channel.delete(message, platform_id))
        except ChannelError:
            self._tally.count("previews", "orphaned")

    def _put_off(self, error: RetryLater | DeliveryUnknown, *, placing: bool) -> bool:
        if isinstance(error, RetryLater):
            now = asyncio.get_running_loop().time()
            self._pacing.hold(error.scope, self.target.address.chat_id, self._habits, error.after_s, now)
            self._tally.count("rate_limited", self.target.address.channel)
            return True
        if placing and not self._may_place():
            self._tally.count("previews", "orphaned")
            return False
        return True

    def _may_place(self) -> bool:
        """A nonce makes a second try harmless; without one, a placeholder may be left over, but only one."""
        self._place_tries -= 1
        return self._place_tries > 0
