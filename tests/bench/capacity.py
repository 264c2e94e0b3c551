"""The capacity model of docs/scale.md beside what the engine really does: exchanges a second from two rates and three lengths."""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

import aiohttp
import sqlalchemy as sa

from bot.store.tables import reply_trace
from tests.bench.engine import PROMPT, real_engine
from tests.bench.figures import Figure, figure
from tests.bench.product import Product, Remote, make_tables, product
from tests.bench.reuse import QUESTION

ANSWER = 48
PREFILL = 512
BUDGET = 2048


@dataclass(frozen=True, slots=True)
class Rates:
    """Tokens a second of one engine: `prefill` of prompts alone, `decode` with so many answers at once as it will have."""

    prefill: float
    decode: float


@dataclass(frozen=True, slots=True)
class Exchange:
    """Mean tokens of one: of its prompt that are computed, and of its answer."""

    new: float
    output: float


def exchanges_a_second(rates: Rates, exchange: Exchange) -> float:
    """An engine works either on prompts or on answers; each token of both takes its share of the same second."""
    return 1 / (exchange.new / rates.prefill + exchange.output / rates.decode)


async def capacity(runs: int, people: int, turns: int) -> list[Figure]:
    """Measured over told by the model, `people` writing without a pause; each run takes its rates anew."""
    seen: list[tuple[float, float, Rates, Exchange]] = []
    with real_engine() as remote:
        for run in range(runs):
            rates = await _rates(remote, people, run)
            measured, exchange = await _measured(remote, people, turns)
            seen.append((measured, exchanges_a_second(rates, exchange), rates, exchange))
    last = seen[-1]
    beside = {
        "exchanges/s": statistics.median(one[0] for one in seen),
        "prefill tokens/s": last[2].prefill,
        "decode tokens/s": last[2].decode,
        "new tokens": last[3].new,
        "output tokens": last[3].output,
    }
    mode = f"{people} conversations of {turns} exchanges, real vLLM on CPU"
    ratios = [measured / told for measured, told, _, _ in seen]
    return [figure("exchanges a second over what the capacity model tells", mode, "", ratios, at_least=0.75, beside=beside)]


async def _rates(remote: Remote, people: int, run: int) -> Rates:
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {remote.api_key}"}) as http:
        words = " ".join(f"w{number % 89}" for number in range(PREFILL // 3))
        prompts = [f"{run} {number} {words}" for number in range(8)]  # they differ from the first word: nothing is cached
        read, took = await _timed([_ask(http, remote, prompt, 1) for prompt in prompts])
        prefill = sum(used["prompt_tokens"] for used in read) / took
        made, took = await _timed([_ask(http, remote, f"{run} {number}", 2 * ANSWER) for number in range(people)])
        short = sum(used["prompt_tokens"] for used in made) / prefill
        return Rates(prefill, sum(used["completion_tokens"] for used in made) / (took - short))


async def _timed(asked: Sequence[Awaitable[dict[str, int]]]) -> tuple[list[dict[str, int]], float]:
    started = time.perf_counter()
    return await asyncio.gather(*asked), time.perf_counter() - started


async def _ask(http: aiohttp.ClientSession, remote: Remote, text: str, tokens: int) -> dict[str, int]:
    body = {"model": remote.model, "messages": [{"role": "user", "content": text}], "max_tokens": tokens, "ignore_eos": True}
    async with http.post(f"{remote.url}/chat/completions", json=body) as answer:
        answer.raise_for_status()
        usage: dict[str, int] = (await answer.json())["usage"]
        return usage


async def _measured(remote: Remote, people: int, turns: int) -> tuple[float, Exchange]:
    """Exchanges a second through the product, and how long they were."""
    with tempfile.TemporaryDirectory(prefix="frontdesk-bench-") as folder:
        database = f"sqlite:///{folder}/a.db"
        make_tables(database)
        async with product(database, remote, history_tokens=BUDGET, max_tokens=ANSWER, prompt=PROMPT) as running:
            started = time.perf_counter()
            await asyncio.gather(*(_talk(running, number, turns) for number in range(people)))
            took = time.perf_counter() - started
            return people * turns / took, await running.store.read(_lengths)


async def _talk(running: Product, person: int, turns: int) -> None:
    for number in range(turns):
        await running.hear(f"person{person}", QUESTION.format(1000 * person + number))
        await running.answer(f"person{person}", 2 * number + 1)


def _lengths(connection: sa.Connection) -> Exchange:
    trace = reply_trace.c
    new = sa.func.avg(trace.prompt_tokens - sa.func.coalesce(trace.cached_tokens, 0))
    row = connection.execute(sa.select(new, sa.func.avg(trace.output_tokens))).one()
    return Exchange(float(row[0]), float(row[1]))
