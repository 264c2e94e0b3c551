"""Exchanges a second through each adapter beside the web chat's, the product as a process, in the same run."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench import web
from tests.bench.ceiling import WARM, Size
from tests.bench.figures import Figure, figure
from tests.bench.load import Cost
from tests.bench.processes import scripted_process
from tests.bench.through import PACED, UNPACED, Told, Way, talk

PIECES = 64
WANTED = 0.7
PACED_EACH = 2  # more would only wait for the platforms' limits
CHANNELS = ("telegram", "discord")


@dataclass(frozen=True, slots=True)
class Round:
    """One round with one number of people: by the web, and by each channel without and with its pace."""

    web: Cost
    free: dict[str, tuple[Cost, Told]]
    paced: dict[str, tuple[Cost, Told]]


async def channels(runs: int, sizes: Sequence[Size]) -> list[Figure]:
    """64 chunks for each answer, previews on."""
    rounds: dict[int, list[Round]] = {size.customers: [] for size in sizes}
    async with scripted_process("--pieces", str(PIECES)) as engine:
        for _ in range(runs):
            for size in sizes:
                rounds[size.customers].append(await _round(engine, size))
    return [one for people, seen in rounds.items() for channel in CHANNELS for one in _figures(channel, people, seen)]


async def _round(engine: str, size: Size) -> Round:
    by_web = await web.run("", engine, size)
    free, paced = {}, {}
    for channel in CHANNELS:
        way = Way(channel, False, UNPACED, PIECES)
        free[channel] = await talk(way, engine, size.customers, warm=WARM, each=size.each)
        way = Way(channel, False, PACED, PIECES)
        paced[channel] = await talk(way, engine, size.customers, warm=1, each=PACED_EACH)
    return Round(by_web, free, paced)


def _figures(channel: str, people: int, seen: Sequence[Round]) -> list[Figure]:
    free, paced = [one.free[channel] for one in seen], [one.paced[channel] for one in seen]
    share = [cost.per_cpu_second / one.web.per_cpu_second for one, (cost, _) in zip(seen, free, strict=True)]
    clock = [cost.per_second / one.web.per_second for one, (cost, _) in zip(seen, free, strict=True)]
    mode, unit = f"{channel}, {people} users, no limits", "exchanges/CPU-s"
    ours = {"web /CPU-s": statistics.median(one.web.per_cpu_second for one in seen)}
    return [
        figure(
            "through an adapter", mode, "exchanges/CPU-s", [cost.per_cpu_second for cost, _ in free], beside=ours | _beside(free)
        ),
        figure("share of the web chat's CPU rate", mode, "", share, at_least=WANTED),
        figure("share of the web chat's rate on the clock", mode, "", clock, at_least=WANTED),
        figure(
            "through an adapter",
            f"{channel}, {people} users, at the platform's pace",
            unit,
            [cost.per_cpu_second for cost, _ in paced],
            beside=_beside(paced),
        ),
    ]


def _beside(seen: Sequence[tuple[Cost, Told]]) -> dict[str, float]:
    calls = [told.calls.total() / cost.exchanges for cost, told in seen]
    return {
        "on the clock /s": statistics.median(cost.per_second for cost, _ in seen),
        "API calls each": statistics.median(calls),
        "shown twice": sum(told.twice for _, told in seen),
    }
