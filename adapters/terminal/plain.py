"""Line by line, for pipes, dumb terminals and screen readers: whole messages only, nothing is ever drawn over."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import TextIO

from adapters.terminal.chat import Chat, Refused
from adapters.terminal.talk import HELP, Talk
from adapters.terminal.turns import printed
from adapters.terminal.words import say

LINES = 1000


class PlainScreen:
    """Reads lines from `given`, prints to `shown`. At end-of-file it waits for the last answer, then returns."""

    def __init__(self, chat: Chat, given: TextIO, shown: TextIO, *, columns: int = 80) -> None:
        self._chat = chat
        self._given = given
        self._shown = shown
        self._talk = Talk(columns)
        self._heard = asyncio.Event()

    async def run(self) -> None:
        for view in await self._chat.history():
            self._print(printed(view, self._talk.columns))
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(self._listen())
            async for line in lines(self._given):
                if not await self._handle(line.strip()):
                    break
            while self._talk.waits:
                self._heard.clear()
                await self._heard.wait()
            listening.cancel()

    async def _listen(self) -> None:
        async for happening in self._chat.events():
            printed = self._talk.hear(happening)
            if printed is not None:
                self._print(printed)
            self._heard.set()

    async def _handle(self, line: str) -> bool:
        """Act on one line; False when the person leaves."""
        if line == "/help":
            self._print(HELP)
        elif line in {"/quit", "/exit"}:
            return False
        elif line:
            answer = await self._chat.say(line)
            if isinstance(answer, Refused):
                self._print(say("note", answer.reason, self._talk.columns))
            elif answer is not None:
                self._talk.said(answer)
        return True

    def _print(self, text: str) -> None:
        print(text, file=self._shown, flush=True)


async def lines(given: TextIO) -> AsyncIterator[str]:
    """Lines as they are typed. A thread waits for them, since a terminal or file cannot be awaited; it ends with the process."""
    loop, queue = asyncio.get_running_loop(), asyncio.Queue[str | None](LINES)

    def read() -> None:
        for line in given:
            asyncio.run_coroutine_threadsafe(queue.put(line), loop).result()
        asyncio.run_coroutine_threadsafe(queue.put(None), loop).result()

    threading.Thread(target=read, daemon=True, name="frontdesk-chat-input").start()
    while (line := await queue.get()) is not None:
        yield line
