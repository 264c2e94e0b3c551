"""What the gateway says, heard in its order and without waiting: translated at once, then stored by the lane."""

from collections import Counter, OrderedDict
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import structlog

from adapters.discord.cursors import Progress
from adapters.discord.lane import Lane
from adapters.discord.payloads import THREADS, Called, Deleted, Envelope, Gone, Ready, read
from adapters.discord.places import Place, Places
from adapters.discord.threads import Threads
from adapters.discord.translate import UNREADABLE, Translator, read_message
from bot.events import AccountKey, ChannelAddress, Cursor, MessageReceived, Received

MOST_ADDRESSES = 10_000
log = structlog.get_logger(__name__)


class Inlet:
    """`gap` is called when history has to be read: after a new or resumed session, and when there was no room."""

    def __init__(
        self,
        account: AccountKey,
        *,
        lane: Lane,
        progress: Progress,
        places: Places,
        threads: Threads,
        gap: Callable[[], None],
        counts: Counter[str],
    ) -> None:
        self.me = ""
        self._account = account
        self._lane = lane
        self._progress = progress
        self._places = places
        self._threads = threads
        self._gap = gap
        self._counts = counts
        self._translator = Translator(account)
        self._shards: set[int] = set()
        self._everywhere = False
        self._addresses: OrderedDict[str, ChannelAddress] = OrderedDict()
        self._heard: dict[str, Callable[[bytes], None]] = {
            "READY": self._ready,
            "GUILD_CREATE": self._guild_came,
            "RESUMED": self._resumed,
            "MESSAGE_CREATE": self._message,
            "MESSAGE_UPDATE": self._edit,
            "MESSAGE_DELETE": self._deletion,
            "MESSAGE_DELETE_BULK": self._deletion,
            "CHANNEL_DELETE": self._channel_gone,
            "THREAD_DELETE": self._channel_gone,
            "GUILD_DELETE": self._guild_gone,
            "INTERACTION_CREATE": self._call,
        }

    def hear(self, text: str) -> None:
        """One gateway message as it came. An update that cannot be read is kept as what it is."""
        envelope = read(text, Envelope)
        hear = self._heard.get(envelope.t or "")
        if hear is None:
            return
        raw = bytes(envelope.d)
        try:
            hear(raw)
        except UNREADABLE as error:
            log.warning("discord.undecodable", account=self._account.name, kind=envelope.t, error=type(error).__name__)
            self.put("", self._translator.undecodable(raw, error))

    def put(self, place: str, received: Received) -> None:
        """Into the lane, or, without room there, to be read from history later."""
        if self._lane.put(received):
            return
        self._counts["overflow"] += 1
        self._progress.miss(place, received)
        self._gap()

    def from_history(self, raw: bytes, place: Place) -> list[Received]:
        """The same translation for a message of history. Raises one of UNREADABLE."""
        message = read_message(raw)
        translated = self._translator.message(raw, message, place, self.me)
        self._remember(translated)
        return [self._progress.stamped(received) for received in translated]

    def unreadable(self, raw: bytes, error: Exception, position: Cursor) -> Received:
        """A message of history that cannot be read: kept as what it is, and passed by."""
        return self._progress.stamped(self._translator.undecodable(raw, error, position))

    def concerned(self) -> Callable[[str], bool]:
        """Which places the last sessions may have gaps in: those of other shards have none."""
        elsewhere = set() if self._everywhere else self._places.not_on(self._shards)
        self._shards, self._everywhere = set(), False
        return lambda place_id: place_id not in elsewhere

    def _ready(self, raw: bytes) -> None:
        ready = read(raw, Ready)
        self.me = ready.user.id
        self._shards.add(ready.shard[0])
        log.info("discord.connected", account=self._account.name, bot_id=ready.user.id, shard=ready.shard[0])
        self._progress.freeze()
        self._gap()

    def _resumed(self, _raw: bytes) -> None:
        self._anywhere()

    def _guild_came(self, raw: bytes) -> None:
        if self._places.comes(read(raw, Gone).id):
            self._anywhere()

    def _anywhere(self) -> None:
        """A gap, and it is not told on which shard."""
        self._everywhere = True
        self._progress.freeze()
        self._gap()

    def _message(self, raw: bytes) -> None:
        message = read_message(raw)
        place = self._places.find(message.channel_id, message.guild_id)
        if place is None:  # REST will tell what it is
            self._seek(message.channel_id, message.id)
            return
        translated = self._translator.message(raw, message, place, self.me)
        self._remember(translated)
        for received in translated:
            self._admit(place.place_id, received)

    def _seek(self, place_id: str, message_id: str) -> None:
        behind = self._progress.is_behind(place_id)
        self._progress.seek(place_id, message_id)
        if not behind:  # else it is being read anyway
            self._gap()

    def _edit(self, raw: bytes) -> None:
        message = read_message(raw)
        place = self._places.find(message.channel_id, message.guild_id)
        if place is not None:
            self._admit(place.place_id, self._translator.edit(raw, message, place, self.me))

    def _deletion(self, raw: bytes) -> None:
        deleted = read(raw, Deleted)
        place = self._places.find(deleted.channel_id, deleted.guild_id)
        if place is None or not (place.is_dm or place.takes_part or place.staff or self._progress.knows(place.place_id)):
            return
        for received in self._translator.deletions(raw, deleted, datetime.now(UTC), lambda one: self._address_of(one, place)):
            self._admit(place.place_id, received)

    def _channel_gone(self, raw: bytes) -> None:
        gone = read(raw, Gone)
        if self._progress.knows(gone.id):
            parent_id = gone.parent_id or "" if gone.type in THREADS else ""
            address = Place(gone.id, gone.guild_id or "", parent_id).address(self._account)
            self._admit(gone.id, self._translator.departed(raw, f"x{gone.id}", address, datetime.now(UTC)))

    def _guild_gone(self, raw: bytes) -> None:
        """The bot was removed from a guild; one that is only unavailable comes back by itself."""
        gone, now = read(raw, Gone), datetime.now(UTC)
        if gone.unavailable:
            self._places.leaves(gone.id)
            return
        for place in self._places.of_guild(gone.id):
            # a guild can be left more than once: the moment tells one time from another
            key = f"x{place.place_id}:{int(now.timestamp() * 1000)}"
            self._admit(place.place_id, self._translator.departed(raw, key, place.address(self._account), now))

    def _call(self, raw: bytes) -> None:
        """Commands and presses are taken elsewhere; here they make their place known. Not a thread of others, where being known
        means to take part. One that cannot be read is no dead letter: its bytes hold a token.
        """
        with suppress(*UNREADABLE):
            call = read(raw, Called)
            place = self._places.find(call.channel_id or "", call.guild_id)
            if place is not None and (place.takes_part or not place.is_thread) and not self._progress.knows(place.place_id):
                self._admit(place.place_id, self._translator.begun(place.place_id, call.id))

    def _admit(self, place: str, received: Received) -> None:
        lost, admitted = self._progress.lost, self._progress.admit(place, received)
        self._counts["lost"] += self._progress.lost - lost
        if admitted is not None:
            self.put(place, admitted)

    def _remember(self, translated: tuple[Received, ...]) -> None:
        event = translated[0].event
        if isinstance(event, MessageReceived):
            if len(translated) > 1:
                self._threads.name(event.platform_id, event.text)
            self._addresses[event.platform_id] = event.address
            if len(self._addresses) > MOST_ADDRESSES:
                self._addresses.popitem(last=False)

    def _address_of(self, message_id: str, place: Place) -> ChannelAddress:
        """Where a message of a place was stored: as remembered, else by the rule for fresh mentions."""
        begun = place.thread_from(self._account, message_id) if place.opens_threads else place.address(self._account)
        return self._addresses.get(message_id, begun)
