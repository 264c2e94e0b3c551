"""One answer being made: what is shown of it so far, and how others may end it early."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.conversation.claiming import OpenQuestion

MOST_INTERRUPTS = 2
LONG_PREVIEW = 200


class Answering:
    """Shared by the manager, which makes the answer, and the worker, which hears what happens meanwhile. One event loop.

    `number`: of the answers that were being made when it began.
    """

    def __init__(self, question: OpenQuestion, number: int, *, interruptible: bool) -> None:
        self.question = question
        self.number = number
        self.shown = ""
        self.superseded = False
        self.interrupted = False
        self._interruptible = interruptible
        self._scope: asyncio.Timeout | None = None

    @asynccontextmanager
    async def scope(self) -> AsyncIterator[None]:
        """The block that others may end: it then raises TimeoutError, and `superseded` or `interrupted` says why."""
        try:
            async with asyncio.timeout(0 if self.superseded else None) as self._scope:
                yield
        finally:
            self._scope = None

    def close_scope(self) -> None:
        """The draft is whole: from here on only the epoch decides."""
        self._scope = None

    def begin_again(self, question: OpenQuestion) -> None:
        """An interrupt: the same answer with a wider question. What was shown stays until the new text replaces it."""
        self.question = question
        self.interrupted = False

    def supersede(self) -> None:
        """The epoch moved on: stop at once, nothing of this can be stored."""
        self.superseded = True
        self._end()

    def message_came(self) -> None:
        """The customer wrote again: begin anew if that is still cheap and fair, else the new message waits its turn."""
        early = len(self.shown) < LONG_PREVIEW and self.question.claim.interrupts < MOST_INTERRUPTS
        if self._interruptible and early and self._scope is not None:
            self.interrupted = True
            self._end()

    def _end(self) -> None:
        if self._scope is not None and not self._scope.expired():
            self._scope.reschedule(asyncio.get_running_loop().time())
