"""What a client without a session may take: no endless head, no endless wait, not every connection."""

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bot import connections
from tests.unit.test_http_host import Desk, desk

__all__ = ["desk"]

ASK = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"


@asynccontextmanager
async def connected(desk: Desk) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    host, port = desk.public.removeprefix("http://").rstrip("/").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        async with asyncio.timeout(10):
            yield reader, writer
    finally:
        writer.transport.abort()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "REQUEST_S", 0.1)


@pytest.mark.parametrize(
    "endless",
    [
        b"GET /healthz HTTP/1.1\r\nX-Long: " + b"a" * 70_000,
        b"GET /healthz HTTP/1.1\r\n" + b"X-Many: a\r\n" * 7_000,
        b"GET /" + b"a" * 70_000,
    ],
)
async def test_a_head_that_does_not_end_is_refused(desk: Desk, endless: bytes) -> None:
    async with connected(desk) as (reader, writer):
        writer.write(endless)
        assert (await reader.readline()).startswith(b"HTTP/1.1 431 ")


async def test_trailers_that_do_not_end_are_cut_off(desk: Desk) -> None:
    async with connected(desk) as (reader, writer):
        writer.write(b"POST /slow HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"X-Many: a\r\n" * 7_000)
        assert b"200" not in await reader.read()


async def test_a_long_body_is_not_a_long_head(desk: Desk) -> None:
    async with connected(desk) as (reader, writer):
        writer.write(b"POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n" + b"a" * 200_000 + ASK)
        assert (await reader.readline()).startswith(b"HTTP/1.1 405 ")
        await reader.readuntil(b"HTTP/1.1 200 OK")


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ",
        b"POST /slow HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf",
        b"\r\n",
        ASK + b"GET / HTTP/1.1\r\n",
        b"POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf",  # answered before it was whole
    ],
)
async def test_a_client_that_does_not_finish_asking_is_let_go(desk: Desk, begun: bytes) -> None:
    async with connected(desk) as (reader, writer):
        writer.write(begun)
        await reader.read()  # until it is closed


@pytest.mark.usefixtures("impatient")
async def test_an_answered_client_that_only_sends_line_ends_is_let_go(desk: Desk) -> None:
    async with connected(desk) as (reader, writer):
        writer.write(ASK)
        await reader.readuntil(b"ok\n")
        writer.write(b"\r\n")
        assert await reader.read() == b""


@pytest.mark.usefixtures("impatient")
async def test_a_client_that_asked_may_wait_for_its_answer(desk: Desk) -> None:
    async with connected(desk) as (reader, writer):
        writer.write(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
        await reader.readuntil(b"data: hello\n\n")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.4):
                await reader.readuntil(b"0\r\n\r\n")


async def test_requests_without_end_behind_an_open_one_are_cut_off(desk: Desk) -> None:
    async with connected(desk) as (reader, writer):
        writer.write(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n" + ASK * 100)
        assert await reader.read() == b""


async def test_one_connection_too_many_is_told_to_come_back(desk: Desk) -> None:
    async with connected(desk) as (first, asking), connected(desk), connected(desk):
        asking.write(ASK)
        await first.readline()  # by now the others are counted too
        async with connected(desk) as (reader, _):
            assert (await reader.read()).startswith(b"HTTP/1.1 503 ")


def test_the_limit_of_open_files_is_raised_and_leaves_room_for_our_own() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, before[1]), before[1]))
        assert 0 < connections.room() < before[1]
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == before[1]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
