"""Gaps are closed from history: the gateway tells an event once, history shows messages for as long as they stand.

After each new or resumed session, and after an overflow, every known place is read upward from its cursor. What history does
not show is lost when it fell into a gap: presses and commands, edits and deletions (a message read again shows its last text),
and the first DM of a stranger, whose channel is not known yet.
"""

import asyncio
from collections import Counter

import structlog

from adapters.discord.cursors import Progress
from adapters.discord.failures import translated
from adapters.discord.history import PER_PAGE, Line, page_after
from adapters.discord.inlet import Inlet
from adapters.discord.lane import Lane, store
from adapters.discord.payloads import Channel
from adapters.discord.places import Place, Places
from adapters.discord.rest import REFUSED, UNANSWERED, Rest
from adapters.discord.translate import UNREADABLE
from bot.errors import ChannelError, MessageRefused, RecipientGone, RetryLater, StoreUnavailable
from bot.events import AccountKey, Cursor, Received
from bot.ports import Cursors, Intake

READERS = 4
PAUSE_S = 0.2  # four readers then ask some fifteen times a second, of the fifty that sending shares
AGAIN_S = 1.0
MOST_TRIES = 4
LONGEST_S = 30.0
NOT_SHOWN = "commands, presses, edits, deletions, first messages of strangers"
log = structlog.get_logger(__name__)


class CatchingUp:
    """Reads while `run` runs. One reading at a time: a new gap begins it anew from where the store is."""

    def __init__(
        self,
        account: AccountKey,
        *,
        rest: Rest,
        intake: Intake,
        cursors: Cursors,
        progress: Progress,
        places: Places,
        counts: Counter[str],
        lane: Lane,
        inlet: Inlet,
        wanted: asyncio.Event,
    ) -> None:
        self._lane = lane
        self._inlet = inlet
        self._account = account
        self._rest = rest
        self._intake = intake
        self._cursors = cursors
        self._progress = progress
        self._places = places
        self._counts = counts
        self._wanted = wanted

    async def run(self) -> None:
        """Close gaps until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            reading: asyncio.Task[None] | None = None
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                if reading is not None:
                    reading.cancel()
                    await asyncio.wait({reading})
                reading = tasks.create_task(self._read_all())

    async def _read_all(self) -> None:
        self._counts["gaps"] += 1
        await self._lane.settled()
        for place_id, received in self._progress.load(await self._positions(), self._inlet.concerned()):
            self._inlet.put(place_id, received)
        log.info("discord.catching_up", account=self._account.name, places=self._progress.gaps, not_shown=NOT_SHOWN)
        while True:
            busy: set[str] = set()
            async with asyncio.TaskGroup() as readers:
                for _ in range(READERS):
                    readers.create_task(self._reader(busy))
            if not self._progress.gaps:
                break
            await asyncio.sleep(LONGEST_S)
        log.info("discord.caught_up", account=self._account.name)

    async def _positions(self) -> dict[str, str]:
        while True:
            try:
                return {place: at for place, at in (await self._cursors.of(self._account)).items() if at.isdigit()}
            except StoreUnavailable as error:
                await asyncio.sleep(error.retry_after_s)

    async def _reader(self, busy: set[str]) -> None:
        """Places one after the other, those first for which live updates wait. What does not answer stays `busy`: later again."""
        while (place_id := self._progress.next_gap(busy)) is not None:
            busy.add(place_id)
            asks = self._may_have_news(place_id)
            if await self._read_place(place_id):
                busy.discard(place_id)
            await asyncio.sleep(PAUSE_S if asks else 0)

    async def _read_place(self, place_id: str) -> bool:
        """Read to the end; False when Discord does not answer."""
        tries = 0
        while tries < MOST_TRIES:
            try:
                if await self._step(place_id):
                    return True
                tries = 0
            except (*REFUSED, *UNANSWERED) as error:
                wait_s = self._patience(place_id, translated(error), tries)
                if wait_s is None:
                    return True
                tries += 1
                await asyncio.sleep(wait_s)
        return False

    def _patience(self, place_id: str, error: ChannelError, tries: int) -> float | None:
        """Seconds until the next try; None when the place is not ours to read any more: it is dropped."""
        match error:
            case RetryLater():
                return error.after_s
            case RecipientGone() | MessageRefused():
                self._counts["dropped_places"] += 1
                log.info("discord.place_dropped", account=self._account.name, place=place_id)
                self._finish(place_id, exists=False)
                return None
            case _:
                return AGAIN_S * 2.0**tries

    async def _step(self, place_id: str) -> bool:
        """One page; True when the place is caught up."""
        position = self._progress.position(place_id)
        if position is None:
            return True
        if not self._may_have_news(place_id):
            return self._finish(place_id)
        page = await page_after(self._rest, place_id, position)
        if not page:
            return self._finish(place_id)
        place = await self._place(place_id)
        if place is None:
            return self._finish(place_id, exists=False)
        await store(self._intake, self._account, self._translated(page, place))
        self._counts["caught_up"] += len(page)
        self._progress.read_through(place_id, page[-1].id)
        if len(page) < PER_PAGE:  # what was written since then is heard, and held
            return self._finish(place_id)
        await asyncio.sleep(PAUSE_S)
        return False

    def _may_have_news(self, place_id: str) -> bool:
        position = self._progress.position(place_id)
        return position is not None and self._places.has_news(place_id, position)

    def _finish(self, place_id: str, *, exists: bool = True) -> bool:
        held = self._progress.caught_up(place_id, exists=exists)
        if held is None:
            return False
        for received in held:
            self._inlet.put(place_id, received)
        return True

    async def _place(self, place_id: str) -> Place | None:
        """What the place is: of a DM or a sleeping thread the gateway does not tell. None while its server is away: it is read
        when the server comes back.
        """
        cached = self._places.cached(place_id)
        if cached is not None:
            return cached
        channel = await self._rest.ask(Channel, "/channels/{channel_id}", channel_id=place_id)
        if channel.guild_id is not None and not await self._places.arrived(channel.guild_id):
            return None
        return self._places.remember(channel)

    def _translated(self, page: list[Line], place: Place) -> list[Received]:
        batch: list[Received] = []
        for line in page:
            try:
                batch += self._inlet.from_history(line.raw, place)
            except UNREADABLE as error:
                batch.append(self._inlet.unreadable(line.raw, error, Cursor(place.place_id, line.id)))
        return batch
