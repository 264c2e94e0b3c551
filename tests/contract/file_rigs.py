"""A file on each channel, to be fetched: the double's, and those of the real adapters over sockets with their stand-ins."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from bot.ports import PushChannel
from tests.contract.discord_rig import DiscordRig
from tests.contract.telegram_rig import TelegramRig, telegram_rig
from tests.discord_server import FETCH_FILE, READ_MESSAGE
from tests.discord_server import Fault as DiscordFault
from tests.push_double import DISCORD, Fault, PushDouble
from tests.telegram_server import Fault as TelegramFault

TELEGRAM = {
    Fault.UNKNOWN_BEFORE: TelegramFault.error(502),
    Fault.LIMIT_CHAT: TelegramFault.limit(1),
    Fault.HANGS: TelegramFault.hang(),
}
ON_DISCORD = {
    Fault.UNKNOWN_BEFORE: DiscordFault.error(503),
    Fault.LIMIT_CHAT: DiscordFault.limited(0.2),
    Fault.HANGS: DiscordFault.hang(),
}


class Rig(Protocol):
    """A channel and the platform behind it. `steps`: how many requests a file takes, each of which may fail."""

    steps: int

    @property
    def channel(self) -> PushChannel: ...

    def send_file(self, data: bytes) -> str:
        """A person sends it; the reference with which it is heard of."""
        ...

    def fail_next(self, fault: Fault, step: int) -> None: ...

    def lose(self) -> None:
        """The person takes the message away, or the platform forgets the file."""
        ...


class OfDouble:
    steps = 1

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self.channel = PushDouble(lambda _: DISCORD, script=lambda _call, _at: self._faults.pop() if self._faults else None)
        self.channel.retry_after_s = 0.1

    def send_file(self, data: bytes) -> str:
        self.channel.files["f1"] = data
        return "f1"

    def fail_next(self, fault: Fault, step: int) -> None:
        self._faults.append(fault)

    def lose(self) -> None:
        self.channel.files.clear()


class OfTelegram:
    steps = 2

    def __init__(self, rig: TelegramRig) -> None:
        self.rig, self.channel, self.server = rig, rig.channel, rig.server

    def send_file(self, data: bytes) -> str:
        ann = self.server.people[int(self.rig.at.chat_id)]
        return str(ann.send_document(data, "message.txt", mime="text/plain").content["document"]["file_id"])

    def fail_next(self, fault: Fault, step: int) -> None:
        self.server.fail_next(TELEGRAM[fault], method=("getFile", "file")[step])

    def lose(self) -> None:
        self.server.files._by_id.clear()


class OfDiscord:
    steps = 2

    def __init__(self, rig: DiscordRig) -> None:
        self.rig, self.channel, self.server = rig, rig.channel, rig.server

    def send_file(self, data: bytes) -> str:
        self.message = self.rig.person.say(self.rig.dm, "", files=[("message.txt", data, "text/plain")])
        return f"{self.rig.dm.id}/{self.message.id}/{self.message.attachments[0].id}"

    def fail_next(self, fault: Fault, step: int) -> None:
        self.server.fail_next(ON_DISCORD[fault], *(READ_MESSAGE, FETCH_FILE)[step])

    def lose(self) -> None:
        self.rig.person.delete(self.message)


@asynccontextmanager
async def of_double() -> AsyncIterator[Rig]:
    yield OfDouble()


@asynccontextmanager
async def of_telegram() -> AsyncIterator[Rig]:
    async with telegram_rig() as rig:
        yield OfTelegram(rig)


@asynccontextmanager
async def of_discord() -> AsyncIterator[Rig]:
    async with DiscordRig().up() as rig:
        yield OfDiscord(rig)


RIGS: dict[str, Callable[[], AbstractAsyncContextManager[Rig]]] = {
    "double": of_double,
    "telegram": of_telegram,
    "discord": of_discord,
}
