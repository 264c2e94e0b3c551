"""One run: a seed, a database, customers who talk, processes that die at planned points, trouble around them, then peace."""

import asyncio
import contextlib
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from tests.faults import databases, record
from tests.faults.child import Life, settings_of
from tests.faults.customers import Manner, WebCustomer
from tests.faults.ledger import Ledger
from tests.faults.oracle import Verdict, judge_web
from tests.faults.points import CLOCK, NEEDS, STOPS, Plan
from tests.faults.push_line import Platform
from tests.faults.push_oracle import judge_push, waits
from tests.faults.script import Script
from tests.faults.town import Process, Town
from tests.faults.trouble import Trouble
from tests.scripted_node import Behaviour, ScriptedNode

UP_S = 15.0
REACH_S = 1.2
LONGEST_STOP_S = 2.6
PEACE_S = 40.0


@dataclass(frozen=True, slots=True)
class Order:
    """What to run. `kills`: points in the order they are wanted; `processes`: at once, over PostgreSQL."""

    seed: int
    url: str
    kills: Sequence[str]
    stops: Sequence[str] = ()
    mutant: str = ""
    web: int = 8
    push: int = 6
    trouble: bool = True
    interrupt: bool = True


@dataclass
class Outcome:
    """What came of a run. `fired` by point; `missed`: points that their lives never reached; those died by the clock."""

    order: Order
    fired: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    verdict: Verdict = field(default_factory=Verdict)
    troubles: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


