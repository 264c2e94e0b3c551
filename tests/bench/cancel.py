"""Cancel: from closing a stream until the engine has let go of it, while others are answered; and a step's length, its bound."""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.bench.asker import Asker, prose, user
from tests.bench.doors import engine_with_doors
from tests.bench.figures import Figure, figure_of, percentile

OTHERS = 8
OTHERS_TOKENS = 1000
HELD = ("vllm:num_requests_running{", "vllm:num_requests_waiting{")
POLL_S = 0.005
MOST_MS = 500.0
GIVEN_UP_S = 60.0
LONG_WORDS = 3000
SIZES = (128, 256, 512, 1024)
FEWER = 4  # times fewer cancels where nothing is judged


@dataclass(slots=True)
class Seen:
    """Milliseconds until the slot was free; `steps`: between two tokens of the others, while it was computed and cancelled.
    `changes`: how often one of the others ended and asked again.
    """

    freed: list[float] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)
    changes: int = 0


async def cancel(cancels: int, sizes: Sequence[int]) -> list[Figure]:
    """The first size is the one that is judged; the others show what a longer step does."""
    figures: list[Figure] = []
    for size in sizes:
        many = cancels if size == sizes[0] else max(cancels // FEWER, 1)
        section = {"preset": "laptop", "max_num_batched_tokens": size}
        async with engine_with_doors([2], section) as engine:
            asker = Asker(engine.doors[0])
            try:
                for kind in ("decode", "long prefill"):
                    figures += _figures(kind, size, await _cancelled(asker, kind, many), judged=size == sizes[0])
            finally:
                await asker.close()
    return figures


async def _cancelled(asker: Asker, kind: str, cancels: int) -> Seen:
    seen, dice = Seen(), random.Random(kind)
    others = [asyncio.create_task(_other(asker, seen, random.Random(one))) for one in range(OTHERS)]
    try:
        await _until(asker, OTHERS)
        while len(seen.freed) < cancels:
            assert not any(other.done() for other in others), "one of the others has failed"
            words = LONG_WORDS if kind == "long prefill" else 20
            await _once(asker, seen, prose(dice, words), dice, reading=kind == "decode")
    finally:
        for other in others:
            other.cancel()
        await asyncio.gather(*others, return_exceptions=True)
    await _until(asker, 0)
    return seen


async def _once(asker: Asker, seen: Seen, question: str, dice: random.Random, *, reading: bool) -> None:
    """From closing, at any point of a step, to the moment the engine counts one fewer. It tells how many it holds, not whom:
    where one of the others came or went meanwhile, nothing was seen.
    """
    begun = asyncio.Event()
    asking = asyncio.create_task(_held(asker, question, begun))
    try:
        async with asyncio.timeout(GIVEN_UP_S):
            if reading:
                await begun.wait()
            await _until(asker, OTHERS + 1)
            changes = seen.changes
            await asyncio.sleep(dice.random() * 0.5)
    finally:
        closed = time.perf_counter()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    await _until(asker, OTHERS)
    if seen.changes == changes:
        seen.freed.append((time.perf_counter() - closed) * 1000)


async def _held(asker: Asker, question: str, begun: asyncio.Event) -> None:
    """Until cancelled. A stream has no head before its first piece, so whoever leaves earlier leaves without one."""
    async with asker.asking(user(question), 1000) as response:
        await response.content.readany()
        begun.set()
        await asyncio.Event().wait()


async def _until(asker: Asker, running: int) -> None:
    ends = time.perf_counter() + GIVEN_UP_S
    while (held := await asker.gauges(*HELD)) != running:
        assert time.perf_counter() < ends, f"the engine holds {held} requests, not {running}"
        await asyncio.sleep(POLL_S)


async def _other(asker: Asker, seen: Seen, dice: random.Random) -> None:
    """Somebody who is being answered all the time; how long each of its tokens took is a step of the engine."""
    while True:
        seen.changes += 1
        async with asker.asking(user(prose(dice, 20)), OTHERS_TOKENS) as response:
            last = 0.0
            async for _ in response.content.iter_any():
                now = time.perf_counter()
                if last:
                    seen.steps.append((now - last) * 1000)
                last = now


def _figures(kind: str, size: int, seen: Seen, *, judged: bool) -> list[Figure]:
    mode = f"in {kind} beside {OTHERS} others, {size} tokens a step, vLLM on CPU"
    step = percentile(seen.steps, 0.99)
    wanted = max([MOST_MS, *seen.steps]) if judged else None
    beside = {"a step's p50 ms": percentile(seen.steps, 0.5), "p99": step, "longest": max(seen.steps)}
    return [
        figure_of(
            "a slot is free after its stream is closed, p50",
            mode,
            "ms",
            seen.freed,
            lambda all_: percentile(all_, 0.5),
            beside=beside,
        ),
        figure_of(
            "a slot is free after its stream is closed, p99",
            mode,
            "ms",
            seen.freed,
            lambda all_: percentile(all_, 0.99),
            at_most=wanted,
        ),
    ]
