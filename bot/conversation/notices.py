"""Silence is an error: whoever waits too long is told once, honestly; a question nobody will answer any more is ended."""

import asyncio
from collections.abc import Callable, Collection

import sqlalchemy as sa
import structlog

from bot.conversation.counters import Counters
from bot.conversation.telling import EXPIRED, WAITING, tell
from bot.rounds import go_round
from bot.store import message_map, waiting
from bot.store.bulletin import Topic
from bot.store.ids import ConversationId, WorkspaceId
from bot.store.store import Store
from bot.store.turns import Place
from bot.store.waiting import Open

LOOK_EVERY_S = 1.0
GROUP = 50
log = structlog.get_logger()


class Notices:
    """`shown()`: conversations whose answer is on show already, so that there is nothing to excuse."""

    name = "notices"

    def __init__(
        self,
        store: Store,
        counters: Counters,
        shown: Callable[[], Collection[ConversationId]],
        *,
        notice_after_s: float,
        answer_within_s: float,
    ) -> None:
        self._store = store
        self._counters = counters
        self._shown = shown
        self._notice_after_s = notice_after_s
        self._answer_within_s = answer_within_s

    async def run(self, stopping: asyncio.Event) -> None:
        """Look once a second until `stopping`."""
        wake = asyncio.Event()
        await go_round(self.name, self._counters, self.look, every_s=LOOK_EVERY_S, stopping=stopping, wake=wake)

    async def look(self) -> None:
        """Tell those who wait too long, end what is too old."""
        overdue = await self._store.read(waiting.overdue, older_than_s=self._answer_within_s, room=GROUP)
        for one in overdue:
            await self._tell(one, expire, "expired", self._answer_within_s)
        unnoticed = await self._store.read(
            waiting.unnoticed, self._store.process_id, self._shown(), older_than_s=self._notice_after_s, room=GROUP
        )
        for one in unnoticed:
            await self._tell(one, notice, "waiting", self._notice_after_s)

    async def _tell(self, one: Open, unit: Callable[..., Place | None], reason: str, older_than_s: float) -> None:
        place = await self._store.write(unit, *one, older_than_s=older_than_s)
        if place is None:
            return
        self._counters.count("notices", reason)
        self._counters.count("turns", "system")
        log.info("notices.told", reason=reason, conversation=place.conversation_id)
        self._store.bulletin.post(Topic.DIALOGUE, place.address_id)
        if reason == "expired":
            self._counters.count("expired")
            self._store.bulletin.post(Topic.SUPERSEDED, place.conversation_id)


def notice(
    connection: sa.Connection, workspace_id: WorkspaceId, conversation_id: ConversationId, *, older_than_s: float
) -> Place | None:
    """Unit: the one notice of this wait."""
    noticed = waiting.mark_noticed(connection, workspace_id, conversation_id, older_than_s=older_than_s)
    if noticed is None:
        return None
    place, asked = noticed
    tell(connection, place, WAITING, reply_to=message_map.first_of(connection, workspace_id, conversation_id, asked))
    return place


def expire(
    connection: sa.Connection, workspace_id: WorkspaceId, conversation_id: ConversationId, *, older_than_s: float
) -> Place | None:
    """Unit: the end of a question that waited longer than `answer_within_s`."""
    given_up = waiting.expire(connection, workspace_id, conversation_id, older_than_s=older_than_s)
    if given_up is None:
        return None
    place, asked = given_up
    question = message_map.first_of(connection, workspace_id, conversation_id, asked)
    tell(connection, place, EXPIRED, ends=asked, reply_to=question)
    return place
