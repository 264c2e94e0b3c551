"""Customers who each hold one exchange at a time, in-process over the ports, and what they cost."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bot.views import TurnAdded
from tests.house import House, address


@dataclass
class Cost:
    """What a run took: CPU seconds of this whole process, seconds on the clock, exchanges done."""

    exchanges: int
    cpu_s: float
    wall_s: float

    @property
    def per_cpu_second(self) -> float:
        return self.exchanges / self.cpu_s

    @property
    def cpu_ms(self) -> float:
        return self.cpu_s / self.exchanges * 1000


async def converse(house: House, who: str, exchanges: int) -> None:
    """Say something, wait until the answer is read from the log, and again."""
    await house.hear(who, f"hello {who} 0")
    done = 0
    async for event in house.record.follow(address(who), None):
        if isinstance(event, TurnAdded) and event.turn.role == "bot":
            done += 1
            if done == exchanges:
                return
            await house.hear(who, f"hello {who} {done}")


async def exchanges(house: House, customers: int, each: int, prefix: str = "c") -> Cost:
    """The cost of `customers` conversations of `each` exchanges."""
    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(converse(house, f"{prefix}{number}", each) for number in range(customers)))
    return Cost(customers * each, time.process_time() - cpu, time.perf_counter() - wall)


@asynccontextmanager
async def scripted_process(*options: str) -> AsyncIterator[str]:
    """A scripted node in a process of its own; its base URL."""
    import sys

    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.scripted_node", *options), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.terminate()
        await process.wait()
