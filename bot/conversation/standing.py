"""Where each question stands in line, and how long that takes: pure, from looks at the line, so that processes agree."""

import math
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.store.ids import ConversationId
from bot.store.line import Question

WINDOW_S = 120.0
STALE_S = 600.0
LONGEST_LOOK_S = 15.0
FEWEST = 3
SHORTEST_S = 5.0
SILENT_S = 15.0


@dataclass(frozen=True, slots=True)
class Standing:
    """The `place` in line, from 1, and the seconds until the answer begins, as things go."""

    place: int
    wait_s: float


def standings(front: Sequence[Question], rate: float) -> Mapping[ConversationId, Standing]:
    """Of those that wait, where `rate` answers are made a second.

    Workers take from the accounts in turn, from each in the order of asking: before somebody's place in their own line, each
    other account may have as many turns as they needed.
    """
    lengths = Counter(question.route for question in front if not question.answering)
    seen: Counter[str] = Counter()
    found = {}
    for question in front:
        if question.answering:
            continue
        seen[question.route] += 1
        own = seen[question.route]
        place = sum(min(length, own) for length in lengths.values())
        found[question.conversation_id] = Standing(place, place / rate)
    return found


@dataclass(frozen=True, slots=True)
class _Stretch:
    at: float
    seconds: float
    answered: int


class Pace:
    """How many answers are made a second while others wait. Questions older than `answer_within_s` end without one."""

    def __init__(self, *, answer_within_s: float) -> None:
        self._answer_within_s = answer_within_s
        self._stretches: deque[_Stretch] = deque()
        self._before: tuple[float, Sequence[Question]] = (-math.inf, ())

    def look(self, now: float, front: Sequence[Question]) -> float | None:
        """What the line looks like at `now` (seconds of a steady clock); answers a second, None while that is not known."""
        then, before = self._before
        self._before = now, front
        if _some_wait(before) and _some_wait(front) and now - then < LONGEST_LOOK_S:
            still = {(question.conversation_id, question.since) for question in front}
            gone = [question for question in before if (question.conversation_id, question.since) not in still]
            answered = sum(question.waited_s < self._answer_within_s - LONGEST_LOOK_S for question in gone)
            self._stretches.append(_Stretch(now, now - then, answered))
        return self._rate(now)

    def _rate(self, now: float) -> float | None:
        while self._stretches and (self._seconds > WINDOW_S or now - self._stretches[0].at > STALE_S):
            self._stretches.popleft()
        answered = sum(stretch.answered for stretch in self._stretches)
        if answered < FEWEST or self._seconds < SHORTEST_S:
            return None
        rate = answered / self._seconds
        return rate if self._silent_s() < max(SILENT_S, 5 / rate) else None

    @property
    def _seconds(self) -> float:
        return sum(stretch.seconds for stretch in self._stretches)

    def _silent_s(self) -> float:
        """Seconds of waiting in which nothing was answered, to the last look: the node may be away."""
        silent = 0.0
        for stretch in reversed(self._stretches):
            if stretch.answered:
                break
            silent += stretch.seconds
        return silent


def _some_wait(front: Sequence[Question]) -> bool:
    return any(not question.answering for question in front)


def in_words(seconds: float) -> str:
    """A time, rounded up."""
    if seconds <= 50:
        return f"{max(math.ceil(seconds / 10), 1) * 10} seconds"
    minutes = math.ceil(seconds / 60)
    if minutes <= 90:
        return "1 minute" if minutes == 1 else f"{minutes} minutes"
    return f"{math.ceil(seconds / 3600)} hours"
