"""getUpdates: Client::process_get_updates_query, do_get_updates, abort_long_poll, long_poll_wakeup (tdlib/telegram-bot-api)."""

import asyncio

from tests.telegram_server.account import BotAccount
from tests.telegram_server.refusal import Refusal, conflict
from tests.telegram_server.updates import Event, allowed_kinds

MOST_SECONDS = 50  # LONG_POLL_MAX_TIMEOUT
GATHER_S = 0.001  # LONG_POLL_WAIT_AFTER: so long after the first update others may join it
ANSWER_BYTES = 1 << 22  # JsonUpdates: an answer is cut off here

WEBHOOK_ACTIVE = "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
OTHER_POLLER = "terminated by other getUpdates request; make sure that only one bot instance is running"
WEBHOOK_SET = "terminated by setWebhook request"


class LongPoll:
    """One getUpdates that waits. Its future ends with the conflict's wording, or with nothing when it should look again."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[str | None] = self._loop.create_future()
        self._gathering = False

    def wake(self) -> None:
        if not self._gathering:
            self._gathering = True
            self._loop.call_later(GATHER_S, self.end, None)

    def end(self, why: str | None) -> None:
        if not self.ended.done():
            self.ended.set_result(why)


class Polling:
    """All that one bot's getUpdates calls share."""

    def __init__(self, bot: BotAccount) -> None:
        self._bot = bot
        self._last_offset, self._last_at = 0, -1e9
        self._conflict_free_at = -1e9
        self.webhook_set = False

    async def get_updates(self, offset: int, limit: int, timeout_s: int, allowed: str | None) -> bytes:
        """The JSON array. Raises 409: at once while a webhook is set, later when another poll begins to wait.

        A wait for updates that are there already ends at once, so a second poller does not always end the first: it does so only
        when it finds nothing and starts to wait itself.
        """
        if self.webhook_set:
            raise await self.conflict(WEBHOOK_ACTIVE)
        limit = min(max(limit, 1), 100)
        timeout_s = min(max(timeout_s, 0), MOST_SECONDS)
        kinds = allowed_kinds(allowed)
        if kinds is not None:
            self._bot.allowed = kinds
        limit, wait_s = self._slowed(offset, limit, timeout_s)
        events = self._bot.queue.get(offset, limit, self._bot.clock.now())
        if not events and wait_s > 0:
            events = await self._wait(offset, limit, wait_s)
        return _encoded(events)

    def abort(self, why: str) -> None:
        """End the poll that waits, if any, with 409."""
        if isinstance(self._bot.receiver, LongPoll):
            self._bot.receiver.end(why)
            self._bot.receiver = None

    async def conflict(self, why: str) -> Refusal:
        """The 409 to raise; a second one soon after another is held back (fail_query_conflict)."""
        now = self._bot.clock.now()
        if now < self._conflict_free_at:
            await asyncio.sleep(self._bot.limits.conflict_s)
        else:
            self._conflict_free_at = now + self._bot.limits.conflict_s
        return conflict(why)

    def _slowed(self, offset: int, limit: int, timeout_s: float) -> tuple[int, float]:
        """A client that asks for the same offset again and again is made to wait and gets one update at a time."""
        now, limits = self._bot.clock.now(), self._bot.limits
        if offset == self._last_offset:
            if timeout_s < limits.repeated_poll_s and now < self._last_at + limits.repeated_poll_s:
                timeout_s = limits.repeated_poll_s
            if now < self._last_at + limits.hasty_poll_s:
                limit = 1
        self._last_offset, self._last_at = offset, now
        return limit, timeout_s

    async def _wait(self, offset: int, limit: int, seconds: float) -> list[Event]:
        self.abort(OTHER_POLLER)
        poll = self._bot.receiver = LongPoll()
        self._bot.on_change()
        try:
            async with asyncio.timeout(seconds):
                why = await poll.ended
        except TimeoutError:
            why = None
        finally:
            if self._bot.receiver is poll:
                self._bot.receiver = None
        if why:
            raise await self.conflict(why)
        return self._bot.queue.get(max(offset, 0), limit, self._bot.clock.now())


def _encoded(events: list[Event]) -> bytes:
    parts: list[bytes] = []
    left = ANSWER_BYTES
    for event in events:
        left -= 50 + len(event.body)
        if left <= 0:
            break
        parts.append(event.encoded())
    return b"[" + b",".join(parts) + b"]"
