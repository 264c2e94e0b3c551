"""Line by line, for pipes, dumb terminals and screen readers: whole messages only, nothing is ever drawn over."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from typing import TextIO

from adapters.terminal.chat import Chat
from adapters.terminal.exchange import ADVICE, HELP, LEAVE, STOP, Exchange

# longer than a question stays due by default: past it no answer will come
PATIENCE_S = 1800.0


class PlainScreen:
    """Takes `lines`, prints to `shown`. At their end, or at /quit, it waits for the last answer, then returns.

    `person`: somebody types, and may type on during an answer; else each line waits for the answer to the one before, as a
    file of questions wants it.
    """

    def __init__(self, chat: Chat, lines: AsyncIterator[str], shown: TextIO, *, columns: Callable[[], int], person: bool) -> None:
        self._lines = lines
        self._shown = shown
        self._person = person
        self._exchange = Exchange(chat, show=self._print, changed=lambda: None, columns=columns)
        self._leaving = asyncio.Event()
        self._unread = False

    async def run(self) -> None:
        """Raises BrokenPipeError when nobody reads any more."""
        if self._person:
            self._exchange.note(ADVICE)
        await self._exchange.open()
        if self._person:
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self.interrupt)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(self._exchange.run())
            talking = tasks.create_task(self._talk())
            leaving = tasks.create_task(self._leaving.wait())
            await asyncio.wait({talking, leaving}, return_when=asyncio.FIRST_COMPLETED)
            await self._exchange.leave()
            for task in (running, talking, leaving):
                task.cancel()
        if self._unread:
            raise BrokenPipeError

    def interrupt(self) -> None:
        """Ctrl-C: ends the answer being made; else leaves."""
        if self._exchange.can_stop:
            self._exchange.stop()
        else:
            self._leaving.set()

    async def _talk(self) -> None:
        async for line in self._lines:
            text = line.strip()
            if text in LEAVE:
                break
            if text == HELP:
                self._exchange.note(ADVICE)
            elif text:
                await self._hand_over(text)
        await self._answered()

    async def _hand_over(self, text: str) -> None:
        if self._person:
            await self._exchange.room()
        elif text != STOP:
            await self._answered()
        self._exchange.submit(text)

    async def _answered(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._exchange.answered()
        except TimeoutError:
            self._exchange.talk.give_up()
            self._exchange.note("No answer came.")

    def _print(self, text: str) -> None:
        try:
            print(text, file=self._shown, flush=True)
        except BrokenPipeError:
            self._unread = True
            self._leaving.set()
