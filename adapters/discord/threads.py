"""Threads that begin with a customer's message: opened when something is to be shown there, opened again after they went to
sleep. The thread has the id of the message it begins from, so opening it twice is no second thread.
"""

from collections import OrderedDict
from enum import Enum

import discord

from adapters.discord.failures import THREAD_EXISTS, UNKNOWN_MESSAGE
from adapters.discord.rest import Rest

ASLEEP_AFTER_MIN = 1440
LONGEST_NAME = 60
MOST_NAMES = 2_000
NAME = "Conversation"
PASSING = frozenset({401, 429})


class Opening(Enum):
    OPEN = "open"
    NOT_ALLOWED = "not allowed"
    NO_MESSAGE = "no message"


class Threads:
    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._names: OrderedDict[str, str] = OrderedDict()

    def name(self, message_id: str, text: str) -> None:
        """Remember what the thread of a message shall be called: its first words, which stand in the same channel anyway."""
        self._names[message_id] = " ".join(text.split())[:LONGEST_NAME]
        if len(self._names) > MOST_NAMES:
            self._names.popitem(last=False)

    async def open(self, channel_id: str, message_id: str) -> Opening:
        """Begin the thread of a message, or find it there. Raises what says nothing about the thread itself."""
        name = self._names.get(message_id) or NAME
        try:
            await self._rest.call(
                "POST",
                "/channels/{channel_id}/messages/{message_id}/threads",
                body={"name": name, "auto_archive_duration": ASLEEP_AFTER_MIN},
                where={"channel_id": channel_id, "message_id": message_id},
            )
        except discord.HTTPException as error:
            if error.status >= 500 or error.status in PASSING:
                raise
            if error.code == UNKNOWN_MESSAGE:
                return Opening.NO_MESSAGE
            return Opening.OPEN if error.code == THREAD_EXISTS else Opening.NOT_ALLOWED
        return Opening.OPEN

    async def wake(self, thread_id: str) -> None:
        """Take a thread out of the archive. Raises what Discord says where the bot may not: it is locked."""
        await self._rest.call("PATCH", "/channels/{channel_id}", body={"archived": False}, where={"channel_id": thread_id})
