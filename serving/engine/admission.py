"""Who may start at the engine now: live answers before background work, and nobody who could not start in time. Pure.

vLLM itself takes requests in order of their priority and bounds how many there are. It does not know when an asker stops
caring: a request that starts after its deadline takes a slot from one that could still be in time. So the wait is estimated from
how fast answers ended while all slots were taken, and who cannot start in time is told at once when to come again.
"""

import math
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

# lower is earlier, as in vLLM
LIVE, RETRY, DRAFT, BACKGROUND = 0, 10, 20, 30
KINDS = {"background": BACKGROUND, "draft": DRAFT, "retry": RETRY}
Reason = Literal["deadline", "background"]
REMEMBERED = 64
FEWEST = 4  # ends from which on their rate is believed
LONGEST_RETRY_S = 300


class Full(Exception):
    """Not now: come again in `after_s` seconds (whole ones)."""

    def __init__(self, why: str, after_s: float, reason: Reason = "deadline") -> None:
        super().__init__(why)
        self.reason = reason
        self.after_s = min(max(1, math.ceil(after_s)), LONGEST_RETRY_S)


@dataclass(frozen=True, slots=True)
class Place:
    """One admitted request: give it back with `leave` whatever becomes of it."""

    priority: int
    answers: int


class Entrance(Protocol):
    """Who may start, as the gate asks it."""

    def enter(self, priority: int, answers: int, deadline_s: float | None) -> Place:
        """Raises Full."""

    def leave(self, place: Place) -> None: ...


class Admission:
    """`slots`: answers that the engine makes at once; `background` of them at most are for work that nobody waits for. `clock`
    gives seconds.
    """

    def __init__(self, slots: int, background: int, clock: Callable[[], float]) -> None:
        self._slots = slots
        self._background = background
        self._clock = clock
        self._here: Counter[int] = Counter()
        self._ends: deque[tuple[float, int]] = deque(maxlen=REMEMBERED)  # seconds since the end before, answers that ended
        self._full_since: float | None = None  # or since the last end in that time

    @property
    def slots(self) -> int:
        """Answers the engine makes at once."""
        return self._slots

    @property
    def background_slots(self) -> int:
        """Of them, those that background work may hold."""
        return self._background

    @property
    def here(self) -> int:
        """Answers that were admitted and have not ended."""
        return self._here.total()

    def by_kind(self) -> dict[str, int]:
        """The same by kind of work; a priority counts as the kind whose own is the next at or before it."""
        counted = dict.fromkeys(("live", *reversed(KINDS)), 0)
        for priority, answers in self._here.items():
            counted[kind(priority)] += answers
        return counted

    def enter(self, priority: int, answers: int, deadline_s: float | None) -> Place:
        """A place for so many answers, the first token of which is worth something for `deadline_s` seconds. Raises Full."""
        if priority >= BACKGROUND:
            busy = sum(count for one, count in self._here.items() if one >= BACKGROUND)
            if busy + answers > self._background:
                said = f"{busy} answers of background work are being made, of at most {self._background}"
                raise Full(said, self._one_ends_s(), "background")
        wait_s = self.wait_s(priority, answers)
        if deadline_s is not None and wait_s > deadline_s:
            raise Full(f"it could start in {wait_s:.1f} s and is wanted within {deadline_s:.1f} s", wait_s - deadline_s)
        self._here[priority] += answers
        if self._full_since is None and self.here >= self._slots:
            self._full_since = self._clock()
        return Place(priority, answers)

    def leave(self, place: Place) -> None:
        """The request has ended, whatever came of it: its slot is free."""
        self._here[place.priority] -= place.answers
        if self._here[place.priority] <= 0:
            del self._here[place.priority]
        if self._full_since is not None:
            now = self._clock()
            self._ends.append((now - self._full_since, place.answers))
            self._full_since = now if self.here >= self._slots else None

    def wait_s(self, priority: int, answers: int = 1) -> float:
        """Estimated seconds until a request of this priority could start; 0 while slots are free, or nothing is known yet."""
        ahead = sum(count for one, count in self._here.items() if one <= priority)
        over = ahead + answers - self._slots
        rate = self._rate()
        return over / rate if over > 0 and rate > 0 else 0.0

    def _one_ends_s(self) -> float:
        rate = self._rate()
        return 1 / rate if rate > 0 else 1.0

    def _rate(self) -> float:
        """Ends a second while all slots are taken; 0 when too few were seen."""
        if len(self._ends) < FEWEST:
            return 0.0
        return sum(answers for _, answers in self._ends) / max(sum(seconds for seconds, _ in self._ends), 0.001)


class Open:
    """Lets all in: behind it are engines with an admission each."""

    def enter(self, priority: int, answers: int, deadline_s: float | None) -> Place:  # noqa: ARG002  the face of Admission
        return Place(priority, answers)

    def leave(self, place: Place) -> None:
        pass


def kind(priority: int) -> str:
    """live, retry, draft or background."""
    return next((name for name, first in KINDS.items() if priority >= first), "live")
