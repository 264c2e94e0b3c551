"""The engines behind a node's door, as the door and the router see them."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from serving.order import EngineOrder, Task
from serving.standing import local_url


@dataclass(slots=True)
class Member:
    """One engine, here or on another machine. `url` has no path and is "" until the engine was up once."""

    name: str
    task: Task
    members: "Members"
    url: str = ""
    is_up: bool = False
    drains: bool = False
    starts: int = 0
    lags: bool = False

    @property
    def may_move(self) -> bool:
        return True

    @property
    def serves(self) -> bool:
        """Whether new requests may go there: it is up, stays, and knows of all changes."""
        return self.is_up and not self.drains and not self.lags

    def up(self, order: EngineOrder) -> None:
        self.found_at(local_url(order))

    def found_at(self, url: str) -> None:
        self.url, self.is_up, self.drains = url, True, False
        self.starts += 1
        self.lags = self.task == "generate" and self.members.changed
        self.members.moved()

    def caught_up(self) -> None:
        """It knows of all changes that were made while it was away."""
        self.lags = False
        self.members.moved()

    def down(self) -> None:
        if self.is_up:
            self.is_up = False
            self.members.moved()

    def drain(self) -> None:
        """No new requests; those under way go on."""
        self.drains = True
        self.members.moved()

    def hopeless(self) -> bool:
        return not any(member.starts for member in self.members)


class Members:
    """All engines that this node answers for."""

    def __init__(self) -> None:
        self._all: list[Member] = []
        self._moved = asyncio.Event()
        self._came = asyncio.Event()
        self.changed = False

    def __iter__(self) -> Iterator[Member]:
        return iter(self._all)

    def join(self, name: str, task: Task = "generate") -> Member:
        member = Member(name, task, self)
        self._all.append(member)
        return member

    def serving(self, task: Task = "generate") -> list[Member]:
        return [member for member in self._all if member.serves and member.task == task]

    def moved(self) -> None:
        self._moved.set()
        self._came.set()

    def behind(self) -> None:
        """Something was changed: whoever is not up must hear of it before it serves."""
        self.changed = True

    async def next_behind(self) -> Member:
        """Wait for one that is up and does not know of all changes."""
        while True:
            self._came.clear()
            lagging = next((member for member in self._all if member.is_up and member.lags), None)
            if lagging is not None:
                return lagging
            await self._came.wait()

    async def move(self, within_s: float) -> None:
        """Wait until one came, went or began to drain since the last call, at most so long."""
        try:
            async with asyncio.timeout(within_s):
                await self._moved.wait()
        except TimeoutError:
            return
        self._moved.clear()
