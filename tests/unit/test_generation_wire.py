"""The wire keeps HTTP's promises with whatever a server sends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httptools
import pytest

from bot.generation.wire import Wire

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


class Server:
    """Answers each request on a connection with the next of its replies; None hangs up instead."""

    def __init__(self, *replies: bytes | None) -> None:
        self.replies = list(replies)
        self.connections = 0
        self.requests: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                self.requests.append(head + await reader.readexactly(length))
                reply = self.replies.pop(0)
                if reply is None:
                    break
                writer.write(reply)
                await writer.drain()
                if b"cut" in reply:
                    break
        writer.close()


@asynccontextmanager
async def listening(server: Server) -> AsyncIterator[str]:
    """The URL under which the server answers inside the block."""
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1"
    finally:
        listener.close()
        await listener.wait_closed()


@asynccontextmanager
async def wired(*replies: bytes | None) -> AsyncIterator[tuple[Server, Wire]]:
    server = Server(*replies)
    async with listening(server) as url:
        wire = Wire(url)
        try:
            yield server, wire
        finally:
            await wire.close()


async def ask(wire: Wire) -> bytes:
    async with wire.post("/v1/x", {"A": "b"}, b"{}") as exchange:
        return b"".join([piece async for piece in exchange.body()])


@pytest.mark.parametrize(
    "reply",
    [
        OK + b"Content-Length: 5\r\n\r\nhello",
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 5\r\n\r\nhello",
    ],
)
async def test_a_body_is_whole_however_it_is_framed(reply: bytes) -> None:
    async with wired(reply) as (server, wire):
        assert await ask(wire) == b"hello"
        assert server.requests == [
            b"POST /v1/x HTTP/1.1\r\nHost: " + wire._name.encode() + b"\r\nA: b\r\nContent-Length: 2\r\n\r\n{}"
        ]


async def test_a_connection_is_used_again() -> None:
    reply = OK + b"Content-Length: 2\r\n\r\nok"
    async with wired(reply, reply) as (server, wire):
        assert (await ask(wire), await ask(wire)) == (b"ok", b"ok")
        assert server.connections == 1


async def test_a_connection_that_must_close_is_not_used_again() -> None:
    reply = OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nok"
    async with wired(reply, reply) as (server, wire):
        assert (await ask(wire), await ask(wire)) == (b"ok", b"ok")
        assert server.connections == 2


async def test_a_kept_connection_that_was_closed_meanwhile_is_replaced() -> None:
    reply = OK + b"Content-Length: 2\r\n\r\nok"
    async with wired(reply, None, reply) as (server, wire):
        assert (await ask(wire), await ask(wire)) == (b"ok", b"ok")
        assert server.connections == 2


async def test_a_fresh_connection_that_hangs_up_is_an_error() -> None:
    async with wired(None) as (_, wire):
        with pytest.raises(ConnectionError):
            await ask(wire)


@pytest.mark.parametrize("head", [b"HTTP/1.0 200 OK\r\n", OK, OK + b"Connection: close\r\n"])
async def test_a_body_without_a_length_ends_with_its_connection(head: bytes) -> None:
    async with wired(head + b"\r\nuncut") as (_, wire):
        assert await ask(wire) == b"uncut"


@pytest.mark.parametrize(
    "reply",
    [
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\ncut\r\n",
        OK + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ncut\r\n",
        OK + b"Connection: close\r\nContent-Length: 9\r\n\r\ncut",
        b"HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\ncut",
        b"HTTP/1.0 200 OK\r\nX-cut: ",
    ],
)
async def test_a_body_that_is_cut_off_is_an_error(reply: bytes) -> None:
    async with wired(reply) as (_, wire):
        with pytest.raises(ConnectionError):
            await ask(wire)


async def test_what_is_not_http_is_an_error() -> None:
    async with wired(b"SSH-2.0-cut\r\n\r\n") as (_, wire):
        with pytest.raises(httptools.HttpParserError):
            await ask(wire)


async def test_leaving_early_closes_the_connection() -> None:
    reply = OK + b"Content-Length: 5\r\n\r\nhe"
    async with wired(reply, OK + b"Content-Length: 2\r\n\r\nok") as (server, wire):
        async with wire.post("/v1/x", {}, b"{}") as exchange:
            assert exchange.response.status == 200
        assert await ask(wire) == b"ok"
        assert server.connections == 2


@pytest.mark.parametrize("url", ["ftp://host/v1", "nothing", "http:///v1"])
async def test_a_wrong_url_names_the_setting(url: str) -> None:
    with pytest.raises(ValueError, match=r"generation\.url"):
        Wire(url)
