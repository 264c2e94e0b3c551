"""Who may start at the engine now: live answers before background work, and nobody who could not start in time. Pure.

vLLM itself takes requests in order of their priority. It does not know when an asker stops caring: a request that starts after
its deadline takes a slot from one that could still be in time. So the wait is estimated from how fast answers ended while all
slots were taken, and from how fast first tokens came while many waited for theirs: prompts take time though slots are free.
Who cannot start in time is told at once when to come again. vLLM's own bound of its queue is never met: it
would refuse within a stream that has begun, and name no time.
"""

import math
from collections import Counter, deque
from dataclasses import dataclass
from typing import Literal

from serving.engine.pace import CROWD, EAGER, LONGEST_RETRY_S, Arrivals, Clock, Ends, Line, Starts

# lower is earlier, as in vLLM
LIVE, RETRY, DRAFT, BACKGROUND = 0, 10, 20, 30
KINDS = {"background": BACKGROUND, "draft": DRAFT, "retry": RETRY}
Reason = Literal["deadline", "background", "queue"]
MOST_WAITING = 256
STARTS = 256  # the worst of so many is worse than what 99 of 100 will meet; of 64, one in 60 was later
SLOWEST = 0.01  # of the rate of ends: what is left to those whom more urgent ones overtake all the time


class TooMany(Exception):
    """Not here, ever: more in one request than an idle node would take."""


class Full(Exception):
    """Not now: come again in `after_s` seconds (whole ones)."""

    def __init__(self, why: str, after_s: float, reason: Reason = "deadline") -> None:
        super().__init__(why)
        self.reason = reason
        self.after_s = min(max(1, math.ceil(after_s)), LONGEST_RETRY_S)


@dataclass(slots=True)
class Place:
    """One admitted request: give it back with `leave` whatever becomes of it. `due_at`: when it was expected to start. `size`:
    what it takes of the queue. `streamed`: its first token is seen.
    """

    priority: int
    answers: int
    due_at: float
    size: int
    streamed: bool
    started: bool = False


