"""How often a bot may speak, and what happens to one that does not listen."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from tests.telegram_server.refusal import too_many


@dataclass(frozen=True, slots=True)
class Limits:
    """Rates as documented at https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
    ("no more than one message per second in a chat ... short bursts", "20 messages per minute" in a group, "about 30 messages per
    second" in all); edits share these. The figures of drafts are undocumented and ours. Times of receiving are those of
    tdlib/telegram-bot-api, named beside each; tests make them smaller.
    """

    private_per_s: float = 1.0
    private_burst: int = 3
    group_per_min: float = 20.0
    group_burst: int = 20
    bot_per_s: float = 30.0
    bot_burst: int = 30
    draft_per_s: float = 2.0
    draft_burst: int = 10
    penalty_s: float = 3.0  # added to the wait of who went over; the platform's own waits are longer than the bucket needs
    in_flight_s: float = 0.1  # requests so soon after a 429 were under way already and are not held against the bot
    draft_shown_s: float = 30.0  # sendMessageDraft: "a temporary 30-second preview"
    callback_answer_s: float = 15.0  # then answerCallbackQuery is too late (QUERY_ID_INVALID)
    callback_kept_s: float = 150.0  # Client::process_new_callback_query_queue: lifetime of the update
    update_kept_s: float = 86400.0  # "Incoming updates are stored ... not longer than 24 hours"
    repeated_poll_s: float = 3.0  # Client::process_get_updates_query: a repeated offset within this waits as long
    hasty_poll_s: float = 0.5  # the same: a repeated offset within this gets one update
    conflict_s: float = 3.0  # Client::fail_query_conflict: a second 409 within this is held back as long
    set_webhook_s: float = 1.0  # Client::process_set_webhook_query: once in this, else 429
    webhook_retry_s: float = 1.0  # WebhookActor::on_update_error: first delay, doubled to 60-120
    webhook_timeout_s: float = 60.0
    delete_within_s: float = 172800.0  # MessagesManager::can_revoke_message: 2 * 86400 for bots
    file_bytes: int = 20 << 20  # MAX_DOWNLOAD_FILE_SIZE

    @classmethod
    def none(cls) -> "Limits":
        """No rate is limited and no poll is slowed; every other rule stays."""
        free, many = 1e9, 10**9
        return cls(
            free, many, free, many, free, many, free, many,
            repeated_poll_s=0.0, hasty_poll_s=0.0, conflict_s=0.0, set_webhook_s=0.0, webhook_retry_s=0.01,
        )  # fmt: skip


class Meter:
    """A bucket of `burst` calls refilled at `rate` per second; who is over has to wait, and the wait does not get shorter by
    asking.
    """

    __slots__ = ("_at", "_burst", "_closed_until", "_level", "_rate", "_told_at", "_wait_s")

    def __init__(self, rate: float, burst: int, now: float) -> None:
        self._rate, self._burst = rate, float(burst)
        self._level, self._at = float(burst), now
        self._closed_until = self._told_at = self._wait_s = 0.0

    def wait_s(self, now: float, penalty_s: float) -> float:
        """Seconds the bot has to wait before a call is let in; 0 when it is (nothing is taken)."""
        self._level = min(self._burst, self._level + (now - self._at) * self._rate)
        self._at = now
        if now < self._closed_until:
            return self._closed_until - now
        if self._level < 1 - 1e-6:
            self.close(now, (1 - self._level) / self._rate + penalty_s)
            return self._wait_s
        return 0.0

    def take(self) -> None:
        self._level -= 1

    def close(self, now: float, seconds: float) -> None:
        """Let nothing in for so long."""
        self._closed_until, self._told_at, self._wait_s = now + seconds, now, seconds

    def waiting(self, now: float) -> bool:
        return now < self._closed_until

    def disobeyed(self, now: float, in_flight_s: float) -> bool:
        """Whether a call now ignores the wait it was told of; if so the wait begins anew."""
        if not self.waiting(now) or now - self._told_at <= in_flight_s:
            return False
        self.close(now, self._wait_s)
        return True

    @property
    def idle(self) -> bool:
        return self._level >= self._burst and self._closed_until <= self._at


class Rates:
    """One bot's meters: the whole bot, each chat, and each chat's drafts. `broken` counts calls made while told to wait."""

    MOST_CHATS = 20_000

    def __init__(self, limits: Limits, now: Callable[[], float]) -> None:
        self.limits, self._now = limits, now
        self.broken = 0
        self.refused = 0
        self._bot = Meter(limits.bot_per_s, limits.bot_burst, now())
        self._chats: dict[tuple[int, bool], Meter] = {}

    def charge(self, chat_id: int, *, draft: bool = False) -> None:
        """Take one call off the chat's budget and the bot's (a draft: off its own). Raises 429 with whole seconds."""
        now = self._now()
        meters = (self._meter(chat_id, draft, now),) if draft else (self._bot, self._meter(chat_id, False, now))
        self.broken += sum(meter.disobeyed(now, self.limits.in_flight_s) for meter in meters) > 0  # each is asked
        wait_s = max(meter.wait_s(now, self.limits.penalty_s) for meter in meters)
        if wait_s > 0:
            self.refused += 1
            raise too_many(math.ceil(wait_s - 1e-6))  # three seconds are three, whatever floats make of them
        for meter in meters:
            meter.take()

    def close(self, chat_id: int | None, seconds: float, *, draft: bool = False) -> None:
        """A 429 out of the blue for a chat, or for the whole bot when there is none."""
        now = self._now()
        meter = self._bot if chat_id is None else self._meter(chat_id, draft, now)
        if meter.disobeyed(now, self.limits.in_flight_s):
            self.broken += 1
        self.refused += 1
        meter.close(now, seconds)

    def _meter(self, chat_id: int, draft: bool, now: float) -> Meter:
        meter = self._chats.get((chat_id, draft))
        if meter is None:
            if len(self._chats) >= self.MOST_CHATS:
                self._chats = {key: known for key, known in self._chats.items() if not known.idle}
            meter = self._chats[chat_id, draft] = Meter(*self._budget(chat_id, draft), now)
        return meter

    def _budget(self, chat_id: int, draft: bool) -> tuple[float, int]:
        limits = self.limits
        if draft:
            return limits.draft_per_s, limits.draft_burst
        if chat_id < 0:
            return limits.group_per_min / 60, limits.group_burst
        return limits.private_per_s, limits.private_burst
