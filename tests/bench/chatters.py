"""A chat platform and its people in a process of their own: `python -m tests.bench.chatters telegram|discord [--limits]`.

The first line is a JSON object of the settings that lead the product here. Then, told line by line on standard input what to do,
each act ends with `done` and a JSON object: `arrive N` so many people, once the bot is connected; `talk N` exchanges with each
person at once; `beside S`: one person's message is limited for S seconds (0: not), meanwhile each other writes once. Each gives
`seconds`, `waits` (seconds from each question to its answer) and `counts` of the calls so far; `twice`: answers shown twice.
"""

import argparse
import asyncio
import json
import sys
import time
from dataclasses import dataclass, field

import uvloop

from tests.bench.towns import Person, Town, town

APART_S = 0.15
MOST_WAIT_S = 300


@dataclass(slots=True)
class Crowd:
    """`pieces`: of how many the engine makes each answer."""

    pieces: int
    town: Town | None = None
    people: list[Person] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    said: int = 0
    shown: dict[str, set[int]] = field(default_factory=dict)
    waiting: dict[str, asyncio.Future[None]] = field(default_factory=dict)

    def heard(self, text: str, message_id: int) -> None:
        waiting = self.waiting.get(text)
        if waiting is not None:
            self.shown.setdefault(text, set()).add(message_id)
            if not waiting.done():
                waiting.set_result(None)

    async def arrive(self, count: int) -> None:
        assert self.town is not None
        await self.town.connected()
        self.people += [self.town.person() for _ in range(count)]

    async def talk(self, exchanges: int) -> None:
        await asyncio.gather(*(self._talk(person, exchanges) for person in self.people))

    async def beside(self, seconds: int) -> None:
        limited, *others = self.people
        if seconds:
            limited.limit(seconds)
        asked = asyncio.create_task(self._ask(limited))
        await asyncio.sleep(APART_S)
        self.waits += await asyncio.gather(*(self._later(person, number * APART_S) for number, person in enumerate(others)))
        await asked

    async def _later(self, person: Person, seconds: float) -> float:
        await asyncio.sleep(seconds)
        return await self._ask(person)

    async def _talk(self, person: Person, exchanges: int) -> None:
        for _ in range(exchanges):
            self.waits.append(await self._ask(person))

    async def _ask(self, person: Person) -> float:
        """Say something new and wait until its answer, and nothing else, is shown."""
        self.said += 1
        text = f"hello number {self.said}"
        answered = self.waiting[answer(text, self.pieces)] = asyncio.get_running_loop().create_future()
        started = time.perf_counter()
        person.say(text)
        async with asyncio.timeout(MOST_WAIT_S):
            await answered
        return time.perf_counter() - started

    def told(self, seconds: float) -> str:
        assert self.town is not None
        waits, self.waits = self.waits, []
        twice = sum(len(ids) > 1 for ids in self.shown.values())
        return json.dumps({"seconds": seconds, "waits": waits, "counts": self.town.counts(), "twice": twice})


def answer(text: str, pieces: int) -> str:
    """What the scripted node answers to it."""
    return " ".join((f"You said: {text}".split(" ") + ["and"] * pieces)[:pieces])


async def main(channel: str, pieces: int, *, limits: bool) -> None:
    crowd = Crowd(pieces)
    acts = {"arrive": crowd.arrive, "talk": crowd.talk, "beside": crowd.beside}
    async with town(channel, crowd.heard, limits=limits) as crowd.town:
        print(json.dumps(crowd.town.settings), flush=True)
        while words := (await asyncio.to_thread(sys.stdin.readline)).split():
            started = time.perf_counter()
            await acts[words[0]](int(words[1]))
            print(f"done {crowd.told(time.perf_counter() - started)}", flush=True)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.bench.chatters")
    parser.add_argument("channel", choices=("telegram", "discord"))
    parser.add_argument("--pieces", type=int, required=True)
    parser.add_argument("--limits", action="store_true", help="those of the platform")
    return parser.parse_args()


if __name__ == "__main__":
    given = read_options()
    uvloop.run(main(given.channel, given.pieces, limits=given.limits))
