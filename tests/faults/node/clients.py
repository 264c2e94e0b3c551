"""Clients that do a node no good, each at the real engine: it answers others meanwhile, and keeps its memory."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from serving.connections import REQUEST_S
from tests.faults.node import processes
from tests.faults.node.starts import READY_S, started

KEY = "k"
HEAD = (
    f"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/json\r\n".encode()
)
SLOW = 30
IDLE = 1500
GROWTH_MB = 200
LATE_S = 2.0
Attack = Callable[["Door"], Awaitable[str]]


class Door:
    """The node's address, and a good client of it."""

    def __init__(self, url: str, model: str, http: aiohttp.ClientSession) -> None:
        self.host, self.port = str(urlsplit(url).hostname), int(urlsplit(url).port or 0)
        self.model = model
        self._http = http

    async def served(self) -> float:
        """Seconds that one token took. Raises AssertionError when there was none."""
        begun = time.monotonic()
        status, told = await self.ask({"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1})
        assert status == 200, told
        return time.monotonic() - begun

    async def ask(self, body: Mapping[str, object], key: str = KEY) -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {key}"}
        async with self._http.post("/v1/chat/completions", json={"model": self.model, **body}, headers=headers) as answer:
            return answer.status, await answer.text()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()


async def clients(model: Path) -> AsyncIterator[tuple[str, str]]:
    """Each with what was seen. Raises AssertionError when a promise was broken."""
    settings = {
        "FRONTDESK_SERVING__MODEL": str(model),
        "FRONTDESK_SERVING__KV_CACHE_GIB": "0.2",
        "FRONTDESK_SERVING__API_KEY": KEY,
    }
    with started(settings) as (running, _):
        url = await asyncio.to_thread(running.ready, READY_S)
        engine = processes.only_below(running.process.pid, "serving.engine")
        async with aiohttp.ClientSession(url, timeout=aiohttp.ClientTimeout(total=60)) as http:
            door = Door(url, str(model), http)
            await door.served()
            before = processes.resident_mb(engine)
            for name, attack in ATTACKS.items():
                yield name, await attack(door)
                await door.served()
        grown = processes.resident_mb(engine) - before
        assert grown < GROWTH_MB, f"the engine's front grew by {grown:.0f} MB"
        yield "memory of the engine's front after all that", f"{grown:+.0f} MB"


async def _wrong_key(door: Door) -> str:
    status, told = await door.ask({"messages": []}, key="wrong")
    assert status == 401
    return f"{status} {message(told)}"


async def _too_long(door: Door) -> str:
    status, told = await door.ask({"messages": [{"role": "user", "content": "a" * 9000}], "max_tokens": 1})
    assert status == 400, told[:200]
    return f"{status} {message(told)[:110]}"


async def _ten_megabytes(door: Door) -> str:
    async with door.connection() as (reader, writer):
        writer.write(HEAD + b"Content-Length: 10485760\r\n\r\n")
        for _ in range(160):
            writer.write(b"x" * 65_536)
            await writer.drain()
        line = await asyncio.wait_for(reader.readline(), 10)
    assert line.startswith(b"HTTP/1.1 413"), line
    return line.decode().strip()


async def _endless_head(door: Door) -> str:
    async with door.connection() as (reader, writer):
        writer.write(b"GET /health HTTP/1.1\r\nX-Long: " + b"x" * (1 << 20))
        line = await asyncio.wait_for(reader.readline(), 10)
    assert line.startswith(b"HTTP/1.1 431"), line
    return line.decode().strip()


async def _garbage(door: Door) -> str:
    async def one(_: int) -> bytes:
        async with door.connection() as (reader, writer):
            writer.write(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc" * 50)
            return await asyncio.wait_for(reader.readline(), 10)

    lines = set(await asyncio.gather(*map(one, range(200))))
    assert all(line.startswith(b"HTTP/1.1 400") for line in lines), lines
    return f"200 times {lines.pop().decode().strip()}"


async def _slow_heads(door: Door) -> str:
    return await _slow(door, b"GET /health HTTP/1.1\r\nHost: a\r\nX-Slow: ")


async def _slow_bodies(door: Door) -> str:
    return await _slow(door, HEAD + b'Content-Length: 100000\r\n\r\n{"messages": [')


async def _slow(door: Door, begun: bytes) -> str:
    """A letter a second, from many at once; a good client asks all the while."""

    async def one(_: int) -> float:
        async with door.connection() as (reader, writer):
            start = time.monotonic()
            writer.write(begun)
            closing = asyncio.ensure_future(reader.read())
            while not closing.done():
                await asyncio.wait([closing], timeout=1)
                writer.write(b" ")
            closing.exception()  # cut off or ended, both will do
            return time.monotonic() - start

    slow = asyncio.gather(*map(one, range(SLOW)))
    waits: list[float] = []
    while not slow.done():
        waits.append(await door.served())
        await asyncio.sleep(0.5)
        assert len(waits) < 10 * REQUEST_S, "they are never let go"
    held = max(await slow)
    assert held < REQUEST_S + 5, f"held for {held:.0f} s"
    assert max(waits) < LATE_S, f"a good client waited {max(waits):.1f} s"
    return f"{SLOW} let go after {held:.0f} s; meanwhile a good client had its token within {max(waits):.2f} s"


async def _idle(door: Door) -> str:
    held = [await asyncio.open_connection(door.host, door.port) for _ in range(IDLE)]
    waits = [await door.served() for _ in range(5)]
    gone = sum(reader.at_eof() or writer.is_closing() for reader, writer in held)
    for _, writer in held:
        writer.transport.abort()
    assert max(waits) < LATE_S, f"a good client waited {max(waits):.1f} s"
    assert gone > IDLE // 2, f"only {gone} of {IDLE} idle connections made room"
    return f"of {IDLE}, {gone} made room; a good client had its token within {max(waits):.2f} s"


def message(told: str) -> str:
    return str(json.loads(told)["error"]["message"])


ATTACKS: dict[str, Attack] = {
    "wrong key": _wrong_key,
    "a prompt longer than the context": _too_long,
    "a body of 10 MB": _ten_megabytes,
    "a head without an end": _endless_head,
    "what is no HTTP": _garbage,
    "slow heads": _slow_heads,
    "slow bodies": _slow_bodies,
    "idle connections": _idle,
}