class Admission:
    """`slots`: answers that the engine makes at once; `background` of them at most are for work that nobody waits for; `waiting`
    more at most may wait for a slot. `clock` gives seconds.

    Answers that are not streamed tell nothing of first tokens: they hold slots, and that is all that is known of them.
    """

    def __init__(self, slots: int, background: int, clock: Clock, waiting: int = MOST_WAITING) -> None:
        self._slots = slots
        self._background = background
        self._waiting = waiting
        self._clock = clock
        self._here: Counter[int] = Counter()
        self._started: Counter[int] = Counter()
        self._whole: Counter[int] = Counter()  # of those that are here, not streamed
        self._size = 0
        self._ends = Ends(slots, clock)
        self._starts = Starts(clock)
        self._arrivals = Arrivals(clock)
        self._line = Line(clock)
        self._late: deque[float] = deque(maxlen=STARTS)  # seconds from when a request was due to its first token

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

    def enter(
        self, priority: int, answers: int, deadline_s: float | None, *, streamed: bool = True, size: int | None = None
    ) -> Place:
        """A place for so many answers, the first token of which is worth something for `deadline_s` seconds. `size`: of the
        queue, where it is not the number of answers. Raises Full, and TooMany for what would be full for ever.
        """
        size = answers if size is None else size
        self._check_size(priority, answers, size)
        if priority >= BACKGROUND:
            self._check_background(answers)
        over = self._over(priority, answers)
        wait_s = self.wait_s(priority, answers)
        if self._size + size > self._slots + self._waiting:
            said = f"{max(self._size - self._slots, 0)} wait, of at most {self._waiting}"
            raise Full(said, self._come_again_s(priority, answers, 0.0), "queue")
        if over <= 0 and not wait_s:
            self._line.clear()
        elif deadline_s is not None:
            self._check_deadline(priority, answers, wait_s, deadline_s)
        self._here[priority] += answers
        self._whole[priority] += 0 if streamed else answers
        self._size += size
        self._ends.begun(self.here)
        self._starts.goes_on(self._expected())
        if self.here >= self._slots:
            self._arrivals.note(priority, answers)
        return Place(priority, answers, self._clock() + wait_s, size, streamed)

    def start(self, place: Place) -> None:
        """The first token has come. Known only of answers that are streamed."""
        if place.streamed and not place.started:
            place.started = True
            self._started[place.priority] += place.answers
            if place.priority < BACKGROUND:  # which stands aside: its lateness says nothing of others
                self._starts.came(place.answers, self._expected())
                self._late.append(self._clock() - place.due_at)

    def leave(self, place: Place, *, answered: bool = True) -> None:
        """The request has ended, whatever came of it: its slot is free. `answered`: not, if it gave up before it had one."""
        _less(self._here, place)
        self._size -= place.size
        if not place.streamed:
            _less(self._whole, place)
        elif place.started:
            _less(self._started, place)
        else:
            self._starts.goes_on(self._expected())
        if answered:
            self._ends.ended(place.answers, self.here)
        else:
            self._ends.begun(self.here)

    def wait_s(self, priority: int, answers: int = 1) -> float:
        """Estimated seconds until a request of this priority could start; 0 while slots are free and no crowd waits for first
        tokens, or nothing is known yet.
        """
        over, rate = self._over(priority, answers), self._ends.rate()
        behind_s = self._behind_s(priority, answers)
        if over <= 0 or rate <= 0:
            return behind_s
        return max(over / max(rate - self._arrivals.before(priority), rate * SLOWEST), behind_s)

    def _behind_s(self, priority: int, answers: int) -> float:
        """Until those who were here before have their first tokens, and it too."""
        ahead, rate = self._expected(priority), self._starts.rate()
        return (ahead + answers) / rate if ahead >= CROWD and rate > 0 else 0.0

    def _expected(self, priority: int = BACKGROUND - 1) -> int:
        """First tokens that are still to come, as urgent as this at least."""
        return sum(count - self._started[one] - self._whole[one] for one, count in self._here.items() if one <= priority)

    def _over(self, priority: int, answers: int) -> int:
        """How many must end before it can start: vLLM takes no slot from an answer that has begun, however little urgent."""
        ahead = sum(count for one, count in self._here.items() if one <= priority)
        begun = sum(count for one, count in self._started.items() if one > priority)
        return ahead + begun + answers - self._slots

    def _check_size(self, priority: int, answers: int, size: int) -> None:
        if size > self._slots + self._waiting:
            raise TooMany(f"one request may ask for {self._slots + self._waiting} answers here")
        if priority >= BACKGROUND and answers > self._background:
            raise TooMany(f"one request of background work may ask for {self._background} answers here")

    def _check_background(self, answers: int) -> None:
        busy = sum(count for one, count in self._here.items() if one >= BACKGROUND)
        if busy + answers > self._background:
            rate = self._ends.rate()
            said = f"{busy} answers of background work are being made, of at most {self._background}"
            raise Full(said, 1 / rate if rate > 0 else 1.0, "background")

    def _check_deadline(self, priority: int, answers: int, wait_s: float, deadline_s: float) -> None:
        """Starts were late lately: whoever must wait may be as late. Before anything is known, one for each slot may wait."""
        late_s = min(max(self._late, default=0.0), deadline_s / 2)
        if wait_s + late_s > deadline_s:
            said = f"it could start in {wait_s + late_s:.1f} s and is wanted within {deadline_s:.1f} s"
            raise Full(said, self._come_again_s(priority, answers, deadline_s - late_s))
        if self.here and self._ends.rate() <= 0 and self._over(priority, answers) > self._slots:
            raise Full("how long it would take to start is not known yet", self._come_again_s(priority, answers, deadline_s))

    def _come_again_s(self, priority: int, answers: int, patience_s: float) -> float:
        """When the wait has become `patience_s`, if nobody overtakes; behind all others who were sent away."""
        rate = self._ends.rate() or self._starts.rate() or self._slots
        wait_s = max(self._over(priority, answers) / rate, self._behind_s(priority, answers))
        return self._line.place_s(wait_s - patience_s, answers / (EAGER * rate))


def _less(counted: Counter[int], place: Place) -> None:
    counted[place.priority] -= place.answers
    if counted[place.priority] <= 0:
        del counted[place.priority]


def kind(priority: int) -> str:
    """live, retry, draft or background."""
    return next((name for name, first in KINDS.items() if priority >= first), "live")
