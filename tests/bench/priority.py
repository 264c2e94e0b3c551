"""Priority: what background work does to those who wait, on one engine whose gates let more or less of it in at once."""

import asyncio
import itertools
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.generation.request import BACKGROUND, LIVE
from tests.bench.asker import Asker, prose, user
from tests.bench.doors import engine_with_doors
from tests.bench.figures import Figure, figure_of, percentile

BOUNDS = (1, 2, 4, 8)
IDLE = 0
DEFAULT = 2
CUSTOMERS = 3
THINK_S = 1.5
TURNS = 6  # of a conversation, then another begins
TOKENS = 24
SUMMARISED = 900  # words that a roll-over reads
SUMMARY = 128
MOST = 1.3


@dataclass(slots=True)
class Seen:
    """Seconds to the first tokens of live turns, and background answers done meanwhile."""

    firsts: list[float] = field(default_factory=list)
    summaries: int = 0


async def priority(rounds: int, lasts_s: float) -> list[Figure]:
    """The same customers at the same times, without background work and with as much as each gate lets in."""
    seen: dict[int, list[Seen]] = {bound: [] for bound in (IDLE, *BOUNDS)}
    async with engine_with_doors(BOUNDS, {"preset": "laptop"}) as engine:
        askers = dict(zip(BOUNDS, map(Asker, engine.doors), strict=True))
        try:
            await _phase(askers[DEFAULT], IDLE, 99, min(lasts_s, 10.0))
            for number in range(rounds):
                arms = list(seen)[:: -1 if number % 2 else 1]
                for bound in arms:
                    seen[bound].append(await _phase(askers[bound or DEFAULT], bound, number, lasts_s))
        finally:
            await asyncio.gather(*(asker.close() for asker in askers.values()))
    return [_figure(bound, seen) for bound in BOUNDS]


async def _phase(asker: Asker, bound: int, number: int, lasts_s: float) -> Seen:
    seen, ends = Seen(), time.perf_counter() + lasts_s
    salt = f"{bound}x{number}"
    working = [asyncio.create_task(_summarise(asker, seen, random.Random(f"{salt}{one}"))) for one in range(bound)]
    try:
        await asyncio.gather(*(_customer(asker, seen, number * 100 + one, salt, ends) for one in range(CUSTOMERS)))
    finally:
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
    return seen


async def _customer(asker: Asker, seen: Seen, seed: int, salt: str, ends: float) -> None:
    """Talks with pauses; the words and the pauses are the same whatever else is going on."""
    dice = random.Random(seed)
    said: list[dict[str, str]] = []
    for turn in itertools.count():
        await asyncio.sleep(dice.expovariate(1 / THINK_S))
        if time.perf_counter() > ends:
            return
        said = [*(said if turn % TURNS else user(prose(dice, 40))), {"role": "user", "content": prose(dice, 30)}]
        answer = await asker.ask(said, TOKENS, priority=LIVE, cache_salt=f"{salt}c{seed}")
        assert answer.first_s is not None, f"no answer: {answer.status} {answer.problem}"
        seen.firsts.append(answer.first_s)
        said.append({"role": "assistant", "content": answer.text})


async def _summarise(asker: Asker, seen: Seen, dice: random.Random) -> None:
    """Work that nobody waits for, one after the other."""
    while True:
        answer = await asker.ask(user(prose(dice, SUMMARISED)), SUMMARY, priority=BACKGROUND)
        seen.summaries += answer.first_s is not None
        await asyncio.sleep(min(answer.after_s, 1.0))


def _p95(runs: Sequence[Seen]) -> float:
    return percentile([one for run in runs for one in run.firsts], 0.95)


def _figure(bound: int, seen: Mapping[int, Sequence[Seen]]) -> Figure:
    pairs = list(zip(seen[IDLE], seen[bound], strict=True))
    mode = f"{bound} background answers at once, {CUSTOMERS} customers, vLLM on CPU"
    beside = {"idle p95 s": _p95(seen[IDLE]), "p95 s": _p95(seen[bound]), "turns": sum(len(one.firsts) for one in seen[bound])}
    for name, share in (("p50", 0.5),):
        quick, slow = ([one for run in seen[arm] for one in run.firsts] for arm in (IDLE, bound))
        beside[f"{name} over idle"] = percentile(slow, share) / percentile(quick, share)
    beside["summaries"] = sum(one.summaries for one in seen[bound])
    most = MOST if bound == DEFAULT else None
    return figure_of("first token of live turns, p95 over an idle engine's", mode, "", pairs, _ratio, at_most=most, beside=beside)


def _ratio(pairs: Sequence[tuple[Seen, Seen]]) -> float:
    return _p95([loaded for _, loaded in pairs]) / _p95([idle for idle, _ in pairs])
