"""How many answers the node makes for us at once, learnt from what it admits and what it refuses: there is no number to set.

The limit doubles until the node refuses for the first time. A refusal cuts it to what is really being answered; from then on it
grows by one whenever a question asked at the limit is admitted, but not within the node's Retry-After, or five seconds. So a
node that came back smaller is met by refusals, a larger one by growth. Where nothing is answered any more, Retry-After passes
before one question is asked as a probe: the limit is never below one. Every fourth probe in a row that finds the node full gives
an eighth of the limit back for a moment: processes that share a node so come to like shares.

A node that refuses nobody lets questions wait in a queue of its own, where nobody knows their place. What it tells of that wait
counts, else a first token that comes far later than the quickest: then a quarter of the limit goes.
"""

import random
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import structlog

from bot.errors import NodeBusy, NodeTooSlow

FIRST = 16
MOST = 4096
AT_NODE_S = 2.0  # a longer wait is better spent in our own line
HELD_S = 5.0
REMEMBERED = 64
SOONEST_S, LONGEST_S = 1.0, 5.0
GRACE_S = 0.25
GIVES_WAY_EVERY = 4
PATIENT_TIMES = 2
log = structlog.get_logger()


class Counts(Protocol):
    """Counters by name; the tide counts `generation_refused`."""

    def count(self, name: str, *labels: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """One request for the question `key`, sent at `at` seconds of the tide's clock: the `number`-th of the answers being made."""

    key: str
    number: int
    at: float


class Tide:
    """The limit of one process at one node (or router). `most`: an upper bound, 0 for none; `chance()` in [0, 1) spreads the
    probes of several processes. One event loop.
    """

    def __init__(
        self,
        counters: Counts,
        *,
        most: int = 0,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._counters = counters
        self._most = min(most, MOST) or MOST
        self._clock = clock
        self._chance = chance
        self._limit = min(FIRST, self._most)
        self._proven = 1  # that many were admitted together
        self._running = 0  # answers being made, from their claim to their end
        self._here = 0  # requests at the node
        self._met = False  # the node was full once
        self._hold_until = float("-inf")
        self._pause_until = float("-inf")
        self._full_in_row = 0
        self._refusals: dict[str, int] = {}  # of questions that were not admitted since
        self._given_way = 0
        self._cut_at = float("-inf")
        self._waits: deque[float] = deque(maxlen=REMEMBERED)
        self._tells = False

    @property
    def limit(self) -> int:
        """Answers asked for at once, one at least."""
        if self._given_way and self._clock() >= self._hold_until:
            self._limit, self._given_way = min(self._limit + self._given_way, self._most), 0
        return self._limit

    @property
    def pause_s(self) -> float:
        """Seconds until a probe may be asked, where nothing is answered any more; else 0."""
        return max(self._pause_until - self._clock(), 0.0)

    def room(self) -> int:
        """How many more answers may be begun now."""
        return 0 if self.pause_s else max(self.limit - self._running, 0)

    def begin(self) -> int:
        """One more answer is being made, until `end`; its number among them."""
        self._running += 1
        return self._running

    def end(self) -> None:
        """One ended, whatever came of it."""
        self._running -= 1

    @contextmanager
    def asking(self, key: str, number: int) -> Iterator[Asked]:
        """Around one request for the question `key`, for the answer that began with `number`. A NodeBusy leaves it with the
        seconds after which that question may be asked again: 0 where it takes the next place that is free.
        """
        self._here += 1
        asked = Asked(key, min(number, self._running), self._clock())
        try:
            yield asked
        except NodeBusy as busy:
            raise NodeBusy(str(busy), retry_after_s=self._refused(asked, busy.retry_after_s)) from busy
        except NodeTooSlow as slow:
            if slow.phase == "first_token":
                self._held(asked)
            raise
        finally:
            self._here -= 1

    def admitted(self, asked: Asked) -> None:
        """Its first token came."""
        now, quickest = self._clock(), min(self._waits, default=HELD_S)
        self._waits.append(now - asked.at)
        self._pause_until = float("-inf")
        self._refusals.pop(asked.key, None)
        if self._waits[-1] > HELD_S + min(2 * quickest, HELD_S) and not self._tells:
            self._held(asked)
            return
        if asked.number > self._proven:
            self._proven, self._full_in_row = min(asked.number, self.limit), 0
        if asked.number >= self.limit and now >= self._hold_until:
            self._limit = min(self._limit + 1 if self._met else self._limit * 2, self._most)

    def told(self, asked: Asked, waited_s: float) -> None:
        """The node says how long the request stood in its own queue."""
        self._tells = True
        if waited_s > HELD_S:
            self._held(asked)

    def _held(self, asked: Asked) -> None:
        """It waited too long at the node. What was sent before the last cut says nothing new."""
        if asked.at >= self._cut_at:
            self._cut(max(min(self.limit, self._here) * 3 // 4, 1))
            self._hold_until = max(self._hold_until, self._cut_at + SOONEST_S)

    def _refused(self, asked: Asked, after_s: float) -> float:
        """Seconds until this question may be asked again."""
        others = self._here - 1
        self._counters.count("generation_refused", "probe" if asked.number > self._proven else "full")
        self._cut(max(min(self._limit, others), 1))
        self._hold(after_s)
        times = self._refusals[asked.key] = self._refusals.pop(asked.key, 0) + 1
        if len(self._refusals) > MOST:
            del self._refusals[next(iter(self._refusals))]
        # a question keeps its place; one that is refused again and again, perhaps for its own sake, lets others pass
        if others:
            return after_s * min(max(times - PATIENT_TIMES, 0), 4)
        self._pause_until = self._clock() + after_s + GRACE_S
        return after_s if times % PATIENT_TIMES else 2 * after_s

    def _hold(self, after_s: float) -> None:
        """No growth for a while; now and then make room for others meanwhile."""
        now = self._clock()
        news = now >= self._hold_until
        hold_s = min(max(after_s, SOONEST_S), LONGEST_S) * (1 + self._chance() / 2)
        self._hold_until = max(self._hold_until, now + hold_s)
        self._full_in_row += news
        if news and self._limit > 1 and self._full_in_row % GIVES_WAY_EVERY == 0:
            self._given_way = max(self._limit // 8, 1)
            self._limit = self._proven = self._limit - self._given_way

    def _cut(self, to: int) -> None:
        if not self._met or to < self._proven:
            log.info("generation.limit", limit=to, was=self._limit)
        self._met, self._cut_at = True, self._clock()
        self._limit = self._proven = to
        self._given_way = 0
