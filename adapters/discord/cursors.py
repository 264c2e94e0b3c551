"""Which places may move their cursor, and which updates wait until a gap before them was read. Pure.

A cursor says that everything up to it was stored. So while a gap of a place is not read yet, its live updates are held, in
order, and come after what history shows; an update that was dropped for want of room is a gap as well.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from itertools import chain

from adapters.discord.translate import PLACE_BEGUN
from bot.events import Received, Skipped


class Progress:
    """Bounded: `most_known` places, `most_held` held updates; what does not fit is read again from history."""

    def __init__(self, *, most_known: int = 20_000, most_held: int = 2_000) -> None:
        self._most_known = most_known
        self._most_held = most_held
        self._frozen = True
        self._known: OrderedDict[str, None] = OrderedDict()
        self._behind: dict[str, str] = {}
        self._missed: dict[str, str] = {}
        self._held: dict[str, list[Received]] = {}
        self._holding = 0
        self.lost = 0
        """Edits, deletions and the like that were dropped: no history shows them."""

    def knows(self, place: str) -> bool:
        """Whether the bot was spoken to there, as far as remembered."""
        return place in self._known

    def is_behind(self, place: str) -> bool:
        return self._frozen or place in self._behind

    def freeze(self) -> None:
        """A new session: every place may have a gap until the positions were read."""
        self._frozen = True

    def load(self, positions: Mapping[str, str], concerns: Callable[[str], bool]) -> list[tuple[str, Received]]:
        """What the store knows; `concerns` says which places may have a gap. Returns held updates that may go on now."""
        for place in positions:
            self._learn(place)
        self._behind |= {place: position for place, position in positions.items() if concerns(place)}
        for place, position in self._missed.items():
            self._behind[place] = min(position, positions.get(place, position), key=int)
        self._missed.clear()
        self._frozen = False
        free = [place for place in self._held if place not in self._behind]
        return [(place, received) for place in free for received in self._release(place)]

    @property
    def gaps(self) -> int:
        """How many places are to be read."""
        return len(self._behind)

    def next_gap(self, under_way: AbstractSet[str]) -> str | None:
        """A place to read; those for which live updates wait come first."""
        waited_for = (place for place in self._held if place in self._behind)
        return next((place for place in chain(waited_for, self._behind) if place not in under_way), None)

    def position(self, place: str) -> str | None:
        """Where to read on in a place; None when it has no gap."""
        return self._behind.get(place)

    def admit(self, place: str, received: Received) -> Received | None:
        """The update as it may be stored now, or None: it is held, or will be read from history."""
        if self.is_behind(place):
            if self._holding < self._most_held:
                self._held.setdefault(place, []).append(received)
                self._holding += 1
            else:
                self.miss(place, received)
            return None
        return self.stamped(received)

    def miss(self, place: str, received: Received) -> None:
        """There was no room for it: history is read again from before it."""
        if received.cursor is None:
            self.lost += 1
        else:  # a thread's first cursor is told by the message that begins it: its position is that message's
            self.seek(place, received.cursor.position)

    def seek(self, place: str, message_id: str) -> None:
        """The message and what follows it has to be read from history."""
        before = str(int(message_id) - 1)
        self._missed[place] = min(before, self._missed.get(place, before), key=int)
        self._behind.setdefault(place, before)

    def read_through(self, place: str, position: str) -> None:
        """History was stored through this message."""
        if place in self._behind:
            self._behind[place] = position

    def caught_up(self, place: str, *, exists: bool = True) -> list[Received] | None:
        """History has no more: what was held, or None where something was missed meanwhile and has to be read again."""
        if self._frozen:
            return []
        if exists and place in self._missed:
            self._behind[place] = min(self._missed.pop(place), self._behind[place], key=int)
            return None
        self._missed.pop(place, None)
        self._behind.pop(place, None)
        if not exists:
            self._known.pop(place, None)
        return self._release(place)

    def _release(self, place: str) -> list[Received]:
        held = self._held.pop(place, [])
        self._holding -= len(held)
        return [self.stamped(received) for received in held]

    def stamped(self, received: Received) -> Received:
        """With its cursor only where that may move: skipped messages move the cursor of a place that the bot reads anyway, and
        of no other; a thread that is known already is not begun again.
        """
        if received.cursor is None:
            return received
        place = received.cursor.place
        if isinstance(received.event, Skipped) and (received.event == PLACE_BEGUN) == (place in self._known):
            return replace(received, cursor=None)
        self._learn(place)
        return received

    def _learn(self, place: str) -> None:
        self._known[place] = None
        self._known.move_to_end(place)
        while len(self._known) > self._most_known:
            self._known.popitem(last=False)


def thinned(batch: list[Received]) -> list[Received]:
    """The same updates with the cursors of skipped ones only where no later update of the batch moves that place's cursor."""
    seen: set[str] = set()
    kept = []
    for received in reversed(batch):
        place = received.cursor.place if received.cursor is not None else None
        thin = isinstance(received.event, Skipped) and place in seen
        kept.append(replace(received, cursor=None) if thin else received)
        if place is not None:
            seen.add(place)
    return kept[::-1]
