"""Platform ceiling: what the product itself costs when the engine costs nothing, beside the bare driver."""

import os
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import sqlalchemy as sa

from tests.bench import raw, raw_postgres
from tests.bench.bare import read_streams
from tests.bench.figures import Figure, figure
from tests.bench.load import Cost, exchanges
from tests.bench.processes import scripted_process
from tests.bench.product import Remote, make_tables, product
from tests.bench.raw import Driver, Replay
from tests.bench.server import postgres

AT_ONCE = 64
WARM = 2
Fresh = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Size:
    """Customers at once, and exchanges of each after it is warm."""

    customers: int
    each: int


@dataclass(frozen=True, slots=True)
class Run:
    """One round of everything on one database: the product on one core and on all, the bare driver, the bare reader."""

    alone: Cost
    spread: Cost
    commits: int
    server_s: float
    bare: Replay
    stream_s: float

    @property
    def raw_rate(self) -> float:
        return self.alone.exchanges / self.bare.cpu_s

    @property
    def raw_line_rate(self) -> float:
        return 1 / (self.bare.cpu_s / self.alone.exchanges + self.stream_s)


@contextmanager
def one_core() -> Iterator[None]:
    """This thread, and those begun inside the block, on one core."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


@contextmanager
def commits_counted() -> Iterator[list[int]]:
    """How many transactions SQLAlchemy commits inside the block, those that only read included."""
    count = [0]

    def committed(_connection: sa.Connection) -> None:
        count[0] += 1

    sa.event.listen(sa.Engine, "commit", committed)
    try:
        yield count
    finally:
        sa.event.remove(sa.Engine, "commit", committed)


async def measure(url: str, remote: Remote, size: Size, *, warmed: Callable[[], None] = lambda: None) -> Cost:
    """The product on a database with empty tables: the cost of `size` once it is warm."""
    async with product(url, remote) as running:
        await exchanges(running, size.customers, WARM, "warm")
        warmed()
        return await exchanges(running, size.customers, size.each)


async def ceiling(runs: int, size: Size) -> list[Figure]:
    """In-process on SQLite, 64 and 8 chunks for each answer."""
    rounds: dict[int, list[Run]] = {64: [], 8: []}
    async with scripted_process("--pieces", "64") as long, scripted_process("--pieces", "8") as short:
        for _ in range(runs):
            for pieces, url in ((64, long), (8, short)):
                with tempfile.TemporaryDirectory(prefix="frontdesk-bench-") as folder:
                    fresh = f"sqlite:///{folder}/{{}}.db".format
                    rounds[pieces].append(await _run(fresh, raw.DRIVER, Remote(url), size, lambda: 0.0))
    return [one for pieces, seen in rounds.items() for one in _figures(seen, f"SQLite FULL, {pieces} chunks", "sqlite3")]


async def ceiling_postgres(runs: int, size: Size) -> list[Figure]:
    """The same on PostgreSQL, 64 chunks; the server's CPU is not ours and stands beside it."""
    rounds: list[Run] = []
    with postgres() as server:
        async with scripted_process("--pieces", "64") as url:
            for number in range(runs):
                fresh = partial(_named, server.database, number)
                rounds.append(await _run(fresh, raw_postgres.DRIVER, Remote(url), size, server.cpu_s))
    return _figures(rounds, "PostgreSQL, 64 chunks", "psycopg")


def _named(database: Fresh, number: int, name: str) -> str:
    return database(f"{name}{number}")


async def _run(fresh: Fresh, driver: Driver, remote: Remote, size: Size, server_cpu_s: Callable[[], float]) -> Run:
    spread, alone, noted, bare = (fresh(name) for name in ("spread", "alone", "noted", "bare"))
    for url in (spread, alone, noted, bare):
        make_tables(url)
    on_all = await measure(spread, remote, size)
    with one_core():
        with commits_counted() as commits:
            before: list[float] = []
            on_one = await measure(alone, remote, size, warmed=lambda: before.extend((commits[0], server_cpu_s())))
            committed, server_s = commits[0] - int(before[0]), server_cpu_s() - before[1]
        with driver.noted() as log:
            warm: list[int] = []
            await measure(noted, remote, size, warmed=lambda: warm.append(len(log)))
        driver.replay(bare, log[: warm[0]])
        replayed = driver.replay(bare, log[warm[0] :])
        at_once = min(AT_ONCE, size.customers)
        stream_s = await read_streams(remote.url, size.customers * size.each, at_once=at_once, history=size.each)
    return Run(on_one, on_all, committed, server_s, replayed, stream_s)


def _figures(seen: Sequence[Run], mode: str, driver: str) -> list[Figure]:
    def middle(value: Callable[[Run], float]) -> float:
        return statistics.median(value(one) for one in seen)

    each, rate = seen[0].alone.exchanges, "exchanges/CPU-s"
    ours = {"on the clock /s": middle(lambda one: one.alone.per_second), "commits each": middle(lambda one: one.commits / each)}
    if seen[0].server_s:
        ours["server's CPU ms each"] = middle(lambda one: one.server_s / each * 1000)
    bare = {"statements each": middle(lambda one: one.bare.statements / each)}
    bare["durable commits each"] = middle(lambda one: one.bare.commits / each)
    spread = {"on the clock /s": middle(lambda one: one.spread.per_second)}
    reads = {"stream ms": middle(lambda one: one.stream_s * 1000)}
    alone = [one.alone.per_cpu_second for one in seen]
    share = [one.alone.per_cpu_second / one.raw_rate for one in seen]
    line = [one.alone.per_cpu_second / one.raw_line_rate for one in seen]
    least = None if seen[0].server_s else 600
    return [
        figure("platform ceiling, in-process", f"{mode}, one core", rate, alone, at_least=least, beside=ours),
        figure(
            "platform ceiling, in-process", f"{mode}, all cores", rate, [one.spread.per_cpu_second for one in seen], beside=spread
        ),
        figure("same statements alone", f"{mode}, {driver}", rate, [one.raw_rate for one in seen], beside=bare),
        figure("share of the same statements alone", mode, "", share, at_least=0.5),
        figure("share of those and the streams read bare", mode, "", line, at_least=0.5, beside=reads),
    ]
