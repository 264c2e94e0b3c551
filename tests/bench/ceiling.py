"""Platform ceiling: what the product itself costs when the engine costs nothing, beside the bare driver."""

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

import sqlalchemy as sa

from bot.store.postgres import PostgresStore
from bot.store.sqlite import SqliteStore
from bot.store.store import Store
from bot.store.tables import metadata
from tests.bench.figures import Figure
from tests.bench.load import Cost, exchanges, scripted_process
from tests.bench.raw import recorded, replay
from tests.house import Remote, open_house

CUSTOMERS = 100


def make_tables(url: str) -> None:
    engine = sa.create_engine(url)
    metadata.create_all(engine)
    engine.dispose()


async def run(store: Store, remote: Remote, each: int) -> Cost:
    async with open_house(store, remote=remote) as house:
        await exchanges(house, CUSTOMERS, 2, "warm")
        return await exchanges(house, CUSTOMERS, each)


async def sqlite_pair(remote: Remote, each: int) -> tuple[Cost, float, int]:
    """The product's cost, then the CPU seconds of the same statements through sqlite3, and their number."""
    with tempfile.TemporaryDirectory(prefix="frontdesk-bench-") as folder:
        first, second = Path(folder) / "a.db", Path(folder) / "b.db"
        make_tables(f"sqlite:///{first}")
        shutil.copy(first, second)
        store = await SqliteStore.open(first)
        cost = await run(store, remote, each)
        await store.close()
        first.unlink()
        make_tables(f"sqlite:///{first}")
        with recorded() as log:
            store = await SqliteStore.open(first)
            async with open_house(store, remote=remote) as house:
                await exchanges(house, CUSTOMERS, 2, "warm")
                warm = len(log)
                await exchanges(house, CUSTOMERS, each)
            transactions = list(log)
            await store.close()
        replay(second, transactions[:warm])
        return cost, replay(second, transactions[warm:]), sum(map(len, transactions[warm:]))


async def ceiling(runs: int, each: int) -> list[Figure]:
    """In-process adapter on SQLite, 64 and 8 chunks for each answer, interleaved with the replay through the driver."""
    figures = []
    for pieces in (64, 8):
        async with scripted_process("--pieces", str(pieces)) as url:
            remote = Remote(url, "scripted", "")
            pairs = [await sqlite_pair(remote, each) for _ in range(runs)]
        mode = f"in-process, SQLite FULL, {CUSTOMERS} customers, {pieces} chunks"
        product = [cost.per_cpu_second for cost, _, _ in pairs]
        raw = [cost.exchanges / spent for cost, spent, _ in pairs]
        cost, _, statements = pairs[0]
        figures.append(
            Figure("platform ceiling", mode, "exchanges/CPU-s", product, ">= 600", {"statements": statements / cost.exchanges})
        )
        figures.append(Figure("same statements, sqlite3", mode, "exchanges/CPU-s", raw))
        share = [own / bare for own, bare in zip(product, raw, strict=True)]
        figures.append(Figure("share of the raw driver", mode, "", share, ">= 0.5"))
    return figures


async def ceiling_postgres(runs: int, each: int) -> list[Figure]:
    """The same on PostgreSQL; the server's own CPU is not ours and stands beside it."""
    from tests.bench.server import postgres

    with postgres() as server:
        values, beside = [], []
        async with scripted_process("--pieces", "64") as url:
            for number in range(runs):
                database = server.database(f"bench{number}")
                make_tables(database)
                store = await PostgresStore.open(sa.make_url(database))
                before = server.cpu_s()
                cost = await run(store, Remote(url, "scripted", ""), each)
                beside.append((server.cpu_s() - before) / cost.exchanges * 1000)
                values.append(cost.per_cpu_second)
                await store.close()
    mode = f"in-process, PostgreSQL, {CUSTOMERS} customers, 64 chunks"
    return [
        Figure("platform ceiling", mode, "exchanges/CPU-s", values, "", {"server CPU ms each": sorted(beside)[len(beside) // 2]})
    ]


if __name__ == "__main__":
    from tests.bench.figures import show

    print(show(asyncio.run(ceiling(int(sys.argv[1]), int(sys.argv[2])))))
