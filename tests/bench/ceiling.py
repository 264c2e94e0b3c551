"""Platform ceiling: what the product itself costs when the engine costs nothing, beside the bare driver."""

import asyncio
import os
import shutil
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from tests.bench import raw, raw_postgres
from tests.bench.bare import read_streams
from tests.bench.figures import Figure, figure
from tests.bench.load import Cost, exchanges
from tests.bench.processes import scripted_process
from tests.bench.product import Remote, make_tables, product
from tests.bench.raw import Replay
from tests.bench.server import Server, postgres

CUSTOMERS = 100
AT_ONCE = 64
WARM = 2


@dataclass(frozen=True, slots=True)
class Run:
    """One round of everything on one database: the product on one core and on all, the bare driver, the bare reader."""

    alone: Cost
    spread: Cost
    commits: int
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


async def measure(url: str, remote: Remote, each: int) -> tuple[Cost, int]:
    """The product on an empty database: the cost of `each` exchanges of 100 customers after it is warm, and its commits."""
    make_tables(url)
    async with product(url, remote) as running:
        await exchanges(running, CUSTOMERS, WARM, "warm")
        with commits_counted() as commits:
            return await exchanges(running, CUSTOMERS, each), commits[0]


async def sqlite_run(remote: Remote, each: int) -> Run:
    with tempfile.TemporaryDirectory(prefix="frontdesk-bench-") as folder:
        files = [Path(folder) / f"{name}.db" for name in ("spread", "alone", "noted", "empty", "bare")]
        spread, _ = await measure(f"sqlite:///{files[0]}", remote, each)
        with one_core():
            alone, commits = await measure(f"sqlite:///{files[1]}", remote, each)
            with raw.noted() as log:
                make_tables(f"sqlite:///{files[3]}")
                schema = len(log)
                shutil.copy(files[3], files[4])
                files[3].rename(files[2])
                async with product(f"sqlite:///{files[2]}", remote) as running:
                    await exchanges(running, CUSTOMERS, WARM, "warm")
                    warm = len(log)
                    await exchanges(running, CUSTOMERS, each)
                    transactions = list(log)
            raw.replay(files[4], transactions[schema:warm])
            bare = raw.replay(files[4], transactions[warm:])
            stream_s = await read_streams(remote.url, CUSTOMERS * each, at_once=AT_ONCE, history=each)
    return Run(alone, spread, commits, bare, stream_s)


async def ceiling(runs: int, each: int) -> list[Figure]:
    """In-process on SQLite, 64 and 8 chunks for each answer."""
    rounds: dict[int, list[Run]] = {64: [], 8: []}
    async with scripted_process("--pieces", "64") as long, scripted_process("--pieces", "8") as short:
        for _ in range(runs):
            for pieces, url in ((64, long), (8, short)):
                rounds[pieces].append(await sqlite_run(Remote(url), each))
    return [one for pieces, seen in rounds.items() for one in _figures(seen, f"SQLite FULL, {pieces} chunks", "sqlite3")]


def _figures(seen: list[Run], mode: str, driver: str) -> list[Figure]:
    def middle(values: list[float]) -> float:
        return statistics.median(values)

    exchanges_each = seen[0].alone.exchanges
    ours = {"on the clock /s": middle([one.alone.per_second for one in seen])}
    ours["commits each"] = middle([one.commits / exchanges_each for one in seen])
    bare = {"statements each": middle([one.bare.statements / exchanges_each for one in seen])}
    bare["durable commits each"] = middle([one.bare.commits / exchanges_each for one in seen])
    spread = {"on the clock /s": middle([one.spread.per_second for one in seen])}
    rate, alone = "exchanges/CPU-s", [one.alone.per_cpu_second for one in seen]
    line = [one.alone.per_cpu_second / one.raw_line_rate for one in seen]
    share = [one.alone.per_cpu_second / one.raw_rate for one in seen]
    wide = [one.spread.per_cpu_second for one in seen]
    reads = {"stream ms": middle([one.stream_s * 1000 for one in seen])}
    return [
        figure("platform ceiling, in-process", f"{mode}, one core", rate, alone, at_least=600, beside=ours),
        figure("platform ceiling, in-process", f"{mode}, all cores", rate, wide, beside=spread),
        figure("same statements alone", f"{mode}, {driver}", rate, [one.raw_rate for one in seen], beside=bare),
        figure("share of the same statements alone", mode, "", share, at_least=0.5),
        figure("share of those and the streams read bare", mode, "", line, at_least=0.5, beside=reads),
    ]


async def ceiling_postgres(runs: int, each: int) -> list[Figure]:
    """The same on PostgreSQL; the server's CPU is not ours and stands beside it."""
    rounds: dict[int, list[Run]] = {64: [], 8: []}
    beside: list[float] = []
    with postgres() as server:
        async with scripted_process("--pieces", "64") as long, scripted_process("--pieces", "8") as short:
            for number in range(runs):
                for pieces, url in ((64, long), (8, short)):
                    rounds[pieces].append(await _postgres_run(server, f"{number}_{pieces}", Remote(url), each, beside))
    mode = "PostgreSQL, {} chunks"
    figures = [one for pieces, seen in rounds.items() for one in _figures(seen, mode.format(pieces), "psycopg")]
    return [*figures, figure("the server beside it", "PostgreSQL, in-process", "CPU ms each", beside)]


async def _postgres_run(server: Server, name: str, remote: Remote, each: int, beside: list[float]) -> Run:
    spread, _ = await measure(server.database(f"spread{name}"), remote, each)
    with one_core():
        before = server.cpu_s()
        alone, commits = await measure(server.database(f"alone{name}"), remote, each)
        beside.append((server.cpu_s() - before) / (alone.exchanges + CUSTOMERS * WARM) * 1000)
        url, again = server.database(f"noted{name}"), server.database(f"bare{name}")
        make_tables(url)
        make_tables(again)
        with raw_postgres.noted() as log:
            async with product(url, remote) as running:
                await exchanges(running, CUSTOMERS, WARM, "warm")
                warm = len(log)
                await exchanges(running, CUSTOMERS, each)
                transactions = list(log)
        await asyncio.to_thread(raw_postgres.replay, again, transactions[:warm])
        bare = raw_postgres.replay(again, transactions[warm:])
        stream_s = await read_streams(remote.url, CUSTOMERS * each, at_once=AT_ONCE, history=each)
    return Run(alone, spread, commits, bare, stream_s)
