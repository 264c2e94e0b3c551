"""The dialogue behind either screen: sends what is typed in its order, follows what happens, says what to print."""

import asyncio
import contextlib
from collections.abc import Callable

from adapters.terminal.chat import Chat, Refused
from adapters.terminal.talk import Talk
from adapters.terminal.turns import printed
from adapters.terminal.words import say, without_controls

STOP, HELP = "/stop", "/help"
LEAVE = frozenset({"/quit", "/exit"})
FRESH = frozenset({"/new", "/reset"})
ADVICE = (
    "Type a message and press Enter. /stop or Ctrl-C ends an answer, /new begins afresh, /help is this, /quit or Ctrl-D leaves."
)
MOST_UNSENT = 100
MOST_HISTORY = 200
LATE_S = 5.0
STOP_WITHIN_S = 10.0
REST_WITHIN_S = 2.0
LEAVE_WITHIN_S = 3.0


class Exchange:
    """`show` prints a text; `changed` is called whenever `talk` changed; `columns` tells the width of the moment."""

    def __init__(
        self, chat: Chat, *, show: Callable[[str], None], changed: Callable[[], None], columns: Callable[[], int]
    ) -> None:
        self.talk = Talk(columns)
        self._chat = chat
        self._show = show
        self._changed = changed
        self._columns = columns
        self._given: asyncio.Queue[str] = asyncio.Queue(MOST_UNSENT)
        self._moved = asyncio.Event()
        self._stop_asked = False
        self._stops = asyncio.Event()

    async def open(self) -> None:
        """Print what was said so far."""
        views = await self._chat.history()
        if len(views) > MOST_HISTORY:
            self.note(f"{len(views) - MOST_HISTORY} earlier messages are not shown.")
        for view in views[-MOST_HISTORY:]:
            self._show(printed(view, self._columns()))

    async def run(self) -> None:
        """Send and listen until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._send())
            tasks.create_task(self._listen())
            tasks.create_task(self._stop_when_asked())

    def submit(self, text: str) -> None:
        """Hand a message or command over. Where too many wait already, it is not taken, and that is said."""
        if self._given.full():
            self.note("Too many messages wait to be sent. This one is not among them.")
            return
        self._stop_asked = False
        self.talk.given()
        self._given.put_nowait(without_controls(text))
        self._tell()

    @property
    def can_stop(self) -> bool:
        """Whether there is an answer to stop, which was not asked yet."""
        return self.talk.stoppable and not self._stop_asked

    def stop(self) -> None:
        """Stop the answer being made, at once."""
        self._stop_asked = True
        self._stops.set()

    async def room(self) -> None:
        """Wait until one more message can be handed over."""
        await self._until(lambda: not self._given.full())

    async def answered(self) -> None:
        """Wait until every message has its answer, and a stopped one what was shown of it."""
        await self._until(lambda: not self.talk.waits)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REST_WITHIN_S):
                await self._until(lambda: not self.talk.rest)

    async def leave(self) -> None:
        """A moment for what was typed last to be taken; where that is not enough, the person is told."""
        try:
            async with asyncio.timeout(LEAVE_WITHIN_S):
                await self._until(lambda: not self.talk.unsent)
        except TimeoutError:
            self.note("What you typed last may not have arrived.")

    def note(self, text: str) -> None:
        """Tell the person something of our own."""
        self._show(say("note", text, self._columns()))

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._moved.clear()
            await self._moved.wait()

    async def _send(self) -> None:
        while True:
            seq = await self._say(await self._given.get())
            for other in self.talk.settled(seq):
                self._show(other)
            self._tell()

    async def _say(self, text: str) -> int | None:
        late = asyncio.get_running_loop().call_later(LATE_S, self._excuse)
        try:
            answer = await self._chat.say(text)
        finally:
            late.cancel()
        if isinstance(answer, Refused):
            self.note(answer.reason)
            return None
        return answer

    def _excuse(self) -> None:
        if not self.talk.lost:
            self.note("Your message is not taken yet. I keep trying.")

    async def _stop_when_asked(self) -> None:
        while await self._stops.wait():
            self._stops.clear()
            try:
                async with asyncio.timeout(STOP_WITHIN_S):  # tried for longer, it could end the next answer
                    await self._chat.stop()
            except TimeoutError:
                self.note("The answer could not be stopped.")

    async def _listen(self) -> None:
        async for happening in self._chat.events():
            text = self.talk.hear(happening)
            if text is not None:
                self._show(text)
            self._tell()

    def _tell(self) -> None:
        self._moved.set()
        self._changed()
