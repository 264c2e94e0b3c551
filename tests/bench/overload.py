"""Overload: several times what the engine can take, for a minute, then until all are answered; beside an engine just full."""

import asyncio
import itertools
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bot.generation.request import LIVE, RETRY
from tests.bench.asker import Answer, Asker, Messages, prose, user
from tests.bench.doors import Engine, engine_with_doors
from tests.bench.figures import Figure, figure, figure_of, percentile

SLOTS = 16
DEADLINE_S = 5.0
TIMES = 5
MOST_TRIES = 20
MEMORY_EVERY_S = 1.0
SETTLED_S = 10.0
Question = tuple[Messages, int]


@dataclass(frozen=True, slots=True)
class Kind:
    """Words of a question and tokens of its answer: each pair of these comes as often as any other, in every stretch."""

    name: str
    words: Sequence[int]
    tokens: Sequence[int]

    def questions(self, seed: int) -> Callable[[], Question]:
        dice, deck = random.Random(seed), list[tuple[int, int]]()

        def draw() -> Question:
            if not deck:
                deck.extend(itertools.product(self.words, self.tokens))
                dice.shuffle(deck)
            words, tokens = deck.pop()
            return user(prose(dice, words)), tokens

        return draw


KINDS = (Kind("short", (20,), (16,)), Kind("mixed", (10, 60), (4, 8, 16, 64)), Kind("long prompts", (200,), (8,)))


@dataclass(slots=True)
class Seen:
    """What became of the turns of a phase; `timely`: when an answer in time began and ended, and its tokens."""

    timely: list[tuple[float, float, int]] = field(default_factory=list)
    firsts: list[float] = field(default_factory=list)
    late: int = 0
    lost: int = 0
    refusals: int = 0
    untold: int = 0
    turns: int = 0
    tries: list[int] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)

    def note(self, answer: Answer) -> bool:
        """Whether the turn is answered."""
        if answer.status == 503:
            self.refusals += 1
            self.untold += not answer.after_s
            return False
        if answer.status != 200 or answer.problem:
            self.failed[answer.problem or str(answer.status)] += 1
            return False
        self.firsts.append(answer.first_s or DEADLINE_S * 2)
        if answer.first_s is None or answer.first_s > DEADLINE_S:
            self.late += 1
        else:
            ended = time.perf_counter()
            self.timely.append((ended - answer.total_s + answer.first_s, ended, answer.tokens))
        return answer.first_s is not None

    def goodput(self, since: float, until: float) -> float:
        """Tokens a second that came in that time, of answers whose first token was in time."""
        within = ((max(min(end, until) - max(begin, since), 0.0), begin, end, tokens) for begin, end, tokens in self.timely)
        return sum(tokens * inside_s / max(end - begin, 0.001) for inside_s, begin, end, tokens in within) / (until - since)


@dataclass(frozen=True, slots=True)
class Round:
    """`full`: tokens/s with an asker for each slot, before and after; `over`: each stretch of the overload, the same."""

    full: Sequence[float]
    over: Sequence[float]
    seen: Seen
    memory_mib: float


async def overload(kinds: Sequence[Kind], full_s: float, over_s: float) -> list[Figure]:
    figures: list[Figure] = []
    async with engine_with_doors([2], {"preset": "laptop", "max_num_seqs": SLOTS}) as engine:
        asker = Asker(engine.doors[0])
        try:
            for kind in kinds:
                figures += _figures(kind, await _round(asker, engine, kind, full_s, over_s))
        finally:
            await asker.close()
    return figures


async def _round(asker: Asker, engine: Engine, kind: Kind, full_s: float, over_s: float) -> Round:
    before, turns_s = await _full(asker, kind, full_s, 1)
    watched: list[float] = []
    watching = asyncio.create_task(_watch_memory(engine, watched))
    try:
        over, seen = await _over(asker, kind, TIMES * turns_s, over_s)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    after, _ = await _full(asker, kind, full_s, 2)
    return Round([*before, *after], over, seen, max(watched) - watched[0])


async def _full(asker: Asker, kind: Kind, lasts_s: float, seed: int) -> tuple[list[float], float]:
    """Tokens/s of each half, and turns/s, with as many askers as slots who ask again as soon as they have an answer."""
    draw, seen = kind.questions(seed), Seen()
    began = time.perf_counter()
    ends = began + lasts_s

    async def one() -> None:
        while time.perf_counter() < ends:
            seen.note(await asker.ask(*draw()))

    await asyncio.gather(*(one() for _ in range(SLOTS)))
    warm = began + lasts_s * 0.2
    half = (warm + ends) / 2
    in_time = [end for _, end, _ in seen.timely if warm <= end < ends]
    return [seen.goodput(warm, half), seen.goodput(half, ends)], len(in_time) / (ends - warm)


async def _over(asker: Asker, kind: Kind, turns_s: float, lasts_s: float) -> tuple[list[float], Seen]:
    """Turns that come by chance at this rate; who is refused comes again when told to, until answered."""
    draw, seen, dice = kind.questions(3), Seen(), random.Random(4)
    began = time.perf_counter()
    async with asyncio.TaskGroup() as turns:
        at = began
        while (at := at + dice.expovariate(turns_s)) < began + lasts_s:
            await asyncio.sleep(at - time.perf_counter())
            turns.create_task(_turn(asker, draw(), seen))
    ended = max(end for _, end, _ in seen.timely)
    settled_s = min(SETTLED_S, lasts_s / 4)
    edges = [began + settled_s + part * (lasts_s - settled_s) / 4 for part in range(5)]
    told = [seen.goodput(since, until) for since, until in itertools.pairwise(edges)]
    drained = seen.goodput(began + lasts_s, ended - 2.0)  # but for the last few, who leave slots empty
    return [*told, drained], seen


async def _turn(asker: Asker, question: Question, seen: Seen) -> None:
    seen.turns += 1
    for tried in range(MOST_TRIES):
        priority = RETRY if tried else LIVE
        answer = await asker.ask(*question, deadline_s=DEADLINE_S, priority=priority)
        if seen.note(answer):
            seen.tries.append(tried + 1)
            return
        await asyncio.sleep(answer.after_s)
    seen.lost += 1


async def _watch_memory(engine: Engine, watched: list[float]) -> None:
    while True:
        watched.append(engine.memory_mib())
        await asyncio.sleep(MEMORY_EVERY_S)


def _figures(kind: Kind, seen: Round) -> list[Figure]:
    mode = f"{TIMES} x the load, {kind.name}, vLLM on CPU, {SLOTS} slots, deadline {DEADLINE_S:g} s"
    just_full = statistics.median(seen.full)
    turns = seen.seen
    beside = {"tokens/s when just full": just_full, "the most": max(seen.full), "turns": turns.turns}
    told = {
        "late": turns.late,
        "refusals": turns.refusals,
        "most tries of a turn": max(turns.tries),
        "p50 s": percentile(turns.firsts, 0.5),
    }
    told |= {f"failed: {why[:30]}": count for why, count in turns.failed.items()}
    told["tokens/s until all were answered"] = seen.over[-1]
    p99 = lambda firsts: percentile(firsts, 0.99)  # noqa: E731
    return [
        figure("goodput over just full", mode, "", [one / just_full for one in seen.over], at_least=0.95, beside=beside),
        figure_of("first token of admitted turns, p99", mode, "s", turns.firsts, p99, at_most=DEADLINE_S, beside=told),
        figure("turns lost", mode, "", [turns.lost], at_most=0, beside={"refused without a time to come again": turns.untold}),
        figure("the engine's memory grew by", mode, "MiB", [seen.memory_mib], at_most=256),
    ]
