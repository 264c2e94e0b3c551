"""A node with so many slots and processes that answer one line of questions through their tides, in virtual time."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from bot.conversation.counters import NoCounters
from bot.errors import NodeBusy
from bot.generation.tide import Tide

ANSWER_S = 4.0
FIRST_TOKEN_S = 0.2


class SlottedNode:
    """Refuses whoever finds no slot, or where it `holds`, lets them wait for one. `spurned`: questions it always refuses."""

    def __init__(self, slots: int, dice: random.Random, *, holds: bool = False, retry_after_s: float = 1.0) -> None:
        self.slots, self.holds, self.retry_after_s = slots, holds, retry_after_s
        self.busy = self.refused = self.answered = 0
        self.spurned: set[int] = set()
        self.waiting: list[asyncio.Future[None]] = []
        self._dice = dice

    async def begin(self, question: int) -> None:
        """Returns with the first token. Raises NodeBusy."""
        full = self.busy >= self.slots
        if question in self.spurned or (full and not self.holds):
            self.refused += 1
            raise NodeBusy("full", retry_after_s=self.retry_after_s)
        if full:
            self.waiting.append(asyncio.get_running_loop().create_future())
            await self.waiting[-1]
        else:
            self.busy += 1
        await asyncio.sleep(FIRST_TOKEN_S * self._dice.uniform(0.8, 1.5))

    async def finish(self) -> None:
        """The rest of an answer; its slot goes to whoever waits for one."""
        await asyncio.sleep(ANSWER_S * self._dice.uniform(0.3, 1.7))
        self.answered += 1
        if self.waiting and self.busy <= self.slots:
            self.waiting.pop(0).set_result(None)
        else:
            self.busy -= 1


@dataclass
class Line:
    """Questions in the order of asking, with the time from which each may be asked; `never_empty`: more come than are taken."""

    open: dict[int, float] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)
    latest: int = 0

    def take(self, now: float, ahead: int) -> int:
        """The first that may be asked; further ones come, so that there are always `ahead` of them."""
        while len(self.open) < ahead:
            self.latest += 1
            self.open[self.latest] = 0.0
        question = min(one for one, due in self.open.items() if due <= now)
        del self.open[question]
        self.asked.append(question)
        return question


class Process:
    """Claims as the worker does: at each end of an answer, and once a second."""

    def __init__(self, node: SlottedNode, line: Line, dice: random.Random, *, most: int = 0) -> None:
        clock = asyncio.get_running_loop().time
        self.tide = Tide(NoCounters(), most=most, clock=clock, chance=dice.random)
        self.own = 0
        self._node, self._line, self._clock = node, line, clock
        self._wake = asyncio.Event()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._wake.clear()
                for _ in range(self.tide.room()):
                    question = self._line.take(self._clock(), min(max(self._node.slots * 5, 20), 600))
                    tasks.create_task(self._answer(question, self.tide.begin()))
                try:
                    async with asyncio.timeout(1.0):
                        await self._wake.wait()
                except TimeoutError:
                    continue

    async def _answer(self, question: int, number: int) -> None:
        try:
            with self.tide.asking(str(question), number) as asked:
                await self._node.begin(question)
                self.tide.admitted(asked)
                self.own += 1
                await self._node.finish()
                self.own -= 1
        except NodeBusy as busy:
            self._line.open[question] = self._clock() + busy.retry_after_s
            asyncio.get_running_loop().call_later(self.tide.pause_s or busy.retry_after_s, self._wake.set)
        self.tide.end()
        self._wake.set()


@dataclass
class Seen:
    """What a stretch of time showed, sampled four times a second."""

    busy: list[int] = field(default_factory=list)
    limits: list[int] = field(default_factory=list)

    @property
    def mean_busy(self) -> float:
        return sum(self.busy) / len(self.busy)


async def watch(node: SlottedNode, processes: list[Process], seconds: float) -> Seen:
    seen = Seen()
    for _ in range(int(seconds * 4)):
        await asyncio.sleep(0.25)
        seen.busy.append(node.busy)
        seen.limits.append(sum(one.tide.limit for one in processes))
    return seen


async def during(processes: list[Process], work: Callable[[], object]) -> None:
    """`work()` (a coroutine) while the processes run."""
    running = [asyncio.create_task(one.run()) for one in processes]
    try:
        await work()  # type: ignore[misc]
    finally:
        for task in running:
            task.cancel()
        ended = await asyncio.gather(*running, return_exceptions=True)
    assert all(isinstance(one, asyncio.CancelledError) for one in ended), f"a process ended by itself: {ended}"
