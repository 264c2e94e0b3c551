"""What was seen of an engine's pace: how fast answers end, how fast others come, and who was told to come when. Pure."""

from collections import deque
from collections.abc import Callable

LONGEST_RETRY_S = 300
REMEMBERED = 64
FEWEST = 4  # ends from which on their rate is believed
EAGER = 1.25  # who was sent away comes back this much faster than answers end, so that no slot waits for them
HORIZON_S = 10.0
Clock = Callable[[], float]


class Ends:
    """How fast answers end while all slots are taken. A rate is believed once each slot could have ended one: those that began
    together end together.
    """

    def __init__(self, slots: int, clock: Clock) -> None:
        self._fewest = max(FEWEST, slots)
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque(maxlen=max(REMEMBERED, 2 * slots))  # seconds since the end before, answers
        self._since: float | None = None  # all slots are taken since, or the last end in that time

    def full(self) -> None:
        """All slots are taken."""
        if self._since is None:
            self._since = self._clock()

    def ended(self, answers: int, *, full: bool) -> None:
        """So many ended just now; `full`: others took their slots."""
        if self._since is not None:
            now = self._clock()
            self._seen.append((now - self._since, answers))
            self._since = now if full else None

    def rate(self) -> float:
        """Ends a second; 0 when too few were seen. A long time without an end makes it less."""
        ended = sum(answers for _, answers in self._seen)
        if ended < self._fewest:
            return 0.0
        silent_s = self._clock() - self._since if self._since is not None else 0.0
        return ended / max(sum(seconds for seconds, _ in self._seen) + silent_s, 0.001)


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
