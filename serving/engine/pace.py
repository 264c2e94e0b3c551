"""What was seen of an engine's pace: how fast answers end, how fast others come, and who was told to come when. Pure."""

import math
from collections import deque
from collections.abc import Callable

LONGEST_RETRY_S = 300
REMEMBERED = 64
FEWEST = 4  # ends from which on their rate is believed
SHORTLY_S = 1.0
EAGER = 1.25  # who was sent away comes back this much faster than answers end, so that no slot waits for them
HORIZON_S = 10.0
CROWD = 4
NEWS_S = 30.0
Clock = Callable[[], float]


class Ends:
    """How fast answers end when all slots are taken, from the time they held slots. Only times about when all were taken count:
    with fewer, each answer is quicker. Ends shortly after count too, since those that began together end together.
    """

    def __init__(self, slots: int, clock: Clock) -> None:
        self._slots = slots
        self._fewest = max(FEWEST, slots)
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque(maxlen=max(REMEMBERED, 2 * slots))  # seconds of slots, answers
        self._held_s = 0.0  # since the last of them
        self._busy = 0
        self._at = clock()
        self._full_at = -math.inf

    def begun(self, here: int) -> None:
        """So many answers are here now."""
        self._goes_on(here)

    def ended(self, answers: int, here: int) -> None:
        """So many answers have ended, and so many are here now."""
        self._goes_on(here)
        if self._counts():
            self._seen.append((self._held_s, answers))
            self._held_s = 0.0

    def rate(self) -> float:
        """Ends a second; 0 when too few were seen. A long time without an end makes it less."""
        ended = sum(answers for _, answers in self._seen)
        if ended < self._fewest:
            return 0.0
        silent_s = (self._clock() - self._at) * self._busy if self._counts() else 0.0
        held_s = sum(held_s for held_s, _ in self._seen) + self._held_s + silent_s
        return ended * self._slots / max(held_s, 0.001)

    def _goes_on(self, here: int) -> None:
        now = self._clock()
        if self._counts():
            self._held_s += (now - self._at) * self._busy
        if max(here, self._busy) >= self._slots:
            self._full_at = now
        self._at, self._busy = now, min(here, self._slots)
        if not self._counts():
            self._held_s = 0.0

    def _counts(self) -> bool:
        return self._at - self._full_at <= SHORTLY_S


class Starts:
    """How fast first tokens come while a crowd waits for theirs: where prompts take most of an engine's time, that and not its
    slots decides. What a few who were alone with it saw tells nothing of a crowd, and neither does what is long past.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, float, int]] = deque(maxlen=REMEMBERED)  # when, seconds since the one before, answers
        self._held_s = 0.0
        self._waiting = 0
        self._at = clock()

    def goes_on(self, waiting: int) -> None:
        """So many wait for a first token now."""
        now = self._clock()
        if self._waiting >= CROWD:
            self._held_s += now - self._at
        self._at, self._waiting = now, waiting

    def came(self, answers: int, waiting: int) -> None:
        """So many first tokens came, and so many wait now."""
        crowd = self._waiting >= CROWD
        self.goes_on(waiting)
        if crowd:
            self._seen.append((self._at, self._held_s, answers))
            self._held_s = 0.0

    def rate(self) -> float:
        """First tokens a second; 0 when too few were seen lately. A long time without one makes it less."""
        now = self._clock()
        while self._seen and self._seen[0][0] < now - NEWS_S:
            self._seen.popleft()
        came = sum(answers for _, _, answers in self._seen)
        if came < FEWEST:
            return 0.0
        silent_s = now - self._at if self._waiting >= CROWD else 0.0
        return came / max(sum(held_s for _, held_s, _ in self._seen) + self._held_s + silent_s, 0.001)


class Arrivals:
    """How fast requests of each priority are let in."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int, int]] = deque(maxlen=REMEMBERED * 16)

    def note(self, priority: int, answers: int) -> None:
        self._seen.append((self._clock(), priority, answers))

    def before(self, priority: int) -> float:
        """Answers a second that are more urgent than this."""
        since = self._clock() - HORIZON_S
        while self._seen and self._seen[0][0] < since:
            self._seen.popleft()
        return sum(answers for _, one, answers in self._seen if one < priority) / HORIZON_S


class Line:
    """Who is sent away comes back at the end of a line. All told the same second, they would be refused together again, and
    refusing a crowd every second takes the processor from those who are answered.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ends_at = clock()

    def place_s(self, soonest_s: float, each_s: float) -> float:
        """In how many seconds to come, `soonest_s` at the earliest; the next one is told `each_s` more."""
        now = self._clock()
        at = min(max(self._ends_at, now + max(soonest_s, 0.0)), now + LONGEST_RETRY_S)
        self._ends_at = at + each_s
        return at - now

    def clear(self) -> None:
        """Slots are free: nobody need wait behind those who have not come."""
        self._ends_at = self._clock()
