"""Two listeners: health on both, detail and metrics on the private one, and an end that no open stream can hold."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping

import aiohttp
import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from bot.errors import SettingsError
from bot.http import Health, HttpHost
from bot.listening import Endpoint, link, listen
from bot.metrics import Metrics

ANY = Endpoint("web", "", "127.0.0.1", 0)


class Desk:
    """A running host and what it was asked."""

    def __init__(self, node: str = "") -> None:
        self.wrong = ""
        self.node = node
        self.metrics = Metrics()
        self.stopping = asyncio.Event()
        self.left = asyncio.Event()

    async def checks(self) -> Mapping[str, str]:
        return {"database": self.wrong}

    async def refresh(self) -> None:
        self.metrics.level("due_conversations", 7)

    async def start(self) -> None:
        said: list[str] = []
        public, private = await listen(ANY, say=said.append), await listen(ANY, say=said.append)
        self.public, self.private = link(public), link(private)
        routes = [Route("/stream", self.stream), Route("/slow", self.slow), Route("/ticks", self.ticking)]
        host = HttpHost(public, private, routes, Health(self.checks, self.refresh, self.metrics, self.node), connections=3)
        self.running = asyncio.create_task(host.run(self.stopping))

    async def stream(self, _request: Request) -> Response:
        async def endless() -> AsyncIterator[bytes]:
            yield b"data: hello\n\n"
            await asyncio.Event().wait()

        return StreamingResponse(endless(), media_type="text/event-stream")

    async def ticking(self, _request: Request) -> Response:
        async def ticks() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b": still here\n\n"
                    await asyncio.sleep(0.01)
            finally:
                self.left.set()

        return StreamingResponse(ticks(), media_type="text/event-stream")

    async def slow(self, _request: Request) -> Response:
        await asyncio.Event().wait()
        return Response()


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    await made.start()
    yield made
    made.stopping.set()
    await asyncio.wait_for(made.running, 10)


async def test_health_is_on_both_and_detail_only_on_the_private_one(desk: Desk) -> None:
    async with aiohttp.ClientSession() as client:
        for base in (desk.public, desk.private):
            assert (await client.get(f"{base}healthz")).status == 200
            assert (await client.get(f"{base}readyz")).status == 200
        desk.wrong = "at revision 0001"
        bare, full = await client.get(f"{desk.public}readyz"), await client.get(f"{desk.private}readyz")
        assert (bare.status, await bare.text()) == (503, "not ready\n")
        assert (full.status, await full.json()) == (503, {"ready": False, "checks": {"database": "at revision 0001"}})
        assert (await client.get(f"{desk.public}metrics")).status == 404
        assert "frontdesk_due_conversations 7.0" in await (await client.get(f"{desk.private}metrics")).text()


async def test_where_our_own_node_is_stands_beside_the_detail_of_the_private_listener_only() -> None:
    desk = Desk(node="http://127.0.0.1:4100")
    await desk.start()
    async with aiohttp.ClientSession() as client:
        told = await (await client.get(f"{desk.private}readyz")).json()
        assert told == {"ready": True, "checks": {"database": "ok"}, "node": "http://127.0.0.1:4100"}
        assert await (await client.get(f"{desk.public}readyz")).text() == "ready\n"
    desk.stopping.set()
    await asyncio.wait_for(desk.running, 10)


async def test_open_requests_are_ended_in_order_and_in_bounded_time(desk: Desk) -> None:
    async with aiohttp.ClientSession() as client:
        stream = await client.get(f"{desk.public}stream")
        assert await stream.content.readline() == b"data: hello\n"
        slow = asyncio.create_task(client.get(f"{desk.public}slow"))
        await asyncio.sleep(0)
        assert (await client.get(f"{desk.public}healthz")).status == 200
        desk.stopping.set()
        async with asyncio.timeout(6):
            assert await stream.content.read() == b"\n"
            answer = await slow
            assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
            await desk.running


async def test_a_port_that_is_let_go_in_time_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    dying = socket.create_server(("127.0.0.1", 0))
    endpoint = Endpoint("web", "", "127.0.0.1", dying.getsockname()[1])
    waiting = asyncio.create_task(listen(endpoint, say=said.append, wait_s=10))
    async with asyncio.timeout(5):
        while not said:
            await asyncio.sleep(0)
    dying.close()
    (await asyncio.wait_for(waiting, 5)).close()
    assert said == [f"port {endpoint.port} is still taken; waiting for it, 10 s at most"]


async def test_a_port_that_stays_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        endpoint = Endpoint("web", "private_", "127.0.0.1", taken.getsockname()[1])
        with pytest.raises(SettingsError, match=r"\[web\] private_port: .* is taken by another program"):
            await listen(endpoint, say=lambda _: None, wait_s=0.2)


async def test_a_host_that_is_not_ours_is_named() -> None:
    with pytest.raises(SettingsError, match=r"\[web\] host: 192\.0\.2\.1"):
        await listen(Endpoint("web", "", "192.0.2.1", 0), say=lambda _: None)


async def test_a_reader_that_asked_more_behind_its_stream_and_leaves_is_missed(desk: Desk) -> None:
    host, number = desk.public.removeprefix("http://").rstrip("/").split(":")
    reader, writer = await asyncio.open_connection(host, int(number))
    writer.write(b"GET /ticks HTTP/1.1\r\nHost: a\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
    writer.transport.abort()
    await asyncio.wait_for(desk.left.wait(), 5)
