"""Platform ceiling over the web API: a real `frontdesk run`, visitors in another process; only the former's CPU is ours."""

import statistics
import tempfile
from pathlib import Path

from tests.bench.ceiling import WARM, Size
from tests.bench.figures import Figure, figure
from tests.bench.load import Cost
from tests.bench.processes import cpu_s, frontdesk_process, scripted_process, visitors_process
from tests.bench.server import postgres


async def web(runs: int, size: Size) -> list[Figure]:
    """SQLite with 64 and 8 chunks for each answer, PostgreSQL with 64, interleaved."""
    costs: dict[str, list[Cost]] = {}
    with postgres() as server:
        async with scripted_process("--pieces", "64") as long, scripted_process("--pieces", "8") as short:
            for number in range(runs):
                for database, engine, mode in (
                    ("", long, "SQLite FULL, 64 chunks"),
                    ("", short, "SQLite FULL, 8 chunks"),
                    (server.database(f"web{number}"), long, "PostgreSQL, 64 chunks"),
                ):
                    costs.setdefault(mode, []).append(await run(database, engine, size))
    return [_figure(mode, seen) for mode, seen in costs.items()]


async def run(database: str, engine: str, size: Size) -> Cost:
    with tempfile.TemporaryDirectory(prefix="frontdesk-bench-") as name:
        folder, database = Path(name), database or f"sqlite:///{name}/a.db"
        async with frontdesk_process(database, folder, engine) as (process, url), visitors_process(url) as visitors:
            await visitors.do("arrive", size.customers)
            await visitors.do("talk", WARM)
            before = cpu_s(process.pid)
            wall_s = await visitors.do("talk", size.each)
            return Cost(size.customers * size.each, cpu_s(process.pid) - before, wall_s)


def _figure(mode: str, seen: list[Cost]) -> Figure:
    rates = [one.per_cpu_second for one in seen]
    clock = statistics.median(one.per_second for one in seen)
    return figure("platform ceiling, web API", mode, "exchanges/CPU-s", rates, beside={"on the clock /s": clock})
