"""Two replicas behind vllm-router: whether a conversation stays where its prefix is cached, and what a replica's death costs."""

import asyncio
import os
import signal
import tempfile
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import aiohttp
import sqlalchemy as sa

from bot.generation.wire import Wire, WireExchange
from bot.store.tables import reply_trace
from tests.bench.engine import PROMPT, real_engine, real_node
from tests.bench.figures import Figure, figure
from tests.bench.product import Product, Remote, make_tables, product
from tests.bench.reuse import QUESTION
from tests.e2e.engine import Node, until

TOKENS = 32
BUDGET = 2048
READY_S = 300


@dataclass
class Ways:
    """Which replica each conversation's answers came from, in order; the key is the conversation's route."""

    seen: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    @contextmanager
    def noted(self) -> Iterator[None]:
        post = Wire.post

        @asynccontextmanager
        async def noting(wire: Wire, path: str, headers: Mapping[str, str], body: bytes) -> AsyncIterator[WireExchange]:
            async with post(wire, path, headers, body) as exchange:
                if exchange.response.status == 200:
                    self.seen[headers["X-Session-ID"]].append(exchange.response.headers.get("x-replica", ""))
                yield exchange

        with patch.object(Wire, "post", noting):
            yield

    def sticky(self) -> float:
        """Answers that came from the replica which gave most of the conversation's, of all answers."""
        most = sum(Counter(ways).most_common(1)[0][1] for ways in self.seen.values())
        return most / sum(map(len, self.seen.values()))

    def last(self) -> dict[str, str]:
        return {route: ways[-1] for route, ways in self.seen.items()}


async def replicas(people: int, turns: int) -> list[Figure]:
    """So many customers with so many exchanges each, on one engine and on two; then one of the two is killed in mid-answer."""
    with real_engine() as remote:
        single = await _reuse(remote, people, turns)
    with real_node(replicas="2", kv_cache_gib="1") as (remote, node):
        await _both(remote)
        ways = Ways()
        with ways.noted():
            reused, lost, moved, stayed = await _reuse_and_death(remote, node, ways, people, turns)
    mode = f"{people} conversations of {turns} exchanges, real vLLM on CPU"
    return [
        figure("turns of a conversation on one replica", mode, "", [reused[0]], at_least=0.95),
        figure("prefix reuse, two replicas minus one engine", mode, "", [reused[1] - single], at_least=-0.02),
        figure("turns lost when a replica is killed", mode, "", [lost], at_most=0),
        figure("conversations of the other replica that moved", mode, "", [stayed], at_most=0, beside={"moved": moved}),
    ]


async def _reuse(remote: Remote, people: int, turns: int) -> float:
    async with _house(remote) as running:
        await asyncio.gather(*(_talk(running, number, range(turns)) for number in range(people)))
        return await running.store.read(_reused)


async def _reuse_and_death(
    remote: Remote, node: Node, ways: Ways, people: int, turns: int
) -> tuple[tuple[float, float], int, int, int]:
    """(share on one replica, reuse), turns lost, conversations of the dead replica, others that moved."""
    async with _house(remote) as running:
        await asyncio.gather(*(_talk(running, number, range(turns)) for number in range(people)))
        seen = ways.sticky(), await running.store.read(_reused)
        before, answers = ways.last(), await running.store.read(_answers)
        talking = [asyncio.create_task(_talk(running, number, range(turns, turns + 2))) for number in range(people)]
        while sum(map(len, ways.seen.values())) < answers + people // 2:  # some are being answered now
            await asyncio.sleep(0.01)
        dead = _kill_one(node)
        await asyncio.gather(*talking)
        lost = answers + 2 * people - await running.store.read(_answers)
        after = ways.last()
    gone = {route for route in before if before[route] == dead}
    return seen, lost, len(gone), sum(after[route] != before[route] for route in before if route not in gone)


@asynccontextmanager
async def _house(remote: Remote) -> AsyncIterator[Product]:
    with tempfile.TemporaryDirectory(prefix="frontdesk-bench-") as folder:
        database = f"sqlite:///{folder}/a.db"
        make_tables(database)
        async with product(database, remote, history_tokens=BUDGET, max_tokens=TOKENS, prompt=PROMPT) as running:
            yield running


async def _talk(running: Product, person: int, turns: Sequence[int]) -> None:
    for number in turns:
        await running.hear(f"person{person}", QUESTION.format(1000 * person + number))
        await running.answer(f"person{person}", 2 * number + 1)


async def _both(remote: Remote) -> None:
    """Wait until the node answers for both replicas."""
    async with aiohttp.ClientSession() as http, asyncio.timeout(READY_S):
        while True:
            async with http.get(f"{remote.url.removesuffix('/v1')}/metrics") as answer:
                if (await answer.text()).count('frontdesk_node_replica_up{replica="') and "} 0\n" not in _ups(
                    await answer.text()
                ):
                    return
            await asyncio.sleep(0.5)


def _ups(text: str) -> str:
    return "".join(f"{line}\n" for line in text.splitlines() if line.startswith("frontdesk_node_replica_up{"))


def _kill_one(node: Node) -> str:
    """SIGKILL for the second engine; its name."""
    children = Path(f"/proc/{node.process.pid}/task/{node.process.pid}/children").read_text().split()
    engines = [pid for pid in children if b"serving.engine" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    os.kill(int(engines[1]), signal.SIGKILL)
    assert until(lambda: any("was ended by signal 9" in line for line in node.lines), 30)
    return next(line for line in node.lines if "was ended by signal 9" in line).split()[2]


def _reused(connection: sa.Connection) -> float:
    trace = reply_trace.c
    cached, prompt = connection.execute(sa.select(sa.func.sum(trace.cached_tokens), sa.func.sum(trace.prompt_tokens))).one()
    return float(cached / prompt)


def _answers(connection: sa.Connection) -> int:
    return int(connection.scalar(sa.select(sa.func.count()).select_from(reply_trace)) or 0)
