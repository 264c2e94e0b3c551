"""Added latency: first preview and final text through Frontdesk's ports, minus straight to the engine, interleaved."""

import asyncio
import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from bot.generation.client import GenerationClient
from bot.generation.request import GenerationRequest, NodeProfile
from bot.views import PreviewShown, TurnAdded
from tests.bench.figures import Figure, figure_of, percentile
from tests.bench.processes import scripted_process
from tests.bench.product import PATIENT, Product, Remote, make_tables, product

Times = tuple[float, float]
PIECES = 24
PACE_S = 0.02
PROFILE = NodeProfile("scripted", 8192, exact=True, extras=True)
Begin = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds to the first and to the final text of each answer, straight and through Frontdesk."""

    straight: Sequence[Times]
    through: Sequence[Times]


def added_ms(rounds: Sequence[Round], *, part: int, share: float) -> float:
    """The percentile of all answers through Frontdesk minus that of all straight ones."""
    ours = percentile([times[part] for one in rounds for times in one.through], share)
    return (ours - percentile([times[part] for one in rounds for times in one.straight], share)) * 1000


async def through(product: Product, who: str, begin: Begin) -> Times:
    """The second answer of a conversation, to a customer who follows it already."""
    await product.hear(who, "warm")
    start = first = 0.0
    async with product.following(who) as events:
        async for event in events:
            answered = isinstance(event, TurnAdded) and event.turn.role == "bot"
            if isinstance(event, PreviewShown) and event.text and start:
                first = first or time.perf_counter() - start
            elif answered and not start:
                await begin()
                start = time.perf_counter()
                await product.hear(who, "hello")
            elif answered:
                whole = time.perf_counter() - start
                return first or whole, whole
    raise AssertionError("the record never ends")


async def straight(client: GenerationClient, begin: Begin) -> Times:
    """The same from the engine itself."""
    request = GenerationRequest((("user", "hello"),), salt="0a", route="0a", max_tokens=256, temperature=0.0)
    await begin()
    start, first = time.perf_counter(), 0.0
    async with client.stream(request, PROFILE) as deltas:
        async for delta in deltas:
            if delta.text and not first:
                first = time.perf_counter() - start
    return first, time.perf_counter() - start


def at_once(customers: int) -> list[Begin]:
    """All at the same instant."""
    return [asyncio.Barrier(customers).wait] * customers


def apart(customers: int) -> list[Begin]:
    """Each at a time of its own within the time of one answer; the same times for every call."""
    dice = random.Random(customers)
    return [partial(asyncio.sleep, dice.random() * PIECES * PACE_S) for _ in range(customers)]


async def latency(runs: int, alone: int) -> list[Figure]:
    """So many rounds of 32 customers, and so many of one alone."""
    figures = []
    for pace_s, name, together, begins in (
        (0.0, "zero-delay engine", "32 customers at one instant", at_once),
        (PACE_S, "20 ms a piece", "32 customers at their own times", apart),
    ):
        async with scripted_process("--pieces", str(PIECES), "--pace-s", str(pace_s)) as url:
            figures += _figures(f"in-process, {name}, 1 customer", await _rounds(url, alone, partial(at_once, 1)))
            figures += _figures(f"in-process, {name}, {together}", await _rounds(url, runs, partial(begins, 32)))
    return figures


async def _rounds(url: str, runs: int, begins: Callable[[], list[Begin]]) -> list[Round]:
    with tempfile.TemporaryDirectory(prefix="frontdesk-bench-") as folder:
        database = f"sqlite:///{folder}/a.db"
        make_tables(database)
        client = GenerationClient(url, "scripted", "", PATIENT)
        async with product(database, Remote(url)) as running:
            await asyncio.gather(*(straight(client, begin) for begin in begins()))  # makes the connections
            rounds = [await _round(running, client, run, begins) for run in range(runs)]
        await client.close()
    return rounds


async def _round(running: Product, client: GenerationClient, run: int, begins: Callable[[], list[Begin]]) -> Round:
    """Both ways, in turns the one and the other first."""
    arms = [
        lambda: asyncio.gather(*(straight(client, begin) for begin in begins())),
        lambda: asyncio.gather(*(through(running, f"{run}-{number}", begin) for number, begin in enumerate(begins()))),
    ]
    if run % 2:
        later, first = await arms[1](), await arms[0]()
    else:
        first, later = await arms[0](), await arms[1]()
    return Round(first, later)


def _figures(mode: str, rounds: Sequence[Round]) -> list[Figure]:
    return [
        figure_of(
            f"added latency, {what}",
            mode,
            f"ms p{share * 100:.0f}",
            rounds,
            partial(added_ms, part=part, share=share),
            at_most=most,
        )
        for part, what in enumerate(("first text", "final text"))
        for share, most in ((0.5, 10), (0.99, 50))
    ]
