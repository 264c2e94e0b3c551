"""Share of the engine: how much of the real vLLM's speed reaches customers, and what Frontdesk takes of the machine for it."""

import asyncio
import itertools
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bot.generation.client import GenerationClient
from bot.generation.request import GenerationRequest, NodeProfile
from bot.store.ids import new_id
from tests.bench.engine import PROMPT, TOKENS, real_engine
from tests.bench.figures import Figure, figure
from tests.bench.product import PATIENT, Remote, make_tables, product

QUESTION = "Tell me, in a few sentences, about the number {} and about what people use it for in daily life."
ANSWERS = {1: 4, 8: 16, 32: 32, 64: 64}  # by customers at once: enough of them to time
Ask = Callable[[str], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens of all answers, seconds on the clock and CPU seconds of this process."""

    tokens: int
    wall_s: float
    cpu_s: float

    @property
    def per_second(self) -> float:
        return self.tokens / self.wall_s

    @property
    def cpu_ms_per_1000(self) -> float:
        return self.cpu_s / self.tokens * 1_000_000


Arm = Callable[[int, str], Awaitable[Speed]]  # customers at once, and what makes their questions this run's own


async def share(rounds: int) -> list[Figure]:
    """Both ways in turns the one and the other first, each with its own cache salt; no question is asked twice. One product for
    all, so that it knows how much the node takes.
    """
    speeds: dict[int, list[tuple[Speed, Speed]]] = {customers: [] for customers in ANSWERS}
    with real_engine() as remote:
        async with _straight(remote) as straight, _through(remote) as through:
            for customers in ANSWERS:
                await through(customers, f"warm{customers}x")
            for run, customers in itertools.product(range(rounds), ANSWERS):
                arms = (straight, through) if run % 2 else (through, straight)
                found = {arm: await arm(customers, f"{customers}{run:02d}") for arm in arms}
                speeds[customers].append((found[straight], found[through]))
    return [one for customers, pairs in speeds.items() for one in _figures(customers, pairs)]


def _figures(customers: int, pairs: list[tuple[Speed, Speed]]) -> list[Figure]:
    mode = f"in-process, vLLM on CPU, {customers} at once"
    ratios = [ours.per_second / straight.per_second for straight, ours in pairs]
    cost = [ours.cpu_ms_per_1000 for _, ours in pairs]
    speed = statistics.median(straight.per_second for straight, _ in pairs)
    beside = {"straight tokens/s": speed, "straight tokens a run": pairs[0][0].tokens, "ours": pairs[0][1].tokens}
    reading = {"only reading": statistics.median(straight.cpu_ms_per_1000 for straight, _ in pairs)}
    return [
        figure("share of the engine", mode, "", ratios, at_least=0.97, beside=beside),
        figure("Frontdesk beside the engine", mode, "CPU ms per 1,000 tokens", cost, beside=reading),
    ]


async def _timed(ask: Ask, customers: int, salt: str) -> Speed:
    """So many customers who take the next question as soon as they have an answer."""
    questions = iter([QUESTION.format(f"{salt}{number:02d}") for number in range(ANSWERS[customers])])

    async def customer() -> int:
        return sum([await ask(question) for question in questions])

    wall, cpu = time.perf_counter(), time.process_time()
    tokens = sum(await asyncio.gather(*(customer() for _ in range(customers))))
    return Speed(tokens, time.perf_counter() - wall, time.process_time() - cpu)


@asynccontextmanager
async def _straight(remote: Remote) -> AsyncIterator[Arm]:
    client = GenerationClient(remote.url, remote.model, remote.api_key, PATIENT)
    profile = NodeProfile(remote.model, 8192, exact=True, extras=True)
    salt = new_id()

    async def ask(question: str) -> int:
        request = GenerationRequest((("system", PROMPT), ("user", question)), salt, salt, TOKENS, 0.0)
        async with client.stream(request, profile) as deltas:
            return sum([delta.usage.output async for delta in deltas if delta.usage is not None])

    async def run(customers: int, number: str) -> Speed:
        return await _timed(ask, customers, number)

    try:
        yield run
    finally:
        await client.close()


@asynccontextmanager
async def _through(remote: Remote) -> AsyncIterator[Arm]:
    with tempfile.TemporaryDirectory(prefix="frontdesk-bench-") as folder:
        database = f"sqlite:///{folder}/a.db"
        make_tables(database)
        async with product(database, remote, max_tokens=TOKENS, prompt=PROMPT) as running:

            async def ask(question: str) -> int:
                await running.hear(question, question)
                await running.answer(question, 1)
                return 0

            async def run(customers: int, number: str) -> Speed:
                before = await running.tokens()
                speed = await _timed(ask, customers, number)
                return Speed(await running.tokens() - before, speed.wall_s, speed.cpu_s)

            yield run
