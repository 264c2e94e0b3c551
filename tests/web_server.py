"""The real web routes on a real server, over any desk; and visitors who speak the chat API."""

import asyncio
import io
import json
import socket
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Self
from uuid import uuid4

import aiohttp
import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp

from adapters.web.routes import routes
from adapters.web.settings import WebSettings
from adapters.web.streams import Streams
from bot.ports import Intake, Record, Sessions
from tests.web_desk import Answerer, MemoryDesk, echo

Event = tuple[str, str | None, Any]


class WebServer:
    """An ASGI application on a loopback port; `stop` breaks every connection as a crash would, `start` takes the port again."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        bound = socket.create_server(("127.0.0.1", self.port))
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted sockets inherit it; asyncio would miss them
        self.port = bound.getsockname()[1]
        config = uvicorn.Config(
            self._app, http="httptools", ws="none", lifespan="off", log_config=None, access_log=False, proxy_headers=False
        )
        config.load()
        self._server = uvicorn.Server(config)
        self._server.lifespan = config.lifespan_class(config)
        await self._server.startup(sockets=[bound])  # without its main loop, which looks for signals ten times a second

    async def stop(self) -> None:
        for listener in self._server.servers:
            listener.close()
            await listener.wait_closed()
        self.cut()
        tasks = list(self._server.server_state.tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=5)

    def cut(self) -> None:
        """Break every connection; new ones are taken."""
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()


class Web:
    """The web channel over a desk, running on a port of its own."""

    def __init__(
        self,
        intake: Intake,
        record: Record,
        sessions: Sessions,
        *,
        streams: Streams | None = None,
        clock: Callable[[], float] = time.monotonic,
        **settings: Any,
    ) -> None:
        self.streams = Streams() if streams is None else streams
        self.routes = routes(
            intake=intake,
            record=record,
            sessions=sessions,
            settings=WebSettings(**settings),
            streams=self.streams,
            clock=clock,
        )
        self.server = WebServer(Starlette(routes=self.routes))

    async def __aenter__(self) -> Self:
        await self.server.start()
        self.http = aiohttp.ClientSession(self.server.url, timeout=aiohttp.ClientTimeout(total=10))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()
        self.streams.close()
        await self.server.stop()

    async def visit(self, **arrival: str) -> "Visit":
        async with self.http.post("/api/chat/sessions", json=arrival) as response:
            assert response.status == 201, await response.text()
            opened = await response.json()
        return Visit(self.http, opened["session"], opened["conversation"])


@dataclass
class Visit:
    """One visitor's session."""

    http: aiohttp.ClientSession
    token: str
    conversation: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def post(self, name: str, body: object = None, **options: Any) -> tuple[int, Any]:
        """Status and decoded body. `body` bytes are sent as they are."""
        sent = {"data": io.BytesIO(body)} if isinstance(body, bytes) else {"json": body}
        async with self.http.post(
            f"/api/chat/{name}", headers=self.headers | options.pop("headers", {}), **sent, **options
        ) as response:
            return response.status, await response.json() if response.content_type == "application/json" else None

    async def say(self, text: str, client_id: str = "") -> int | None:
        status, body = await self.post("messages", {"id": client_id or uuid4().hex, "text": text})
        assert status == 202, body
        seq: int | None = body["seq"]
        return seq

    async def turns(self, after: int = 0) -> dict[str, Any]:
        async with self.http.get("/api/chat/turns", params={"after": after}, headers=self.headers) as response:
            assert response.status == 200
            page: dict[str, Any] = await response.json()
            return page

    async def events(self, cursor: str | None = None) -> AsyncGenerator[Event, None]:
        """(name, cursor or None, data) as they come."""
        headers = self.headers | ({"Last-Event-ID": cursor} if cursor else {})
        async with self.http.get("/api/chat/events", headers=headers) as response:
            assert response.status == 200, await response.text()
            name, place, data = "", None, ""
            async for line in response.content:
                field_name, _, value = line.decode().rstrip("\n").partition(": ")
                if field_name == "event":
                    name = value
                elif field_name == "id":
                    place = value
                elif field_name == "data":
                    data = value
                elif not field_name and data:
                    yield name, place, json.loads(data)
                    name, place, data = "", None, ""

    async def events_until(self, wanted: Callable[[Event], bool], cursor: str | None = None) -> list[Event]:
        """Everything up to and including the wanted event."""
        seen = []
        async with aclosing(self.events(cursor)) as events:
            async for event in events:
                seen.append(event)
                if wanted(event):
                    break
        return seen


class WebDesk(Web):
    """The web channel over a desk in memory."""

    def __init__(self, answerer: Answerer = echo, **options: Any) -> None:
        self.memory = MemoryDesk(answerer)
        super().__init__(self.memory, self.memory, self.memory, **options)
