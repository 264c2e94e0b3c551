"""A node's listener and clients that do it no good: each is let go in time, and others are served meanwhile."""

import asyncio
import contextlib
import resource
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn

from serving import connections
from serving.engine.admission import Admission
from serving.engine.gate import Gate, Message, Readiness, Receive, Scope, Send
from serving.port import bind

MOST = 4
ASK = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
KEYED = b"POST /v1/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer key\r\n"
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Engine:
    """Answers at once, but for a completion: that one streams without an end, as fast as it is taken."""

    def __init__(self) -> None:
        self.left = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: Message = {"type": "http.response.start", "status": 200, "headers": []}
        await send(start)
        if scope["method"] == "POST":
            await receive()
        leaving = asyncio.ensure_future(receive()) if scope["method"] == "POST" else None
        while leaving is not None and (await stays(leaving)):
            await send({"type": "http.response.body", "body": b"word " * 300_000, "more_body": True})
        if leaving is not None:
            self.left.set()
        await send({"type": "http.response.body", "body": b"ok"})


async def stays(leaving: "asyncio.Future[Message]") -> bool:
    await asyncio.sleep(0.01)
    return not leaving.done() or leaving.result()["type"] != "http.disconnect"


@pytest.fixture
async def engine() -> Engine:
    return Engine()


@pytest.fixture
async def port(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """Where the gate listens, with bounds of a quarter of a second."""
    for name in ("REQUEST_S", "IDLE_S", "STALLED_S"):
        monkeypatch.setattr(connections, name, 0.25)
    gate = Gate(engine, "key", Readiness(proven=True), Admission(8, 2, time.monotonic))
    config = uvicorn.Config(gate, http=connections.bounded(MOST), log_config=None, lifespan="off", timeout_graceful_shutdown=0)
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    sock = bind("127.0.0.1", 0)
    await server.startup(sockets=[sock])
    yield sock.getsockname()[1]
    await server.shutdown(sockets=[sock])


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Connection]:
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()


async def served(port: int) -> None:
    async with connected(port) as (reader, writer):
        writer.write(ASK)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"\r\n",
        b"GET /health HTTP/1.1\r\nHost: a\r\nX-Slow: ",
        KEYED + b"Content-Length: 900\r\n\r\nhalf",
        b"POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\nhalf",  # refused before it was whole
        ASK,
    ],
    ids=["nothing", "line ends", "half a head", "half a body", "half a body without the key", "no second request"],
)
async def test_who_drips_or_idles_is_let_go_and_others_are_served_meanwhile(port: int, begun: bytes) -> None:
    async with connected(port) as (reader, writer), asyncio.TaskGroup() as group:
        writer.write(begun)

        async def drip() -> None:
            while not writer.is_closing():
                await asyncio.sleep(0.05)
                if not begun.endswith(b"\r\n\r\n"):
                    writer.write(b"\r\n" if begun == b"\r\n" else b"x" if begun else b"")

        dripping = group.create_task(drip())
        await served(port)
        with contextlib.suppress(ConnectionResetError):
            await reader.read()  # until it is closed
        dripping.cancel()


@pytest.mark.parametrize("endless", [b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 100_000, ASK[:-2] + b"X-Many: a\r\n" * 9_000])
async def test_a_head_without_an_end_is_refused(port: int, endless: bytes) -> None:
    async with connected(port) as (reader, writer):
        writer.write(endless)
        assert (await reader.readline()).startswith(b"HTTP/1.1 431 ")


async def test_a_body_of_ten_megabytes_is_refused_and_the_refusal_arrives(port: int) -> None:
    async with connected(port) as (reader, writer):
        writer.write(KEYED + b"Content-Length: 10485760\r\n\r\n")
        for _ in range(160):
            writer.write(b"x" * 65_536)
            await writer.drain()
        assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")


async def test_many_that_only_hold_a_place_keep_nobody_out(port: int) -> None:
    idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5 * MOST)]
    await asyncio.wait_for(served(port), 0.2)
    for _, writer in idle:
        writer.close()


async def test_one_more_than_can_be_answered_is_told_to_come_back(port: int) -> None:
    asked = KEYED + b'Content-Length: 15\r\n\r\n{"prompt": "a"}'
    answered = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MOST)]
    for reader, writer in answered:
        writer.write(asked)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
    async with connected(port) as (reader, _):
        assert (await reader.read()).startswith(b"HTTP/1.1 503 ")
    for _, writer in answered:
        writer.close()


async def test_who_does_not_take_the_answer_is_let_go_and_who_takes_it_is_not(port: int) -> None:
    asked = KEYED + b'Content-Length: 15\r\n\r\n{"prompt": "a"}'
    async with connected(port) as (taking, first), connected(port) as (reading, second):
        first.write(asked)
        second.write(asked)
        until = time.monotonic() + 0.7
        while time.monotonic() < until:
            assert await taking.read(1 << 20), "who takes the answer was cut off"
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reading.readexactly(1 << 30)


@pytest.mark.parametrize("more", [b"", ASK, KEYED + b"Content-Length: 900\r\n\r\nhalf"])
async def test_who_asks_more_before_the_answer_has_ended_and_leaves_is_missed(port: int, engine: Engine, more: bytes) -> None:
    async with connected(port) as (reader, writer):
        writer.write(KEYED + b'Content-Length: 15\r\n\r\n{"prompt": "a"}' + more)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
    await asyncio.wait_for(engine.left.wait(), 5)


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02\x00" * 100, b"EHLO mail\r\n\r\n", b"GET / HTTP/1.1\r\nHost\r\n\r\n"])
async def test_what_is_no_http_is_refused_at_once(port: int, garbage: bytes) -> None:
    async with connected(port) as (reader, writer):
        writer.write(garbage)
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
    await served(port)


def test_the_limit_of_open_files_is_raised_for_the_connections_and_bounds_them() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, before[1]), before[1]))
        assert connections.room(300) == 300
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 300
        assert connections.room(10 * before[1]) < before[1]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
