"""Button presses are answered once they are stored, so that the client stops waiting. Best effort: it holds up nothing, and what
goes wrong is counted only.
"""

import asyncio
from collections import Counter, deque

from aiogram import Bot
from aiogram.exceptions import TelegramAPIError
from aiogram.methods import AnswerCallbackQuery

WAITING = 256
AT_ONCE = 8
LONGEST = 200  # answerCallbackQuery, text: 0-200 characters
ANSWER_S = 10.0  # Telegram takes an answer for about 15 seconds


class Acknowledger:
    """At most AT_ONCE requests; at most WAITING presses wait, and the oldest give way: they are too old first."""

    def __init__(self, bot: Bot, counts: Counter[str]) -> None:
        self._bot = bot
        self._counts = counts
        self._waiting: deque[tuple[str, str]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def answer(self, query_id: str, say: str) -> None:
        """Answer a press soon, with a few words or none."""
        if self._closed:
            return
        if len(self._waiting) >= WAITING:
            self._waiting.popleft()
            self._counts["presses_dropped"] += 1
        self._waiting.append((query_id, say))
        if len(self._tasks) < AT_ONCE:
            task = asyncio.create_task(self._work(), name="telegram acknowledging")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up what is not answered yet."""
        self._closed = True
        self._waiting.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=2)

    async def _work(self) -> None:
        while self._waiting:
            query_id, say = self._waiting.popleft()
            method = AnswerCallbackQuery(callback_query_id=query_id, text=say[:LONGEST] or None)
            try:
                await self._bot(method, request_timeout=int(ANSWER_S))
            except TelegramAPIError:
                self._counts["presses_unanswered"] += 1
