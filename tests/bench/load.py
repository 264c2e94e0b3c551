"""Customers who each hold one exchange at a time, in-process over the ports, and what they cost."""

import asyncio
import time
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass

from bot.views import TurnAdded
from tests.bench.product import Product


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run took: CPU seconds, seconds on the clock, exchanges done."""

    exchanges: int
    cpu_s: float
    wall_s: float

    @property
    def per_cpu_second(self) -> float:
        return self.exchanges / self.cpu_s

    @property
    def per_second(self) -> float:
        return self.exchanges / self.wall_s

    @property
    def cpu_ms(self) -> float:
        return self.cpu_s / self.exchanges * 1000


async def converse(product: Product, who: str, exchanges: int, cursor: str | None = None) -> None:
    """Say something, wait until the answer is read from the log (past `cursor` where much was said already), and again."""
    await product.hear(who, f"hello {who} 0")
    done = 0
    async with product.following(who, cursor) as events:
        async for event in events:
            if isinstance(event, TurnAdded) and event.turn.role == "bot":
                done += 1
                if done == exchanges:
                    return
                await product.hear(who, f"hello {who} {done}")


async def exchanges(product: Product, customers: int, each: int, prefix: str = "c") -> Cost:
    """The cost of `customers` new conversations of `each` exchanges, customers and followers included."""
    return await cost(customers * each, (converse(product, f"{prefix}{number}", each) for number in range(customers)))


async def cost(done: int, conversations: Iterable[Awaitable[None]]) -> Cost:
    """What it takes to hold these conversations, of so many exchanges in all, at once."""
    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*conversations)
    return Cost(done, time.process_time() - cpu, time.perf_counter() - wall)
