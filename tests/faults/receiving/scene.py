"""One life at a time over real adapters, and customers by hand: for faults that are looked at one by one."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults import databases, record
from tests.faults.child import Life, settings_of
from tests.faults.oracle import Verdict
from tests.faults.points import Plan
from tests.faults.receiving.discord_street import DiscordStreet
from tests.faults.receiving.oracle import judge
from tests.faults.receiving.points import Mode
from tests.faults.receiving.reserve import reserved
from tests.faults.receiving.telegram_street import TelegramStreet
from tests.faults.record import Record
from tests.faults.script import Script
from tests.faults.town import Process, Town
from tests.scripted_node import Behaviour, ScriptedNode

WITHIN_S = 25.0
LOOK_S = 0.05


@dataclass
class Scene:
    """`telegram` and `discord` are there if they were asked for. `bear` begins the next life."""

    town: Town
    folder: Path
    node: ScriptedNode
    script: Script
    port: int
    mutant: str = ""
    notice_after_s: float = 60.0
    settings: dict[str, str] = field(default_factory=dict)
    telegram: TelegramStreet | None = None
    discord: DiscordStreet | None = None
    process: Process = field(default_factory=lambda: Process(Life(0, "", "", "", {})))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / "lives.log"

    async def bear(self, point: str = "never") -> None:
        """A life that is up, connected, and ends when it reaches the point."""
        self.process = await self.town.bear(
            Life(
                self.town.born + 1,
                log=str(self.log),
                report=self.town.report,
                platform="",
                settings=self.settings,
                plan=Plan(point),
                mutant=self.mutant,
                port=self.port,
                log_level="info",
                notice_after_s=self.notice_after_s,
            )
        )
        await self.process.up.wait()
        if self.discord is not None and point == "never":
            await self.discord.server.wait_connected(self.discord.bot)

    async def kill(self) -> None:
        await self.town.kill(self.process)

    async def dead(self) -> None:
        """Its point was reached."""
        async with asyncio.timeout(WITHIN_S):
            await self.process.dead.wait()
        assert self.process.fired.is_set(), f"it ended with {self.process.status}"

    def record(self) -> Record:
        return databases.ask(f"sqlite:///{self.folder / 'frontdesk.db'}", record.read)

    async def until(self, true: Callable[[Record], object]) -> Record:
        """What the database holds once that is true of it."""
        async with asyncio.timeout(WITHIN_S):
            while not true(found := await asyncio.to_thread(self.record)):
                await asyncio.sleep(LOOK_S)
        return found

    async def rest(self) -> None:
        """Nothing is due and nothing on its way."""
        database = f"sqlite:///{self.folder / 'frontdesk.db'}"
        async with asyncio.timeout(WITHIN_S):
            while await asyncio.to_thread(databases.ask, database, record.restless):
                await asyncio.sleep(LOOK_S)

    def verdict(self) -> Verdict:
        """What the oracle says of each platform."""
        verdict, found = Verdict(), self.record()
        for street in filter(None, (self.telegram, self.discord)):
            judge(verdict, street, found, self.script.given)
        return verdict


@asynccontextmanager
async def scene(
    town: Town, folder: Path, *, telegram: Mode | None = None, discord: bool = False, mutant: str = ""
) -> AsyncIterator[Scene]:
    """The platforms asked for with their people, calm, and no life yet; whoever lives at the end is killed."""
    script = Script(1)
    node = ScriptedNode(Behaviour(script=script), keep_prompts=False)
    async with contextlib.AsyncExitStack() as stack:
        holder: socket.socket = stack.enter_context(contextlib.closing(reserved()))
        made = Scene(town, folder, node, script, holder.getsockname()[1], mutant)
        url = await node.start()
        stack.push_async_callback(node.stop)
        told: dict[str, str] = {}
        if telegram is not None:
            made.telegram = TelegramStreet(1, telegram)
            await made.telegram.open()
            stack.push_async_callback(made.telegram.close)
            told |= made.telegram.settings(telegram, made.port)
        if discord:
            made.discord = DiscordStreet(1)
            await made.discord.open()
            stack.push_async_callback(made.discord.close)
            told |= made.discord.settings("gateway", made.port)
        database = f"sqlite:///{folder / 'frontdesk.db'}"
        made.settings = settings_of(database, url, str(folder / "secret"), database__lease_s="10", **told)
        yield made
        if made.process.pid and not made.process.dead.is_set():
            await made.kill()
