"""Runs through a channel's adapter: the product as a process, a stand-in with its people as another, the engine as a third."""

import json
import tempfile
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.load import Cost
from tests.bench.processes import TALK_S, cpu_s, frontdesk_process, line, running

PACED, UNPACED = "bot", "tests.bench.unpaced"


@dataclass(frozen=True, slots=True)
class Told:
    """Of one act: seconds in all and from each question to its answer, calls to the platform by name, those it refused for
    their rate, those made while told to wait, and answers that were shown twice."""

    seconds: float
    waits: Sequence[float]
    calls: Counter[str]
    limited: int
    broken: int
    twice: int


class Chatters:
    """The process of `tests.bench.chatters`."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._before: Counter[str] = Counter()

    async def do(self, act: str, number: int) -> Told:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{act} {number}\n".encode())
        told = json.loads(await line(self._process, "done ", within_s=TALK_S))
        now = Counter(told["counts"])
        calls, self._before = now - self._before, now
        limited, broken = calls.pop("limited", 0), calls.pop("broken", 0)
        return Told(told["seconds"], told["waits"], calls, limited, broken, told["twice"])


@dataclass(frozen=True, slots=True)
class Way:
    """How a run goes. `limits`: whether the platform has any; `module`: whether the product keeps them; `pieces` of an answer."""

    channel: str
    limits: bool
    module: str
    pieces: int


@asynccontextmanager
async def through(way: Way, engine: str, people: int, *, streams: int = 0) -> AsyncIterator[tuple[Process, Chatters]]:
    """The product on an empty SQLite database, and so many people who have not said anything yet. `streams` of the engine at
    once; 0: as many as it is by default.
    """
    options = ("--pieces", str(way.pieces), *(("--limits",) if way.limits else ()))
    with tempfile.TemporaryDirectory(prefix="frontdesk-bench-") as name:
        async with running("tests.bench.chatters", way.channel, *options) as town:
            settings = {**json.loads(await line(town)), "FRONTDESK_GENERATION__MAX_CONCURRENT": str(streams)}
            database = f"sqlite:///{name}/a.db"
            async with frontdesk_process(database, Path(name), engine, settings, module=way.module) as (process, _):
                chatters = Chatters(town)
                await chatters.do("arrive", people)
                yield process, chatters


async def talk(way: Way, engine: str, people: int, *, warm: int, each: int) -> tuple[Cost, Told]:
    """What `each` exchanges of everybody at once take of the product's process, after `warm` others."""
    async with through(way, engine, people) as (process, chatters):
        await chatters.do("talk", warm)
        before = cpu_s(process.pid)
        told = await chatters.do("talk", each)
        return Cost(people * each, cpu_s(process.pid) - before, told.seconds), told
