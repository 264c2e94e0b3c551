"""Memory: what a real `frontdesk run` keeps of conversations that have gone idle."""

import os
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.bench.figures import Figure, figure_of
from tests.bench.processes import frontdesk_process, scripted_process, visitors_process

AT_ONCE = 50
FEW = 100
TEXT = 3000  # bytes of a message: about 10 KB in the database for each conversation
LEAST = 100  # bytes: whatever is kept of a conversation in Python takes several times as much
Point = tuple[int, int]


async def memory(idle: int) -> list[Figure]:
    """Resident memory after every twentieth of `idle` conversations.

    The product's caches are bounded by 1,000 conversations, 10,000 addresses, 10,000 sessions and 64 MiB of database pages: of
    20,000 all are full well before 12,000, and what still grows from there has no bound.
    """
    points: list[Point] = []
    with tempfile.TemporaryDirectory(prefix="frontdesk-bench-") as name:
        database = f"sqlite:///{name}/a.db"
        async with (
            scripted_process("--pieces", "8") as engine,
            frontdesk_process(database, Path(name), engine) as (process, url),
            visitors_process(url, TEXT) as visitors,
        ):
            for count in range(AT_ONCE, idle + 1, AT_ONCE):
                await visitors.do("arrive", AT_ONCE)
                await visitors.do("talk", 1)
                await visitors.do("leave", 0)
                if count == FEW or count % (idle // 20) == 0:
                    points.append((count, _resident(process.pid)))
    return _figures(points)


def _figures(points: Sequence[Point]) -> list[Figure]:
    (few, before), (last, _) = points[0], points[-1]
    early = [point for point in points if point[0] <= last // 2]
    late = [point for point in points if point[0] >= last * 0.6]
    mode = "frontdesk run, SQLite, over the web API, {}"
    grown = mode.format(f"after {early[-1][0]:,} idle conversations minus {few}")
    slope = mode.format(f"conversations {late[0][0]:,} to {last:,}")
    beside = {"bytes each": _bytes_each(early), "MiB in all": early[-1][1] / 2**20}
    return [
        figure_of("memory, caches filling", grown, "MiB", [(early[-1][1] - before) / 2**20], statistics.median, beside=beside),
        figure_of("memory, slope once they are full", slope, "bytes each", late, _bytes_each, at_most=LEAST),
    ]


def _bytes_each(points: Sequence[Point]) -> float:
    """The slope of the line through the points (least squares)."""
    if len({count for count, _ in points}) < 2:
        return 0.0
    return statistics.linear_regression([count for count, _ in points], [resident for _, resident in points]).slope


def _resident(process: int) -> int:
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
