"""One run: a seed, a platform with its customers, lives that end at planned points, trouble around them, then peace."""

import asyncio
import contextlib
import random
import signal
import sqlite3
import time
from collections import deque
from collections.abc import Coroutine
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.faults import databases, record
from tests.faults.child import Life, settings_of
from tests.faults.deaths import first_of
from tests.faults.points import CLOCK, Plan
from tests.faults.receiving.oracle import judge, missing, no_secret
from tests.faults.receiving.order import Order, Outcome
from tests.faults.receiving.points import most_hits
from tests.faults.receiving.reserve import reserved
from tests.faults.receiving.street import Street
from tests.faults.receiving.streets import street_of
from tests.faults.script import Script
from tests.faults.town import Process, Town
from tests.faults.trouble import ENGINE
from tests.scripted_node import Behaviour, ScriptedNode

UP_S = 15.0
REACH_S = 1.0
TRIES = 2
KNOWN_S = 20.0
LONG = {"polling": 6000, "webhook": 6000, "gateway": 3000}  # two messages each
NOTICE_AFTER_S = 5.0


class Run:
    """Holds what outlives the lives: the engine, the platform with its people, and the port at which a webhook is reached."""

    look_every_s = 0.1

    def __init__(self, order: Order, town: Town, folder: Path, street: Street | None = None) -> None:
        self.order = order
        self.outcome = Outcome(order)
        self._town = town
        self._folder = folder
        self._url = f"sqlite:///{folder / 'frontdesk.db'}"
        self._dice = random.Random(f"{order.seed} {order.mode} lives")
        self._script = Script(order.seed, long_share=0.08, long=LONG[order.mode])
        self._calm = Behaviour(script=self._script, delay_s=0.005, pace_s=0.01)
        self._node = ScriptedNode(self._calm, keep_prompts=False)
        self._street: Street = street or street_of(order.mode, order.seed)
        self._settings: dict[str, str] = {}
        self._port = 0

    async def go(self) -> Outcome:
        """The whole run."""
        began = time.monotonic()
        with closing(reserved()) as holder:
            self._port = holder.getsockname()[1]
            node = await self._node.start()
            await self._street.open()
            told = self._street.settings(self.order.mode, self._port)
            told["conversation__on_new_message"] = "interrupt" if self.order.interrupt else "collect"
            self._settings = settings_of(self._url, node, str(self._folder / "secret"), database__lease_s="10", **told)
            try:
                await self._live()
            finally:
                await self._street.close()
                await self._node.stop()
        found = databases.ask(self._url, record.read)
        judge(self.outcome.verdict, self._street, found, self._script.given)
        no_secret(self.outcome.verdict, self._street.secrets, self._log)
        ledger = self._street.ledger
        self.outcome.updates = len(ledger.written) + ledger.controls + ledger.poison
        self.outcome.troubles.update(ledger.troubles)
        self.outcome.seconds = time.monotonic() - began
        return self.outcome

    async def _live(self) -> None:
        await self._become_known()
        over = asyncio.Event()
        async with _beside(self._street.walk(over)) as people:
            idle = asyncio.sleep
            async with (
                _beside(self._street.storm() if self.order.storm else idle(0)),
                _beside(self._trouble() if self.order.storm else idle(0)),
            ):
                await self._deaths()
            self._node.behaviour = self._calm
            self._street.calm()
            over.set()
            await people
            await self._peace()

    async def _become_known(self) -> None:
        """Every chat has been spoken in, and the first life, which heard that, is killed like any other."""
        process = await self._bear(Plan("never"))
        await first_of(UP_S, process.up, process.dead)
        wanted = await self._street.first_words()
        async with asyncio.timeout(KNOWN_S):
            while sum(len(turns) > 0 for turns in (await self._record()).turns.values()) < wanted:
                await asyncio.sleep(self.look_every_s)
        await self._town.kill(process)
        self.outcome.fired[CLOCK] += 1

    async def _deaths(self) -> None:
        waiting = deque(self.order.kills)
        while waiting:
            point = waiting.popleft()
            process = await self._bear(Plan(point, self._dice.randint(1, most_hits(point))))
            await first_of(UP_S, process.up, process.fired, process.dead)
            limit_s = REACH_S * (0.2 + 0.5 * self._dice.random()) if point == CLOCK else REACH_S
            await first_of(limit_s, process.fired, process.dead)
            if self._ended(process, point):
                waiting.append(point)
            process.signal(signal.SIGKILL)
            await process.dead.wait()

    def _ended(self, process: Process, point: str) -> bool:
        """Count how it ends; True when another life shall try to reach the point."""
        fired, missed = self.outcome.fired, self.outcome.missed
        if process.fired.is_set():
            fired[point] += 1
            return False
        if process.dead.is_set():
            self.outcome.verdict.say("errors", f"a life ended by itself with {process.status} before {point}")
            return False
        fired[CLOCK] += 1
        missed[point] += point != CLOCK
        return point != CLOCK and missed[point] < TRIES

    async def _trouble(self) -> None:
        """Now and then the database is locked by another program, or the engine breaks."""
        dice = random.Random(f"{self.order.seed} {self.order.mode} trouble")
        while True:
            await asyncio.sleep(1.0 + dice.random() * 4)
            if dice.random() < 0.5:
                self.outcome.troubles["database locked"] += 1
                with contextlib.suppress(sqlite3.OperationalError), databases.locked(self._folder / "frontdesk.db"):
                    await asyncio.sleep(0.2 + dice.random())
            else:
                fault = dice.choice(ENGINE)
                self.outcome.troubles[f"engine {fault}"] += 1
                self._node.behaviour = replace(self._calm, fault=fault)
                await asyncio.sleep(0.2 + dice.random() * 0.5)
                self._node.behaviour = self._calm

    async def _peace(self) -> None:
        """One life, nothing broken: everything is stored, answered and sent, as long as it goes on at all."""
        await self._come_to_rest(await self._bear(Plan("never")))

    async def _come_to_rest(self, process: Process) -> None:
        await first_of(UP_S, process.up, process.dead)
        self._street.hurry()  # after a long storm a webhook is tried again once in a minute, or two
        until, progress = time.monotonic() + self.order.peace_s, -1
        while time.monotonic() < until:
            open_ends, done = await self._state()
            if process.up.is_set() and open_ends == 0:
                break
            if done != progress:
                until, progress = time.monotonic() + self.order.peace_s, done
            await asyncio.sleep(self.look_every_s)
        process.signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            await process.dead.wait()
        if process.status != 0:
            self.outcome.verdict.say("errors", f"the last life ended with {process.status} after SIGTERM")

    async def _state(self) -> tuple[int, int]:
        """(what is not at rest yet, a number that grows while anything happens)."""
        held = self._street.open_ends()  # before the database: what is acknowledged by then, it knows
        found, restless = await asyncio.to_thread(databases.ask, self._url, lambda c: (record.read(c), record.restless(c)))
        turns = sum(len(of) for of in found.turns.values())
        sent = sum(row.state == "sent" for of in found.rows.values() for row in of)
        return held + restless + missing(self._street.ledger, found), turns + sent - held

    async def _record(self) -> record.Record:
        return await asyncio.to_thread(databases.ask, self._url, record.read)

    async def _bear(self, plan: Plan) -> Process:
        return await self._town.bear(
            Life(
                self._town.born + 1,
                log=str(self._log),
                report=self._town.report,
                platform="",
                settings=self._settings,
                plan=plan,
                mutant=self.order.mutant,
                port=self._port,
                log_level="debug",
                notice_after_s=NOTICE_AFTER_S,
            )
        )

    @property
    def _log(self) -> Path:
        return self._folder / "lives.log"


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> Any:
    """The work runs during the block and is cancelled after it; its errors are raised."""
    task = asyncio.ensure_future(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.result()