class Run:
    """Holds what outlives the processes: engine, platform, customers, their ledger."""

    def __init__(self, order: Order, town: Town, folder: Path, server: databases.PostgresServer | None) -> None:
        self.order = order
        self.outcome = Outcome(order)
        self._town = town
        self._folder = folder
        self._server = server
        self._dice = random.Random(order.seed)
        self._script = Script(order.seed)
        self._calm = Behaviour(script=self._script, delay_s=0.005, pace_s=0.003)
        self._node = ScriptedNode(self._calm, keep_prompts=False)
        self._platform = Platform()
        self._ledger = Ledger(folder / "ledger.jsonl")
        self._manner = Manner()
        self._settings: dict[str, str] = {}
        self._wrote_at: dict[str, float] = {}
        self._line = str(folder / "platform")

    async def go(self) -> Outcome:
        """The whole run."""
        began = time.monotonic()
        url = await self._node.start()
        await self._platform.start(self._line)
        mode = "interrupt" if self.order.interrupt else "collect"
        changed = {"conversation__on_new_message": mode}
        self._settings = settings_of(self.order.url, url, str(self._folder / "secret"), **changed)
        closing = asyncio.Event()
        trouble = Trouble(self._node, self._calm, self._dice, self.order.url, self._server, self._town, self.outcome.troubles)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
            people = [asyncio.create_task(one) for one in self._people(http, closing)]
            try:
                await self._die(trouble)
                await trouble.end()
                closing.set()
                await self._peace(people)
            finally:
                for task in people:
                    task.cancel()
                await asyncio.gather(*people, return_exceptions=True)
        await self._platform.stop()
        await self._node.stop()
        self._ledger.close()
        self._judge()
        self.outcome.seconds = time.monotonic() - began
        return self.outcome

    def _people(self, http: aiohttp.ClientSession, closing: asyncio.Event) -> list:
        where_dice = random.Random(self.order.seed + 1)
        web = [
            WebCustomer(
                f"w{number}",
                http,
                lambda: self._town.where(where_dice),
                self._ledger,
                self._manner,
                self.order.seed * 100 + number,
            ).live(closing)
            for number in range(self.order.web)
        ]
        push = [self._push_customer(f"{'gpd'[number % 3]}{number}", closing) for number in range(self.order.push)]
        return [*web, *push]

    async def _push_customer(self, chat: str, closing: asyncio.Event) -> None:
        dice, said = random.Random(f"{self.order.seed} {chat}"), 0
        while not closing.is_set():
            for _ in range(2 if dice.random() < self._manner.burst else 1):
                said += 1
                token = f"{chat}.{said}"
                self._wrote_at[token] = time.monotonic()
                self._platform.write(chat, f"{token} hello, about the {dice.choice(('parcel', 'invoice', 'kettle'))}")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.1 + dice.random() * 0.5):
                    await closing.wait()

    async def _die(self, trouble: "Trouble") -> None:
        """Life after life, each with its planned death. Over PostgreSQL two processes live at once."""
        plans = [*((point, "kill") for point in self.order.kills), *((point, "stop") for point in self.order.stops)]
        if self.order.stops:
            self._dice.shuffle(plans)
        waiting = asyncio.Queue[tuple[str, str]]()
        for plan in plans:
            waiting.put_nowait(plan)
        hands = 2 if self._server is not None else 1
        if self.order.trouble:
            trouble.begin()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(hands):
                tasks.create_task(self._lives(waiting, trouble))

    async def _lives(self, waiting: "asyncio.Queue[tuple[str, str]]", trouble: "Trouble") -> None:
        while not waiting.empty():
            point, act = waiting.get_nowait()
            need = (STOPS if act == "stop" else NEEDS).get(point, "")
            with trouble.need(need, self._manner):
                hit = (
                    1
                    if need
                    else self._dice.randint(1, 6 if point.startswith(("receiving", "claiming", "gener", "storing")) else 2)
                )
                process = await self._bear(Plan(point, hit, act))
                await self._end(process, point, act)

    async def _bear(self, plan: Plan) -> Process:
        number = self._town.born + 1
        life = Life(
            number,
            log=str(self._folder / "lives.log"),
            report=self._town.report,
            platform=self._line,
            settings=self._settings,
            plan=plan,
            mutant=self.order.mutant,
        )
        return await self._town.bear(life)

    async def _end(self, process: Process, point: str, act: str) -> None:
        """Wait for its fuse; a life that does not reach its point is killed by the clock."""
        waits_for = [asyncio.create_task(event.wait()) for event in (process.fired, process.dead)]
        limit = REACH_S * (0.2 + self._dice.random()) if point == CLOCK else REACH_S + 1.0
        if NEEDS.get(point) in {"outage", "history", "slow"}:
            limit += 3.0
        await asyncio.wait(
            {asyncio.create_task(process.up.wait()), *waits_for}, timeout=UP_S, return_when=asyncio.FIRST_COMPLETED
        )
        await asyncio.wait(waits_for, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        for task in waits_for:
            task.cancel()
        if process.stopped:
            self.outcome.fired[f"stop {point}"] += 1
            await asyncio.sleep(LONGEST_STOP_S)
            process.stopped = False
            process.signal(signal.SIGCONT)
            await asyncio.sleep(0.6)
        elif process.fired.is_set():
            self.outcome.fired[point] += 1
        elif not process.dead.is_set():
            self.outcome.fired[CLOCK] += 1
            if point != CLOCK:
                self.outcome.missed[point] += 1
        else:
            self.outcome.verdict.say("errors", f"a life ended by itself with {process.status} before {point}")
        if not process.fired.is_set() or act == "stop":
            process.signal(signal.SIGKILL)
        await process.dead.wait()

    async def _peace(self, people: Sequence["asyncio.Task[None]"]) -> None:
        """One process, nothing broken: within a bound everything is answered, sent and seen."""
        process = await self._bear(Plan("never"))
        until = time.monotonic() + PEACE_S
        while time.monotonic() < until:
            await asyncio.sleep(0.1)
            if process.up.is_set() and await self._at_rest(people):
                break
        process.signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            await process.dead.wait()
        if process.status != 0:
            self.outcome.verdict.say("errors", f"the last life ended with {process.status} after SIGTERM")

    async def _at_rest(self, people: Sequence["asyncio.Task[None]"]) -> bool:
        if self._platform.confirmed < len(self._platform.updates):
            return False
        for account in self._ledger.accounts.values():
            if set(account.sent) - set(account.acknowledged):
                return False
        for task in people:
            if task.done() and not task.cancelled() and task.exception() is not None:
                task.result()
        found = await asyncio.to_thread(databases.ask, self.order.url, record.read)
        restless = await asyncio.to_thread(databases.ask, self.order.url, record.restless)
        seen = {name: account.seen[-1].position for name, account in self._ledger.accounts.items() if account.seen}
        behind = [name for name, position in seen.items() if position < _last(found, name)]
        return restless == 0 and not behind

    def _judge(self) -> None:
        found = databases.ask(self.order.url, record.read)
        verdict = self.outcome.verdict
        judge_web(verdict, self._ledger.accounts, found, self._script.given)
        judge_push(verdict, self._platform, found)
        waits(verdict, self._platform, self._wrote_at)


def _last(found: record.Record, name: str) -> int:
    """The last position of the log of a web customer's address."""
    for conversation, turns in found.turns.items():
        if any(turn.role == "customer" and turn.text.startswith(f"{name}.") for turn in turns):
            return found.events[found.chats[conversation]][-1].position
    return 0
