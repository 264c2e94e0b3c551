"""Growth: what a turn costs when much is stored, and when much was said in its own conversation."""

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from tests.bench.figures import Figure, figure
from tests.bench.load import converse, cost, exchanges
from tests.bench.processes import scripted_process
from tests.bench.product import Product, Remote, address, make_tables, product

PATTERN = 500  # exchanges of the conversation that is copied
BUDGET = 2000
FULL = 40  # exchanges that surely fill a window of BUDGET
COPIED = {
    "identity": {"identity_id", "user_id"},
    "address": {"address_id", "chat_id"},
    "conversation": {"conversation_id", "address_id"},
    "turn": {"conversation_id"},
    "event_log": {"conversation_id", "address_id"},
    "inbox": {"key", "conversation_id"},
    "reply_trace": {"conversation_id"},
    "summary": {"conversation_id"},
}


def multiply(file: Path, copies: int) -> None:
    """Copy everything the product has made, so many times, under ids of their own."""
    with closing(sqlite3.connect(file)) as database, database:
        for table, fresh in COPIED.items():
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            values = [f"printf('%08x', i) || substr({column}, 9)" if column in fresh else column for column in columns]
            database.execute(
                "WITH RECURSIVE copy(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM copy WHERE i < ?) "
                f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)} FROM copy CROSS JOIN {table}",
                (copies,),
            )


async def growth(runs: int, stored: int, each: int) -> list[Figure]:
    """CPU of an exchange beside a million stored turns over one in an empty database, in turns the one and the other first."""
    ratios = []
    with tempfile.TemporaryDirectory(prefix="frontdesk-bench-") as folder:
        empty, full = Path(folder) / "empty.db", Path(folder) / "full.db"
        async with scripted_process("--pieces", "8") as url:
            for file, first in ((empty, 1), (full, PATTERN)):
                make_tables(f"sqlite:///{file}")
                await _spent(file, Remote(url), "model", 1, first)
            multiply(full, stored // (2 * PATTERN))
            for run in range(runs):
                order = (empty, full) if run % 2 else (full, empty)
                ms = {file: await _spent(file, Remote(url), f"run{run}-", 50, each) for file in order}
                ratios.append(ms[full] / ms[empty])
    mode = f"in-process SQLite, {stored:,} stored turns over none"
    return [figure("growth, stored turns", mode, "x CPU", ratios, at_most=1.1, beside={"CPU ms of the last": ms[full]})]


async def _spent(file: Path, remote: Remote, prefix: str, customers: int, each: int) -> float:
    async with product(f"sqlite:///{file}", remote) as running:
        await exchanges(running, 1, 5, f"warm-{prefix}")
        return (await exchanges(running, customers, each, prefix)).cpu_ms


async def long_conversation(runs: int, turns: int, each: int) -> list[Figure]:
    """A turn of a conversation of ten thousand turns over one of a fresh conversation; both windows have been full before."""
    ratios = []
    with tempfile.TemporaryDirectory(prefix="frontdesk-bench-") as folder:
        database = f"sqlite:///{folder}/long.db"
        make_tables(database)
        async with scripted_process("--pieces", "8") as url, product(database, Remote(url), history_tokens=BUDGET) as running:
            await converse(running, "long", turns // 2)
            for run in range(runs):
                short = f"short{run}"
                await converse(running, short, FULL)
                order = ("long", short) if run % 2 else (short, "long")
                ms = {who: await _goes_on(running, who, each) for who in order}
                ratios.append(ms["long"] / ms[short])
    mode = f"in-process SQLite, {turns:,} turns over {2 * FULL}, full windows"
    return [figure("growth, one conversation", mode, "x CPU", ratios, at_most=1.1, beside={"CPU ms of the last": ms["long"]})]


async def _goes_on(running: Product, who: str, each: int) -> float:
    """CPU milliseconds of an exchange, to a customer who has read all that was said before."""
    page = await running.dialogue.record.turns(address(who), 0)
    return (await cost(each, [converse(running, who, each, page.cursor)])).cpu_ms
