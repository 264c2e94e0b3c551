"""Added latency: first preview and final text through Frontdesk's ports, minus straight to the engine, in one run."""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from bot.generation.client import Deadlines, GenerationClient
from bot.generation.request import GenerationRequest, NodeProfile
from bot.store.sqlite import SqliteStore
from bot.views import PreviewShown, TurnAdded
from tests.bench.ceiling import make_tables
from tests.bench.figures import Figure, percentile
from tests.bench.load import scripted_process
from tests.house import House, Remote, address, open_house

Times = tuple[float, float]


async def through(house: House, who: str) -> Times:
    """Seconds to the first shown text and to the committed answer."""
    await house.hear(who, "warm")
    await house.answer(who, 1)
    start, first = time.perf_counter(), 0.0
    await house.hear(who, "hello")
    async for event in house.record.follow(address(who), None):
        if isinstance(event, PreviewShown) and event.text and not first:
            first = time.perf_counter() - start
        if isinstance(event, TurnAdded) and event.turn.role == "bot" and event.turn.in_reply_to == 3:
            whole = time.perf_counter() - start
            return first or whole, whole
    raise AssertionError("the record never ends")


async def straight(client: GenerationClient) -> Times:
    """The same from the engine itself."""
    request = GenerationRequest((("user", "hello"),), salt="0a", route="0a", max_tokens=256, temperature=0.0)
    start, first = time.perf_counter(), 0.0
    async with client.stream(request, NodeProfile("scripted", 8192, exact=True, extras=True)) as deltas:
        async for delta in deltas:
            if delta.text and not first:
                first = time.perf_counter() - start
    return first, time.perf_counter() - start


async def many(customers: int, one: Callable[[int], Awaitable[Times]]) -> list[Times]:
    return await asyncio.gather(*(one(number) for number in range(customers)))


async def latency(runs: int) -> list[Figure]:
    figures = []
    for pace_s, name in ((0.0, "zero-delay engine"), (0.02, "20 ms a piece")):
        async with scripted_process("--pieces", "24", "--pace-s", str(pace_s)) as url:
            for customers in (1, 32):
                figures += await _one(url, customers, runs * (32 // customers), f"{customers} customers, {name}")
    return figures


async def _one(url: str, customers: int, runs: int, mode: str) -> list[Figure]:
    direct: list[Times] = []
    ours: list[Times] = []
    with tempfile.TemporaryDirectory(prefix="frontdesk-bench-") as folder:
        file = Path(folder) / "a.db"
        make_tables(f"sqlite:///{file}")
        store = await SqliteStore.open(file)
        client = GenerationClient(url, "scripted", "", Deadlines())
        async with open_house(store, remote=Remote(url, "scripted", "")) as house:
            await many(customers, lambda _: straight(client))  # connections are made before anything is timed
            for turn in range(runs):
                direct += await many(customers, lambda _: straight(client))
                ours += await many(customers, lambda number, turn=turn: through(house, f"{turn}-{number}"))
        await client.close()
        await store.close()
    return [
        _figure(what, mode, [one[part] for one in ours], [one[part] for one in direct])
        for part, what in enumerate(("first text", "final text"))
    ]


def _figure(what: str, mode: str, ours: list[float], direct: list[float]) -> Figure:
    added = [(percentile(ours, share) - percentile(direct, share)) * 1000 for share in (0.5, 0.99)]
    return Figure(f"added latency, {what}", mode, "ms p50", [added[0]], "p50 <= 10, p99 <= 50", {"p99 ms": added[1]})
