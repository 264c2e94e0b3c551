"""Life after life, each with its planned end: killed at a point, killed by the clock, or stopped past its lease."""

import asyncio
import random
import signal
from collections import deque
from collections.abc import Awaitable, Callable

from tests.faults.customers import Manner
from tests.faults.order import Order, Outcome
from tests.faults.points import CLOCK, MIGRATION, NEEDS, STOPS, Plan, most_hits
from tests.faults.town import Process, Town
from tests.faults.trouble import Trouble

UP_S = 15.0
REACH_S = 1.2
SELDOM_S = 4.5
STOPPED_S = 4.5  # past the lease, the next look of the other process, and its answer
AFTERWARDS_S = 1.5  # on a busy machine it takes a while to wake up, and to repair what came late
TRIES = 3


class Deaths:
    """Over PostgreSQL two processes live at once, and die in turn or together."""

    def __init__(
        self,
        order: Order,
        outcome: Outcome,
        town: Town,
        bear: Callable[[Plan], Awaitable[Process]],
        trouble: Trouble,
        manner: Manner,
        dice: random.Random,
    ) -> None:
        self._outcome = outcome
        self._town = town
        self._bear = bear
        self._trouble = trouble
        self._manner = manner
        self._dice = dice
        self._hands = 2 if order.database == "postgres" else 1
        # an empty database comes first, in this order
        first = [(point, "kill") for point in order.kills if point in MIGRATION]
        others = [
            *((point, "kill") for point in order.kills if point not in MIGRATION),
            *((point, "stop") for point in order.stops),
        ]
        dice.shuffle(others)
        self._waiting = deque([*first, *others])
        self._stopped = asyncio.Lock()

    async def all(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._hands):
                tasks.create_task(self._lives())

    async def _lives(self) -> None:
        while self._waiting:
            point, act = self._waiting.popleft()
            if act == "kill":
                if await self._life(point, act):
                    self._waiting.append((point, act))
            else:
                await self._keep_company()
                async with self._stopped:  # held through all its tries: its company may be the last thing the other hand does
                    while await self._life(point, act):
                        pass
        await self._keep_company()

    async def _keep_company(self) -> None:
        """While one process is stopped, another lives that can take over from it."""
        if self._stopped.locked():
            companion = await self._bear(Plan("never"))
            async with self._stopped:
                await self._town.kill(companion)

    async def _life(self, point: str, act: str) -> bool:
        """True when it did not reach its point and another may try."""
        need = (STOPS if act == "stop" else NEEDS).get(point, "")
        with self._trouble.need(need, self._manner):
            process = await self._bear(Plan(point, self._dice.randint(1, most_hits(point)), act))
            return await self._end(process, point)

    async def _end(self, process: Process, point: str) -> bool:
        """Wait for its fuse."""
        await self._wait(process, point)
        again = False
        if process.stopped:
            self._outcome.fired[f"stop {point}"] += 1
            await asyncio.sleep(STOPPED_S)
            process.stopped = False
            process.signal(signal.SIGCONT)
            await asyncio.sleep(AFTERWARDS_S)
        elif process.fired.is_set():
            self._outcome.fired[point] += 1
        elif process.dead.is_set():
            again = self._ended_by_itself(process, point)
        else:
            self._outcome.fired[CLOCK] += 1
            self._outcome.missed[point] += point != CLOCK
            again = point != CLOCK and self._outcome.missed[point] < TRIES
        if not process.dead.is_set():
            process.signal(signal.SIGKILL)
        await process.dead.wait()
        return again

    async def _wait(self, process: Process, point: str) -> None:
        limit = REACH_S * (0.2 + self._dice.random()) if point == CLOCK else REACH_S
        if NEEDS.get(point, ""):
            limit = SELDOM_S
        await first_of(UP_S, process.up, process.fired, process.dead)
        await first_of(limit, process.fired, process.dead)

    def _ended_by_itself(self, process: Process, point: str) -> bool:
        """Only a database that is away may keep a life from beginning."""
        if process.refused == "StoreUnavailable" and not process.up.is_set():
            self._outcome.fired["refused to start without its database"] += 1
            return True
        self._outcome.verdict.say("errors", f"a life ended by itself with {process.status} before {point}")
        return False


async def first_of(within_s: float, *events: asyncio.Event) -> None:
    """Return once one of the events is set, or after so many seconds."""
    tasks = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(tasks, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
