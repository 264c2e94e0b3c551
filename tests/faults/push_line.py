"""The line between a life and the platform of its push account: lines of JSON over a Unix socket.

`Platform` is the driver's end: a push double with its updates, which outlives every life. `LinePlatform` is the life's end: the
naive channel adapter, which polls for updates as Telegram's do and makes requests with unknown outcomes when the line is cut.
"""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from bot.errors import ChannelError, DeliveryUnknown, MessageGone, MessageRefused, RecipientGone, RetryLater
from bot.events import ChannelAddress
from bot.ports import ChannelHabits, OutboundMessage
from tests.push_double import PushDouble

ERRORS: dict[str, type[ChannelError]] = {
    error.__name__: error for error in (DeliveryUnknown, MessageGone, MessageRefused, RecipientGone)
}
LINE = 1 << 20
POLL_S = 1.0
_FREE: dict[str, Any] = {"account_rate": 1000.0, "account_burst": 1000, "chat_rate": 200.0, "chat_burst": 200}
GROUP = ChannelHabits(4096, **_FREE, in_doubt="edit", preview="edit")
PRIVATE = ChannelHabits(4096, **_FREE, in_doubt="resend", preview="draft")
NONCED = ChannelHabits(2000, **_FREE, in_doubt="reconcile", nonce_window_s=4.0, preview="edit")


def habits_at(address: ChannelAddress) -> ChannelHabits:
    """Chats are named for what they are: g (a group), p (a private chat), d (a channel with nonces)."""
    return {"g": GROUP, "p": PRIVATE, "d": NONCED}[address.chat_id[0]]


@dataclass(frozen=True, slots=True)
class Update:
    update_id: int
    chat_id: str
    text: str


@dataclass
class Platform:
    """Keeps updates until they are confirmed by asking for later ones: at least once, as platforms do."""

    double: PushDouble = field(default_factory=lambda: PushDouble(habits_at, latency=lambda: 0.004))
    updates: list[Update] = field(default_factory=list)
    confirmed: int = 0
    handed: Counter[int] = field(default_factory=Counter)
    _more: asyncio.Event = field(default_factory=asyncio.Event)
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self, path: str) -> None:
        self._server = await asyncio.start_unix_server(self._serve, path, limit=LINE)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def write(self, chat_id: str, text: str) -> None:
        """A customer writes: the platform has it from now on."""
        self.updates.append(Update(len(self.updates) + 1, chat_id, text))
        self._more.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        me = asyncio.current_task()
        assert me is not None
        self._tasks.add(me)
        try:
            while line := await reader.readline():
                task = asyncio.create_task(self._do(json.loads(line), writer))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        except (ConnectionError, ValueError):
            pass
        finally:
            self._tasks.discard(me)
            writer.close()

    async def _do(self, asked: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        try:
            answer: dict[str, Any] = {"ok": await self._call(asked["call"], asked)}
        except RetryLater as error:
            answer = {"error": "RetryLater", "said": str(error), "after_s": error.after_s, "scope": error.scope}
        except ChannelError as error:
            answer = {"error": type(error).__name__, "said": str(error)}
        with contextlib.suppress(ConnectionError):
            writer.write(json.dumps({"id": asked["id"], **answer}).encode() + b"\n")
            await writer.drain()

    async def _call(self, call: str, asked: dict[str, Any]) -> Any:
        if call == "updates":
            return await self._hand_out(asked["offset"])
        address = ChannelAddress(**asked["address"])
        if call == "typing":
            return await self.double.typing(address)
        message = OutboundMessage(asked["outbox_id"], address, asked["text"], asked["reply_to"], repeat=asked["repeat"])
        match call:
            case "send" | "draft" | "find_sent":
                if call == "find_sent":
                    return await self.double.find_sent(message, datetime.now(UTC))
                return await (self.double.send(message) if call == "send" else self.double.draft(message))
            case "edit":
                return await self.double.edit(message, asked["platform_id"])
            case "delete":
                return await self.double.delete(message, asked["platform_id"])
        raise AssertionError(call)

    async def _hand_out(self, offset: int) -> list[tuple[int, str, str]]:
        self.confirmed = max(self.confirmed, offset - 1)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(POLL_S):
                while not self.updates[self.confirmed :]:
                    self._more.clear()
                    await self._more.wait()
        waiting = self.updates[self.confirmed : self.confirmed + 20]
        self.handed.update(update.update_id for update in waiting)
        return [(update.update_id, update.chat_id, update.text) for update in waiting]


class LinePlatform:
    """A `PushChannel` over the line, and its updates. Call `connect` first."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._number = 0
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        reader, self._writer = await asyncio.open_unix_connection(self._path, limit=LINE)
        self._reading = asyncio.create_task(self._read(reader))

    async def close(self) -> None:
        if self._writer is not None and self._reading is not None:
            self._writer.close()
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    def habits(self, address: ChannelAddress) -> ChannelHabits:
        return habits_at(address)

    def measure(self, text: str) -> int:
        return len(text)

    async def updates(self, offset: int) -> Sequence[Update]:
        """Updates from `offset` on; earlier ones are confirmed by asking."""
        return [Update(*one) for one in await self._ask("updates", offset=offset)]

    async def send(self, message: OutboundMessage) -> str:
        return str(await self._ask("send", **asdict(message)))

    async def edit(self, message: OutboundMessage, platform_id: str) -> None:
        await self._ask("edit", **asdict(message), platform_id=platform_id)

    async def delete(self, message: OutboundMessage, platform_id: str) -> None:
        await self._ask("delete", **asdict(message), platform_id=platform_id)

    async def draft(self, message: OutboundMessage) -> None:
        await self._ask("draft", **asdict(message))

    async def typing(self, address: ChannelAddress) -> None:
        await self._ask("typing", address=asdict(address))

    async def find_sent(self, message: OutboundMessage, since: datetime) -> str | None:
        assert since.tzinfo is not None
        found = await self._ask("find_sent", **asdict(message))
        return str(found) if found is not None else None

    async def fetch(self, reference: str, max_bytes: int) -> bytes:
        raise MessageGone(f"nobody sends files over the line: {reference}, {max_bytes}")

    async def _ask(self, call: str, **named: Any) -> Any:
        assert self._writer is not None, "connect first"
        self._number += 1
        future = self._waiting[self._number] = asyncio.get_running_loop().create_future()
        self._writer.write(json.dumps({"id": self._number, "call": call, **named}).encode() + b"\n")
        answer = await future
        if "error" not in answer:
            return answer["ok"]
        if answer["error"] == "RetryLater":
            raise RetryLater(answer["said"], after_s=answer["after_s"], scope=answer["scope"])
        raise ERRORS[answer["error"]](answer["said"])

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            answer = json.loads(line)
            future = self._waiting.pop(answer["id"])
            if not future.done():
                future.set_result(answer)
        for future in self._waiting.values():
            future.set_exception(DeliveryUnknown("the line was cut"))
