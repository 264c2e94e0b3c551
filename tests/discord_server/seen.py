"""What people in the chats saw, in order: the oracle of the suites. And waiting for any change of the server."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.discord_server.records import NOBODY, Channel, Message, Pings


@dataclass(frozen=True, slots=True)
class Seen:
    """One visible thing. `what`: sent, edited, deleted, typing, deferred ("is thinking"), acknowledged (nothing visible but
    no failure), modal, choices, failed ("did not respond"), thread, archived, unarchived, locked, unlocked, removed (channel)."""

    at: float  # unix seconds of the server's clock
    what: str
    channel_id: int
    message_id: int | None = None
    text: str = ""
    buttons: tuple[str, ...] = ()
    reply_to: int | None = None
    pings: Pings = NOBODY
    bot: int | None = None  # the application's id; None: a person did it
    author: int | None = None
    ephemeral: bool = False
    interaction: int | None = None
    files: tuple[str, ...] = ()


class Changes:
    """Wakes who waits for a condition whenever something of the server changed; nothing polls."""

    def __init__(self) -> None:
        self._condition = asyncio.Condition()
        self._waiting = 0
        self._waking: asyncio.Task[None] | None = None

    def touch(self) -> None:
        if self._waiting and self._waking is None:
            self._waking = asyncio.get_running_loop().create_task(self._wake())

    async def _wake(self) -> None:
        self._waking = None  # what changes from here on is another waking
        async with self._condition:
            self._condition.notify_all()

    async def wait_until(self, predicate: Callable[[], object], timeout: float = 10.0) -> None:
        """Return once the predicate is true; TimeoutError after `timeout` seconds."""
        self._waiting += 1
        try:
            async with asyncio.timeout(timeout), self._condition:
                await self._condition.wait_for(lambda: bool(predicate()))
        finally:
            self._waiting -= 1


class Log:
    """Everything seen, oldest first; with `keep` only the last so many (their totals stay counted)."""

    def __init__(self, changes: Changes, keep: int | None) -> None:
        self._changes = changes
        self._seen: deque[Seen] = deque(maxlen=keep)
        self.total = 0

    def __iter__(self) -> Iterator[Seen]:
        return iter(list(self._seen))

    def add(self, one: Seen) -> None:
        self._seen.append(one)
        self.total += 1
        self._changes.touch()

    def since(self, number: int) -> list[Seen]:
        """What came after the first `number` entries, as far as it is kept."""
        kept = list(self._seen)
        return kept[max(0, number - (self.total - len(kept))) :]

    def of(self, channel_id: int) -> list[Seen]:
        return [one for one in self._seen if one.channel_id == channel_id]

    def times_shown(self, text: str) -> int:
        """How many messages of a bot ever showed exactly this text (sent, or edited to it); a message counts once."""
        shown = {one.message_id for one in self._seen if one.bot and one.what in ("sent", "edited") and one.text == text}
        return len(shown)

    def counted(self) -> Counter[str]:
        return Counter(one.what for one in self._seen)


def of_message(
    message: Message, what: str, at: float, *, bot: int | None, pings: Pings = NOBODY, interaction: int | None = None
) -> Seen:
    return Seen(
        at=at,
        what=what,
        channel_id=message.channel.id,
        message_id=message.id,
        text=message.content,
        buttons=message.buttons,
        reply_to=message.reply_to.id if message.reply_to else None,
        pings=pings,
        bot=bot,
        author=message.author.id,
        ephemeral=bool(message.flags & Message.EPHEMERAL),
        interaction=interaction,
        files=tuple(each.filename for each in message.attachments),
    )


def of_channel(channel: Channel, what: str, at: float, *, bot: int | None, author: int | None = None) -> Seen:
    return Seen(at=at, what=what, channel_id=channel.id, text=channel.name, bot=bot, author=author)
