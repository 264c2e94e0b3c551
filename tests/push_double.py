"""A push channel of our own with each platform's habits: what it was asked, what a user would have seen, and when.

It accepts, limits, forgets answers and loses messages as scripted, punishes who breaks a limit, and outlives its callers.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import TypeVar

from bot.errors import ChannelError, DeliveryUnknown, MessageGone, MessageRefused, RecipientGone, RetryLater
from bot.events import ChannelAddress
from bot.ports import ChannelHabits, OutboundMessage

TELEGRAM_GROUP = ChannelHabits(4096, 30.0, 30, 20 / 60, 20, "edit", preview="edit")
TELEGRAM_PRIVATE = ChannelHabits(4096, 30.0, 30, 1.0, 1, "resend", preview="draft")
DISCORD = ChannelHabits(2000, 50.0, 50, 1.0, 5, "reconcile", nonce_window_s=120.0, preview="edit")
NOWHERE = ChannelAddress("telegram", "main", "")  # a file is asked for at no chat, and takes nothing of its budget
ROUNDING = 1e-6
R = TypeVar("R")


class Fault(Enum):
    """What happens to one call instead of success."""

    UNKNOWN_BEFORE = "lost on the way in"
    UNKNOWN_AFTER = "done, but the answer was lost"
    HANGS = "never answers, not done"
    LIMIT_CHAT = "429 for the chat"
    LIMIT_ACCOUNT = "429 for the account"
    LIMIT_PREVIEWS = "429 for the chat's drafts and typing marks"
    GONE = "recipient gone"
    NO_MESSAGE = "the message is not there any more"
    REFUSED = "refused"
    BROKEN = "the adapter has a mistake"


@dataclass(frozen=True, slots=True)
class Seen:
    """Something a user could see at a time."""

    at: float
    what: str
    chat_id: str
    platform_id: str
    text: str


@dataclass(slots=True)
class Message:
    chat_id: str
    outbox_id: str
    text: str
    nonce_until: float
    deleted: bool = False


@dataclass(slots=True)
class Meter:
    """The platform's own count of one budget; who comes while told to wait is made to wait twice as long."""

    rate: float
    burst: int
    level: float
    at: float
    closed_until: float = 0.0
    penalty_s: float = 0.0

    def refusal(self, now: float) -> float:
        """Seconds to wait, or 0 when the call is let in."""
        self.level = min(self.burst, self.level + (now - self.at) * self.rate)
        self.at = now
        if now < self.closed_until:
            return self.close(now, 2 * self.penalty_s)
        if self.level < 1 - ROUNDING:
            return self.close(now, (1 - self.level) / self.rate + 5.0)
        self.level -= 1
        return 0.0

    def close(self, now: float, seconds: float) -> float:
        self.closed_until, self.penalty_s = now + seconds, seconds
        return seconds


Script = Callable[[str, ChannelAddress], Fault | None]


def _faultless(_call: str, _address: ChannelAddress) -> Fault | None:
    return None


