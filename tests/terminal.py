"""A person at a terminal: what they type, line by line, and the paper it is answered on."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.terminal.chat import Chat
from adapters.terminal.plain import PlainScreen

PATIENCE_S = 20


class Paper(io.StringIO):
    """Printed text one can wait for."""

    def __init__(self) -> None:
        super().__init__()
        self._written = asyncio.Event()

    def write(self, text: str) -> int:
        self._written.set()
        return super().write(text)

    async def until(self, words: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while words not in self.getvalue():
                self._written.clear()
                await self._written.wait()

    @property
    def lines(self) -> list[str]:
        return self.getvalue().splitlines()


class Keys:
    """Lines typed one by one; None is the end of input."""

    def __init__(self, *typed: str | None) -> None:
        self._queue = asyncio.Queue[str | None]()
        self.type(*typed)

    def type(self, *typed: str | None) -> None:
        for line in typed:
            self._queue.put_nowait(line)

    async def lines(self) -> AsyncIterator[str]:
        while (line := await self._queue.get()) is not None:
            yield line


@asynccontextmanager
async def seated(chat: Chat, *, person: bool = True) -> AsyncIterator[tuple[Keys, Paper, PlainScreen]]:
    """Somebody at a plain terminal. At the end of the block input ends, and the screen is waited for."""
    keys, paper = Keys(), Paper()
    screen = PlainScreen(chat, keys.lines(), paper, columns=lambda: 80, person=person)
    running = asyncio.create_task(screen.run())
    try:
        yield keys, paper, screen
        keys.type(None)
        await asyncio.wait_for(running, PATIENCE_S)
    finally:
        running.cancel()


async def piped(chat: Chat, *typed: str) -> list[str]:
    """A file of questions: what was printed."""
    async with seated(chat, person=False) as (keys, paper, _):
        keys.type(*typed)
    return paper.lines
