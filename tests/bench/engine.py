"""With the real vLLM: the share of its speed that reaches customers, and how much of each prompt it need not compute."""

import asyncio
import fcntl
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import sqlalchemy as sa

from bot.generation.client import Deadlines, GenerationClient
from bot.generation.request import GenerationRequest, NodeProfile
from bot.store.sqlite import SqliteStore
from tests.bench.ceiling import make_tables
from tests.bench.figures import Figure
from tests.e2e.engine import MODEL, node
from tests.house import House, Remote, open_house

TOKENS = 64
BLOCK = 128
QUESTION = "Tell me, in a few sentences, about the number {} and about what people use it for in daily life."


@contextmanager
def real_engine() -> Iterator[Remote]:
    """A node of our own; one at a time on a machine."""
    with Path(tempfile.gettempdir(), "frontdesk-bench-engine.lock").open("w") as lock, tempfile.TemporaryDirectory() as folder:
        fcntl.flock(lock, fcntl.LOCK_EX)
        settings = {"FRONTDESK_SERVING__API_KEY": "bench", "FRONTDESK_SERVING__KV_CACHE_GIB": "2"}
        with node(Path(folder), settings) as running:
            yield Remote(f"{running.ready()}/v1", MODEL, "bench")


async def share(remote: Remote, rounds: int) -> list[Figure]:
    """Tokens per second through Frontdesk over straight to the engine: same prompts, same concurrency, interleaved."""
    figures = []
    for customers in (1, 8, 32):
        ratios, cpu = [], []
        for number in range(rounds):
            prefix = f"{customers}-{number}"
            direct = await _straight(remote, customers, prefix)
            ours, cpu_ms = await _through(remote, customers, prefix)
            ratios.append(ours / direct)
            cpu.append(cpu_ms)
        beside = {"straight tok/s": direct, "CPU ms per 1,000 tokens": sorted(cpu)[len(cpu) // 2]}
        figures.append(Figure("share of the engine", f"{customers} customers, vLLM CPU", "", ratios, ">= 0.97", beside))
    return figures


def _questions(customers: int, prefix: str) -> list[str]:
    return [QUESTION.format(f"{prefix}-{number}") for number in range(customers)]


async def _straight(remote: Remote, customers: int, prefix: str) -> float:
    client = GenerationClient(remote.url, remote.model, remote.api_key, Deadlines(120, 60, 600))
    profile = NodeProfile(remote.model, 8192, exact=True, extras=True)

    async def one(text: str) -> int:
        request = GenerationRequest((("system", "You help."), ("user", text)), "0a" + prefix.encode().hex(), "0a", TOKENS, 0.0)
        tokens = 0
        async with client.stream(request, profile) as deltas:
            async for delta in deltas:
                tokens = delta.usage.output if delta.usage is not None else tokens
        return tokens

    start = time.perf_counter()
    tokens = sum(await asyncio.gather(*(one(text) for text in _questions(customers, prefix))))
    elapsed = time.perf_counter() - start
    await client.close()
    return tokens / elapsed


async def _through(remote: Remote, customers: int, prefix: str) -> tuple[float, float]:
    with tempfile.TemporaryDirectory(prefix="frontdesk-bench-") as folder:
        make_tables(f"sqlite:///{folder}/a.db")
        store = await SqliteStore.open(Path(folder) / "a.db")
        deadlines = Deadlines(120, 60, 600)
        async with open_house(store, remote=remote, max_tokens=TOKENS, deadlines=deadlines) as house:
            await house.hear("warm", "hello")
            await house.answer("warm", 1)
            before = await _tokens(house)
            start, cpu = time.perf_counter(), time.process_time()
            await asyncio.gather(*(_ask(house, text) for text in _questions(customers, prefix)))
            elapsed, cpu = time.perf_counter() - start, time.process_time() - cpu
            tokens = await _tokens(house) - before
        await store.close()
    return tokens / elapsed, cpu / tokens * 1_000_000


async def _ask(house: House, text: str) -> None:
    await house.hear(text, text)
    await house.answer(text, 1, within_s=600)


async def _tokens(house: House) -> int:
    return int(
        await house.store.read(
            lambda c: c.execute(sa.text("SELECT coalesce(sum(output_tokens), 0) FROM reply_trace")).scalar_one()
        )
    )


async def prefix_reuse(remote: Remote, turns: int, budget: int) -> list[Figure]:
    """One long conversation: cached over prompt tokens as vLLM counts them, the bound, and a sliding window beside it."""
    with tempfile.TemporaryDirectory(prefix="frontdesk-bench-") as folder:
        make_tables(f"sqlite:///{folder}/a.db")
        store = await SqliteStore.open(Path(folder) / "a.db")
        deadlines = Deadlines(120, 60, 600)
        async with open_house(store, remote=remote, max_tokens=TOKENS, history_tokens=budget, deadlines=deadlines) as house:
            for number in range(turns):
                await _turn(house, number)
            rows = await store.read(_traces)
        await store.close()
    prompts, cached = [row[0] for row in rows], [row[1] for row in rows]
    answers, breaks = [row[2] for row in rows], [row[3] for row in rows]
    seen = sum(cached) / sum(prompts)
    bound = reuse_bound(prompts, answers, breaks)
    sliding = await _sliding(remote, turns, budget)
    mode = f"{turns} turns, budget {budget}, vLLM CPU, block {BLOCK}"
    beside = {"bound": bound, "sliding window": sliding, "roll-overs": breaks.count("rollover")}
    return [Figure("prefix reuse", mode, "cached/prompt", [seen], "within 0.02 of the bound", beside)]


async def _turn(house: House, number: int) -> None:
    await house.hear("ann", QUESTION.format(number))
    await house.answer("ann", 2 * number + 1, within_s=600)


def _traces(connection: sa.Connection) -> list[Sequence[object]]:
    return list(
        connection.execute(
            sa.text("SELECT prompt_tokens, cached_tokens, output_tokens, window_break FROM reply_trace ORDER BY seq")
        )
    )


def reuse_bound(prompts: Sequence[int], answers: Sequence[int], breaks: Sequence[str]) -> float:
    """What any append-only window could reuse: all whole blocks of the last prompt and its answer, none after a roll-over
    but those of the system block, which is shorter than one."""
    reused = 0
    for (before, answer), broken in zip(zip(prompts, answers, strict=True), breaks[1:], strict=False):
        reused += 0 if broken else (before + answer) // BLOCK * BLOCK
    return reused / sum(prompts)


async def _sliding(remote: Remote, turns: int, budget: int) -> float:
    """The usual way: the newest messages that fit, so that each prompt begins elsewhere."""
    headers = {"Authorization": f"Bearer {remote.api_key}"}
    messages: list[dict[str, str]] = []
    prompt = cached = 0
    async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=600)) as http:
        for number in range(turns):
            messages.append({"role": "user", "content": QUESTION.format(f"s{number}")})
            shown = [{"role": "system", "content": "You help."}, *messages]
            while await _count(http, remote, shown) > budget:
                messages = messages[2:]
                shown = [{"role": "system", "content": "You help."}, *messages]
            body = {"model": remote.model, "messages": shown, "max_tokens": TOKENS, "temperature": 0}
            async with http.post(f"{remote.url}/chat/completions", json=body) as answer:
                found = await answer.json()
            usage = found["usage"]
            prompt += usage["prompt_tokens"]
            cached += (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
            messages.append({"role": "assistant", "content": found["choices"][0]["message"]["content"]})
    return cached / prompt


async def _count(http: aiohttp.ClientSession, remote: Remote, messages: list[dict[str, str]]) -> int:
    body = {"model": remote.model, "messages": messages, "add_generation_prompt": True}
    async with http.post(f"{remote.url.removesuffix('/v1')}/tokenize", json=body) as answer:
        return int((await answer.json())["count"])
