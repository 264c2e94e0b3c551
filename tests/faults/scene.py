"""One life at a time and one customer by hand: for faults that are looked at one by one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.faults.child import Life, settings_of
from tests.faults.points import Plan
from tests.faults.push_line import Platform
from tests.faults.town import Process, Town
from tests.scripted_node import ScriptedNode


@dataclass
class Reply:
    status: int
    retry_after: str | None
    body: Any


@dataclass
class Scene:
    """`process` is the present life. Requests carry the session of one customer, opened at the first."""

    town: Town
    node: ScriptedNode
    folder: Path
    http: aiohttp.ClientSession
    settings: dict[str, str]
    process: Process
    session: str = ""

    async def bear(self) -> None:
        """The next life, up."""
        self.process = await self.town.bear(self.life())
        await self.process.up.wait()

    def life(self) -> Life:
        line, log = str(self.folder / "platform"), str(self.folder / "lives.log")
        return Life(self.town.born + 1, log, self.town.report, line, self.settings, Plan("never"))

    async def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Reply:
        headers = {"Authorization": f"Bearer {self.session}"} if self.session else {}
        async with self.http.request(method, f"{self.process.url}{path}", json=body, headers=headers) as response:
            return Reply(response.status, response.headers.get("Retry-After"), await response.json())

    async def arrive(self) -> None:
        self.session = (await self.ask("POST", "/api/chat/sessions", {})).body["session"]

    async def say(self, client_id: str, text: str) -> Reply:
        return await self.ask("POST", "/api/chat/messages", {"id": client_id, "text": text})

    async def dialogue(self) -> list[tuple[str, str]]:
        turns = (await self.ask("GET", "/api/chat/turns")).body["turns"]
        return [(turn["role"], turn["text"]) for turn in turns]

    async def until_answered(self, text: str) -> None:
        """Follow the events, again when the stream was ended, until a bot turn says `text`."""
        async with asyncio.timeout(30):
            while not await self._seen(text.encode()):
                await asyncio.sleep(0.1)

    async def _seen(self, text: bytes) -> bool:
        headers = {"Authorization": f"Bearer {self.session}"}
        async with self.http.get(f"{self.process.url}/api/chat/events", headers=headers) as response:
            async for line in response.content:
                if line.startswith(b"data: ") and b'"role":"bot"' in line and text in line:
                    return True
        return False


@asynccontextmanager
async def one_life(folder: Path, url: str, **changed: str) -> AsyncIterator[Scene]:
    """A life over the database at `url`, with a customer who has a session; whoever lives at the end is killed."""
    node, platform = ScriptedNode(), Platform()
    await platform.start(str(folder / "platform"))
    settings = settings_of(url, await node.start(), str(folder / "secret"), workspace__greeting="", **changed)
    try:
        async with Town(folder) as town, aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as http:
            scene = Scene(town, node, folder, http, settings, Process(Life(0, "", "", "", {})))
            await scene.bear()
            await scene.arrive()
            yield scene
            await town.kill(scene.process)
    finally:
        await platform.stop()
        await node.stop()
