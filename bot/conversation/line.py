"""Whoever waits long is told their place in line: pull channels see it change, a push channel says it once for each question.

One look at the line, a query through an index, serves all that are told by this process.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
import structlog

from bot.conversation.counters import Counters
from bot.conversation.standing import Pace, Standing, in_words, standings
from bot.conversation.telling import PLACE, PLACE_NOTICE, tell
from bot.rounds import go_round
from bot.store import line, message_map
from bot.store.bulletin import Topic
from bot.store.ids import ConversationId
from bot.store.line import Question
from bot.store.listeners import Listeners
from bot.store.store import Store
from bot.store.turns import Place
from bot.views import PlaceShown

LOOK_EVERY_S = 2.0
MOST = 1000
GROUP = 50
LONG_S = 10.0
CALM_S = 2.0
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Shown:
    since: datetime
    place: int
    view: PlaceShown


class Line:
    """`held()` names the push accounts for which this process speaks; pull channels read `current`.

    Of a line longer than a thousand, those in front are told.
    """

    name = "line"

    def __init__(
        self,
        store: Store,
        counters: Counters,
        held: Callable[[], Sequence[str]],
        *,
        answer_within_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._counters = counters
        self._held = held
        self._clock = clock
        self._pace = Pace(answer_within_s=answer_within_s)
        self._shown: dict[str, _Shown] = {}
        self._listeners = Listeners[str, []]()

    def current(self, address_id: str) -> PlaceShown | None:
        """See `bot.ports.PlaceFeed`."""
        shown = self._shown.get(address_id)
        return shown.view if shown is not None else None

    def listen(self, address_id: str, listener: Callable[[], None]) -> AbstractContextManager[None]:
        """See `bot.ports.PlaceFeed`."""
        return self._listeners.listen(address_id, listener)

    async def run(self, stopping: asyncio.Event) -> None:
        """Look every two seconds until `stopping`."""
        wake = asyncio.Event()
        await go_round(self.name, self._counters, self.look, every_s=LOOK_EVERY_S, stopping=stopping, wake=wake)

    async def look(self) -> None:
        """Show the places as they are now, and tell those that were not told yet."""
        front = await self._store.read(line.front, room=MOST)
        rate = self._pace.look(self._clock(), front)
        known = standings(front, rate) if rate is not None else {}
        self._show(front, known)
        for question in self._untold(front, known):
            await self._tell(question, known[question.conversation_id])

    def _show(self, front: Sequence[Question], known: Mapping[ConversationId, Standing]) -> None:
        """What pull channels may show from now on; whoever sees another place than before is told."""
        before, self._shown = self._shown, {}
        for question in front:
            standing = known.get(question.conversation_id)
            if standing is None or question.route:
                continue
            earlier = before.get(question.address_id)
            if earlier is not None and earlier.since == question.since:
                self._shown[question.address_id] = _shown(question, standing, at_most=earlier.place)
            elif _is_long(question, standing):
                self._shown[question.address_id] = _shown(question, standing, at_most=MOST)
        for address_id in before.keys() | self._shown.keys():
            if before.get(address_id) != self._shown.get(address_id):
                self._listeners.tell(address_id)

    def _untold(self, front: Sequence[Question], known: Mapping[ConversationId, Standing]) -> list[Question]:
        ours = frozenset(self._held())
        untold = (question for question in front if question.route in ours and not question.answering and not question.noticed)
        found = [one for one in untold if one.conversation_id in known and _is_long(one, known[one.conversation_id])]
        return found[:GROUP]

    async def _tell(self, question: Question, standing: Standing) -> None:
        text = PLACE_NOTICE.format(place=f"{standing.place:,}", time=in_words(standing.wait_s))
        place = await self._store.write(tell_place, question, text)
        if place is None:
            return
        self._counters.count("notices", "place")
        self._counters.count("turns", "system")
        log.info("line.told", conversation=place.conversation_id, place=standing.place, wait_s=round(standing.wait_s))
        self._store.bulletin.post(Topic.DIALOGUE, place.address_id)
        self._store.bulletin.post(Topic.OUTBOX, question.route)


def _shown(question: Question, standing: Standing, *, at_most: int) -> _Shown:
    """A place that was shown goes down only."""
    place = min(standing.place, at_most)
    text = PLACE.format(place=f"{place:,}", time=in_words(standing.wait_s))
    return _Shown(question.since, place, PlaceShown(text, question.asked, question.conversation_id))


def _is_long(question: Question, standing: Standing) -> bool:
    return standing.wait_s > LONG_S and question.waited_s >= CALM_S


def tell_place(connection: sa.Connection, question: Question, text: str) -> Place | None:
    """Unit: the one notice of this wait, unless the answer has begun."""
    place = line.mark_told(connection, question)
    if place is not None:
        asked = message_map.first_of(connection, question.workspace_id, question.conversation_id, question.asked)
        tell(connection, place, text, reply_to=asked)
    return place
