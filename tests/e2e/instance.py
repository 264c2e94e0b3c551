"""A `frontdesk run` of its own, and a customer who speaks its web chat API."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

PATIENCE_S = 60
# discord.py imports it for voice, which we do not use
VOICE = "'audioop' is deprecated and slated for removal in Python 3.13"


class Instance:
    """A `frontdesk run` of its own, with what it said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said: list[str] = []

    @classmethod
    async def start(cls, config: Path) -> "Instance":
        strict = ["-W", "error", "-W", f"ignore:{VOICE}:DeprecationWarning"]
        command = [sys.executable, *strict, "-m", "bot", "run", "--config", str(config)]
        pipe = asyncio.subprocess.PIPE
        return cls(await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, cwd=config.parent))

    async def until(self, word: str) -> str:
        """Read on until a line holds `word`; that line."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            while raw := await self.process.stdout.readline():
                self.said.append(raw.decode().rstrip())
                if word in self.said[-1]:
                    return self.said[-1]
        raise AssertionError(f"it ended without {word!r}: {self.said} {await self.errors()}")

    async def ready(self) -> str:
        """The link it says at the end."""
        return (await self.until("Frontdesk is ready")).split()[-1]

    async def errors(self) -> str:
        assert self.process.stderr is not None
        return (await self.process.stderr.read()).decode()

    async def ended(self) -> int:
        return await asyncio.wait_for(self.process.wait(), PATIENCE_S)

    async def end(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        said, errors = await self.process.communicate()
        print(*self.said, said.decode(), errors.decode(), sep="\n")  # shown when the test fails


@asynccontextmanager
async def running(config: Path) -> AsyncIterator[Instance]:
    instance = await Instance.start(config)
    try:
        yield instance
    finally:
        await instance.end()


class Customer:
    """Speaks the web chat API."""

    def __init__(self, client: aiohttp.ClientSession, link: str) -> None:
        self._client = client
        self.link = link
        self._headers: dict[str, str] = {}

    async def arrive(self) -> None:
        async with self._client.post(f"{self.link}api/chat/sessions", json={}) as answer:
            assert answer.status == 201
            self._headers = {"Authorization": f"Bearer {(await answer.json())['session']}"}

    async def say(self, name: str, text: str) -> int | None:
        """The turn's number; None for a command."""
        body = {"id": name, "text": text}
        async with self._client.post(f"{self.link}api/chat/messages", json=body, headers=self._headers) as answer:
            assert answer.status == 202, await answer.text()
            seq: int | None = (await answer.json())["seq"]
            return seq

    async def turns(self) -> list[tuple[str, str]]:
        async with self._client.get(f"{self.link}api/chat/turns?after=0", headers=self._headers) as answer:
            return [(turn["role"], turn["text"]) for turn in (await answer.json())["turns"]]

    async def until_answered(self, text: str) -> list[tuple[str, str]]:
        async with asyncio.timeout(PATIENCE_S):
            while ("bot", text) not in (turns := await self.turns()):
                await asyncio.sleep(0.05)
        return turns

    @asynccontextmanager
    async def events(self) -> AsyncIterator[aiohttp.ClientResponse]:
        async with self._client.get(f"{self.link}api/chat/events", headers=self._headers) as stream:
            yield stream
