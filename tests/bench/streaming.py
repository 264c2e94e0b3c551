"""Answers that stream at the pace of a model, with the platforms' limits in force: calls for each, and when the text is there."""

import math
import statistics
from collections import Counter
from dataclasses import dataclass

from tests.bench.figures import Figure, figure, percentile
from tests.bench.processes import scripted_process
from tests.bench.through import PACED, UNPACED, Told, Way, through

PACE_S = 0.02  # 50 tokens a second
CROWD_PACE_S = 0.05
CROWD_PIECES = 120
LENGTHS = {"short": 24, "long": 400}
FEW = 5
BESIDE_PIECES = 8
NEIGHBOURS = 20
LIMITED_S = 5
SHARE = 0.99


@dataclass(frozen=True, slots=True)
class Platform:
    """What it lets through of final texts to different chats: so many at once, and then so many in each step of seconds."""

    channel: str
    at_once: int
    more: int
    step_s: float

    def forced_s(self, texts: int, share: float) -> float:
        """How long the limits alone hold back that share of so many texts that are ready at the same time."""
        late = min(int(texts * share), texts - 1) + 1 - self.at_once
        return math.ceil(max(late, 0) / self.more) * self.step_s


# a bucket of 30 refilled at 30/s; a window of 50 in each second
PLATFORMS = (Platform("telegram", 30, 1, 1 / 30), Platform("discord", 50, 50, 1.0))


async def streaming(runs: int, crowd: int, *, quick: bool = False) -> list[Figure]:
    """Calls of short and long answers; a crowd that streams at once; neighbours of a limited chat."""
    figures: list[Figure] = []
    few, lengths = (2, ("short",)) if quick else (FEW, tuple(LENGTHS))
    for platform in PLATFORMS[:1] if quick else PLATFORMS:
        figures += [await _calls(platform.channel, name, runs, few) for name in lengths]
        figures += await _crowd(platform, runs, crowd, pieces=LENGTHS["short"] if quick else CROWD_PIECES)
        figures += await _beside(platform.channel, runs, limited_s=1 if quick else LIMITED_S)
    return figures


async def _calls(channel: str, length: str, runs: int, few: int) -> Figure:
    way = Way(channel, True, PACED, LENGTHS[length])
    seen = []
    async with scripted_process("--pieces", str(way.pieces), "--pace-s", str(PACE_S)) as engine:
        for _ in range(runs):
            async with through(way, engine, few) as (_, chatters):
                seen.append(await chatters.do("talk", 1))
    seconds = way.pieces * PACE_S
    each = [told.calls.total() / few for told in seen]
    total: Counter[str] = sum((told.calls for told in seen), Counter())
    beside = {name: count / few / runs for name, count in total.items()}
    return figure(
        "API calls for an answer", f"{channel}, {length}: {way.pieces} tokens in {seconds:.3g} s", "", each, beside=beside
    )


async def _crowd(platform: Platform, runs: int, crowd: int, *, pieces: int) -> list[Figure]:
    """All ask at the same time, and all their answers end at the same time: the hardest case."""
    forced_s = platform.forced_s(crowd, SHARE)
    pairs: list[tuple[Told, Told]] = []
    async with scripted_process("--pieces", str(pieces), "--pace-s", str(CROWD_PACE_S)) as engine:
        for _ in range(runs):
            free, limited = Way(platform.channel, False, UNPACED, pieces), Way(platform.channel, True, PACED, pieces)
            pairs.append((await _once(free, engine, crowd), await _once(limited, engine, crowd)))
    late = [percentile(limited.waits, SHARE) - min(free.waits) for free, limited in pairs]
    whole = [percentile(limited.waits, SHARE) / (min(free.waits) + forced_s) for free, limited in pairs]
    mode = f"{platform.channel}, {crowd} users streaming at once"
    beside = {
        "forced s": forced_s,
        "late s": statistics.median(late),
        "late s without limits": statistics.median(percentile(free.waits, SHARE) - min(free.waits) for free, _ in pairs),
        "429s": statistics.median(told.limited for _, told in pairs),
        "asked while told to wait": sum(told.broken for _, told in pairs),
        "calls each": statistics.median(told.calls.total() / crowd for _, told in pairs),
    }
    ratios = [seconds / max(forced_s, 0.001) for seconds in late]
    twice = [float(told.twice + abs(len(told.waits) - crowd)) for _, told in pairs]
    return [
        figure("p99 of final texts beyond the stream, over what limits force", mode, "", ratios, at_most=1.5, beside=beside),
        figure("p99 of final texts since the question, over stream and limits", mode, "", whole, at_most=1.5),
        figure("final texts shown twice or never", mode, "", twice, at_most=0),
    ]


async def _once(way: Way, engine: str, people: int) -> Told:
    async with through(way, engine, people, streams=people) as (_, chatters):
        return await chatters.do("talk", 1)


async def _beside(channel: str, runs: int, *, limited_s: int) -> list[Figure]:
    """What neighbours wait while one chat is told to wait and has something to be sent, and while none is; in turns."""
    way = Way(channel, True, PACED, BESIDE_PIECES)
    async with (
        scripted_process("--pieces", str(way.pieces), "--pace-s", str(PACE_S)) as engine,
        through(way, engine, 1 + NEIGHBOURS) as (_, chatters),
    ):
        await chatters.do("talk", 1)
        pairs = [(await chatters.do("beside", 0), await chatters.do("beside", limited_s)) for _ in range(runs)]
    shares = (("p50", 0.5), ("p99", SHARE))
    return [
        figure(
            f"a chat beside a limited one sees more, {name}",
            f"{channel}, {NEIGHBOURS} neighbours, one limited for {limited_s} s",
            "ms",
            [(percentile(limited.waits, share) - percentile(free.waits, share)) * 1000 for free, limited in pairs],
            at_most=100,
            beside={"alone ms": statistics.median(percentile(free.waits, share) * 1000 for free, _ in pairs)},
        )
        for name, share in shares
    ]
