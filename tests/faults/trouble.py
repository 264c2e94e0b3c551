"""Trouble around the lives: an engine that breaks in every way, a database that is locked, full or gone."""

import asyncio
import contextlib
import random
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

from tests.faults import databases
from tests.faults.customers import Manner
from tests.faults.town import Town
from tests.scripted_node import Behaviour, ScriptedNode

ENGINE = ("down", "error", "full", "cut", "garbage", "silent", "endless", "refuse")


class Trouble:
    """Comes and goes by the run's dice. `need` makes one kind likely while a life waits for its death."""

    def __init__(
        self,
        node: ScriptedNode,
        calm: Behaviour,
        dice: random.Random,
        url: str,
        server: databases.PostgresServer | None,
        town: Town,
        seen: Counter[str],
    ) -> None:
        self._node = node
        self._calm = calm
        self._dice = dice
        parsed = sa.make_url(url)
        self._file = Path(parsed.database or "") if parsed.drivername == "sqlite" else None
        self._server = server
        self._town = town
        self._seen = seen
        self._task: asyncio.Task[None] | None = None
        self._needed = 0

    def begin(self) -> None:
        self._task = asyncio.create_task(self._go())

    async def end(self) -> None:
        """No more trouble."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._node.behaviour = self._calm

    @contextmanager
    def need(self, need: str, manner: Manner) -> Iterator[None]:
        """What must be so around a life."""
        calm, before = self._calm, replace(manner)
        behaviours = {
            "cut": replace(calm, fault="cut"),
            "outage": replace(calm, fault="full"),
            "slow": replace(calm, delay_s=1.2),
            "burst": replace(calm, delay_s=0.05, pace_s=0.03),
            "stop": replace(calm, pace_s=0.04),
        }
        self._needed += need != ""
        if need in behaviours:
            self._node.behaviour = behaviours[need]
        if need == "burst":
            manner.burst, manner.stop = 0.9, 0.0
        elif need == "stop":
            manner.stop = 0.6
        elif need == "arrival":
            manner.arrival = 0.5
        elif need == "history":
            manner.think_s = 0.02
        try:
            yield
        finally:
            self._needed -= need != ""
            self._node.behaviour = calm
            for name in ("think_s", "burst", "stop", "new", "arrival"):
                setattr(manner, name, getattr(before, name))

    async def _go(self) -> None:
        while True:
            await asyncio.sleep(0.5 + self._dice.random() * 3.0)
            if self._needed:
                continue
            if self._dice.random() < 0.7:
                await self._engine(self._dice.choice(ENGINE))
            elif self._file is not None:
                await (self._lock() if self._dice.random() < 0.5 else self._fill())
            elif self._dice.random() < 0.3:
                await self._restart()

    async def _engine(self, fault: str) -> None:
        self._seen[f"engine {fault}"] += 1
        broken = self._node.behaviour = replace(self._calm, fault=fault)
        await asyncio.sleep(0.2 + self._dice.random() * (0.5 if fault == "endless" else 1.2))
        if self._node.behaviour is broken:
            self._node.behaviour = self._calm

    async def _lock(self) -> None:
        assert self._file is not None
        if not self._file.exists():
            return
        self._seen["database locked"] += 1
        with contextlib.suppress(sqlite3.OperationalError), databases.locked(self._file):
            await asyncio.sleep(0.2 + self._dice.random() * 1.5)

    async def _fill(self) -> None:
        """The files of the life may not grow for a while."""
        for process in list(self._town.living.values()):
            if process.serving and self._file is not None:
                self._seen["database full"] += 1
                log = self._file.with_name(self._file.name + "-wal")
                process.limit_files(log.stat().st_size if log.exists() else 0)
                await asyncio.sleep(0.2 + self._dice.random())
                process.limit_files(-1)

    async def _restart(self) -> None:
        assert self._server is not None
        self._seen["database gone"] += 1
        await asyncio.to_thread(self._server.stop)
        await asyncio.sleep(0.2 + self._dice.random())
        await asyncio.to_thread(self._server.start)
