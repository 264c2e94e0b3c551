"""One run: a seed, a database, customers who talk, processes that die at planned points, trouble around them, then peace."""

import asyncio
import contextlib
import random
import signal
import time
from collections.abc import Coroutine, Sequence
from pathlib import Path

import aiohttp

from tests.faults import databases, record
from tests.faults.child import Life, settings_of
from tests.faults.customers import Manner, WebCustomer
from tests.faults.deaths import Deaths
from tests.faults.ledger import Ledger
from tests.faults.oracle import judge_web
from tests.faults.order import Order, Outcome
from tests.faults.points import Plan
from tests.faults.push_line import Platform
from tests.faults.push_oracle import judge_push, waits
from tests.faults.script import Script
from tests.faults.town import Process, Town
from tests.faults.trouble import Trouble
from tests.scripted_node import Behaviour, ScriptedNode


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
                if self.order.trouble:
                    trouble.begin()
                await Deaths(self.order, self.outcome, self._town, self._bear, trouble, self._manner, self._dice).all()
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

    def _people(self, http: aiohttp.ClientSession, closing: asyncio.Event) -> list[Coroutine[None, None, None]]:
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
                async with asyncio.timeout(0.2 + dice.random()):
                    await closing.wait()

    async def _bear(self, plan: Plan) -> Process:
        return await self._town.bear(
            Life(
                self._town.born + 1,
                log=str(self._folder / "lives.log"),
                report=self._town.report,
                platform=self._line,
                settings=self._settings,
                plan=plan,
                mutant=self.order.mutant,
            )
        )

    async def _peace(self, people: Sequence["asyncio.Task[None]"]) -> None:
        """One process, nothing broken: everything is answered, sent and seen, as long as it goes on at all."""
        process = await self._bear(Plan("never"))
        clock = time.monotonic
        until, progress = clock() + self.order.peace_s, -1
        while clock() < until:
            await asyncio.sleep(0.1)
            for task in people:
                if task.done():
                    task.result()
            open_ends, done = await self._state()
            if process.up.is_set() and open_ends == 0:
                break
            if done != progress:
                until, progress = clock() + self.order.peace_s, done
        process.signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            await process.dead.wait()
        if process.status != 0:
            self.outcome.verdict.say("errors", f"the last life ended with {process.status} after SIGTERM")

    async def _state(self) -> tuple[int, int]:
        """(what is not at rest yet, a number that grows while anything happens)."""
        accounts = self._ledger.accounts
        # looked at before the database is: what is confirmed by then, the database knows
        unconfirmed = len(self._platform.updates) - self._platform.confirmed
        unacknowledged = sum(len(account.sent) - len(account.acknowledged) for account in accounts.values())
        found, restless = await asyncio.to_thread(databases.ask, self.order.url, lambda c: (record.read(c), record.restless(c)))
        seen = {name: account.seen[-1].position for name, account in accounts.items() if account.seen}
        behind = sum(position < _last(found, name) for name, position in seen.items())
        turns = sum(len(of) for of in found.turns.values())
        sent = len(self._platform.double.seen)
        return restless + unconfirmed + unacknowledged + behind, turns + sent + sum(seen.values()) + self._platform.confirmed

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