@dataclass
class PushDouble:
    """`script` names the fault of each call; `broken` counts calls made in spite of a limit."""

    at_address: Callable[[ChannelAddress], ChannelHabits]
    script: Script = _faultless
    latency: Callable[[], float] = lambda: 0.02
    retry_after_s: float = 7.0
    slow_chats: dict[str, float] = field(default_factory=dict)
    blocked_chats: set[str] = field(default_factory=set)
    refused_texts: set[str] = field(default_factory=set)
    seen: list[Seen] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    faults: Counter[Fault] = field(default_factory=Counter)
    broken: int = 0
    messages: dict[str, Message] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    _account: Meter | None = None
    _chats: dict[str, Meter] = field(default_factory=dict)

    def habits(self, address: ChannelAddress) -> ChannelHabits:
        return self.at_address(address)

    def measure(self, text: str) -> int:
        return len(text)

    async def send(self, message: OutboundMessage) -> str:
        habits = self.habits(message.address)
        return await self._call("send", message.address, message.text, lambda: self._accept(message, habits))

    async def edit(self, message: OutboundMessage, platform_id: str) -> None:
        await self._call("edit", message.address, message.text, lambda: self._change(platform_id, message.text))

    async def delete(self, message: OutboundMessage, platform_id: str) -> None:
        await self._call("delete", message.address, "", lambda: self.take_away(platform_id))

    async def draft(self, message: OutboundMessage) -> None:
        await self._call("draft", message.address, message.text, lambda: self._show(message, "drafted"))

    async def typing(self, address: ChannelAddress) -> None:
        await self._call("typing", address, "", lambda: self._see("typing", address.chat_id, "", ""))

    async def find_sent(self, message: OutboundMessage, since: datetime) -> str | None:
        assert since.tzinfo is not None
        return await self._call("find_sent", message.address, "", lambda: self._find(message))

    async def fetch(self, reference: str, max_bytes: int) -> bytes:
        return await self._call("fetch", NOWHERE, "", lambda: self._file(reference)[:max_bytes])

    def take_away(self, platform_id: str) -> None:
        """Delete a message, as the bot or a person would."""
        message = self.messages[platform_id]
        if not message.deleted:
            message.deleted = True
            self._see("deleted", message.chat_id, platform_id, message.text)

    def times_shown(self, text: str) -> int:
        """How many messages showed exactly this text."""
        return len({sight.platform_id for sight in self.seen if sight.what in {"sent", "edited"} and sight.text == text})

    def first_shown(self, text: str) -> float:
        return next(sight.at for sight in self.seen if sight.what in {"sent", "edited"} and sight.text == text)

    def on_show(self, chat_id: str) -> list[str]:
        """The texts of the chat's messages that were not deleted."""
        return [message.text for message in self.messages.values() if message.chat_id == chat_id and not message.deleted]

    async def _call(self, call: str, address: ChannelAddress, text: str, effect: Callable[[], R]) -> R:
        self.calls[call] += 1
        there_s, back_s = (self.slow_chats.get(address.chat_id) or self.latency() for _ in range(2))
        await asyncio.sleep(there_s / 2)
        if address is not NOWHERE:
            self._admit(address)
        fault = self.script(call, address)
        if fault is not None:
            self.faults[fault] += 1
        if fault is Fault.HANGS:
            await asyncio.sleep(3600)
        self._refuse(fault, address, text)
        result = effect()
        await asyncio.sleep(back_s / 2)
        if fault is Fault.UNKNOWN_AFTER:
            raise DeliveryUnknown("the answer was lost")
        return result

    def _admit(self, address: ChannelAddress) -> None:
        now, habits = asyncio.get_running_loop().time(), self.habits(address)
        if self._account is None:
            self._account = Meter(habits.account_rate, habits.account_burst, habits.account_burst, now)
        new = Meter(habits.chat_rate, habits.chat_burst, habits.chat_burst, now)
        for scope, meter in (("account", self._account), ("chat", self._chats.setdefault(address.chat_id, new))):
            wait_s = meter.refusal(now)
            if wait_s > 0:
                self.broken += 1
                raise RetryLater("too many requests", after_s=wait_s, scope=scope)

    def _refuse(self, fault: Fault | None, address: ChannelAddress, text: str) -> None:
        now = asyncio.get_running_loop().time()
        error: ChannelError | None = None
        if fault is Fault.BROKEN:
            raise KeyError("a mistake of the adapter")
        if fault is Fault.LIMIT_CHAT:
            meter = self._chats.get(address.chat_id)
            error = RetryLater("429", after_s=meter.close(now, self.retry_after_s) if meter else self.retry_after_s)
        elif fault is Fault.LIMIT_ACCOUNT and self._account is not None:
            error = RetryLater("429", after_s=self._account.close(now, self.retry_after_s), scope="account")
        elif fault is Fault.LIMIT_PREVIEWS:
            error = RetryLater("429", after_s=self.retry_after_s, scope="previews")
        elif fault is Fault.UNKNOWN_BEFORE:
            error = DeliveryUnknown("no connection")
        elif fault is Fault.GONE or address.chat_id in self.blocked_chats:
            error = RecipientGone("blocked by the user")
        elif fault is Fault.NO_MESSAGE:
            error = MessageGone("message not found")
        elif fault is Fault.REFUSED or text in self.refused_texts:
            error = MessageRefused("bad request")
        if error is not None:
            raise error

    def _accept(self, message: OutboundMessage, habits: ChannelHabits) -> str:
        now, chat = asyncio.get_running_loop().time(), message.address.chat_id
        for platform_id, known in self.messages.items():
            if known.chat_id == chat and known.outbox_id == message.outbox_id and now < known.nonce_until:
                return platform_id
        platform_id = f"m{len(self.messages) + 1}"
        self.messages[platform_id] = Message(chat, message.outbox_id, message.text, now + habits.nonce_window_s)
        self._see("sent", chat, platform_id, message.text)
        return platform_id

    def _file(self, reference: str) -> bytes:
        if reference not in self.files:
            raise MessageGone("file not found")
        return self.files[reference]

    def _change(self, platform_id: str, text: str) -> None:
        message = self.messages[platform_id]
        if message.deleted:
            raise MessageGone("message to edit not found")
        if message.text != text:
            message.text = text
            self._see("edited", message.chat_id, platform_id, text)

    def _find(self, wanted: OutboundMessage) -> str | None:
        found = (name for name, message in self.messages.items() if message.outbox_id == wanted.outbox_id)
        return next(found, None)

    def _show(self, message: OutboundMessage, what: str) -> None:
        self._see(what, message.address.chat_id, "", message.text)

    def _see(self, what: str, chat_id: str, platform_id: str, text: str) -> None:
        self.seen.append(Seen(asyncio.get_running_loop().time(), what, chat_id, platform_id, text))
