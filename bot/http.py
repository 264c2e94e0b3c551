"""The ASGI host: two listeners in our own event loop. Adapters hand in the public routes; only the private one tells details."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from socket import socket

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.connections import MOST, bounded
from bot.metrics import CONTENT_TYPE, Metrics

FINISH_S = 2.0
KEEP_ALIVE_S = 30
PRIVATE_CONNECTIONS = 64  # of their own, so that a full public listener hides nothing from monitoring


@dataclass(frozen=True, slots=True)
class Health:
    """What the private listener tells. `checks`: name -> "" when it is well, else what is wrong; readiness is all of them well.

    `refresh` brings the gauges up to date before they are read. `node`: where our own generation node is, "" for none.
    """

    checks: Callable[[], Awaitable[Mapping[str, str]]]
    refresh: Callable[[], Awaitable[None]]
    metrics: Metrics
    node: str = ""


class HttpHost:
    """Serves on sockets that are bound already, until told to stop; then lets requests finish for two seconds.

    `connections`: the most that the public listener holds at once.
    """

    name = "http"

    def __init__(
        self, public: socket, private: socket, routes: Sequence[BaseRoute], health: Health, connections: int = MOST
    ) -> None:
        details = [*_full_health(health), Route("/metrics", _Exposition(health).get)]
        self._listeners = [
            _Listener(public, Starlette(routes=[*_bare_health(health), *routes]), connections),
            _Listener(private, Starlette(routes=details), PRIVATE_CONNECTIONS),
        ]

    async def run(self, stopping: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            for listener in self._listeners:
                group.create_task(listener.serve(), name="http listener")
            await stopping.wait()
            for listener in self._listeners:
                group.create_task(listener.stop(), name="http stop")


class _Listener:
    def __init__(self, bound: socket, app: ASGIApp, connections: int) -> None:
        self._socket = bound
        self._requests = OpenRequests(app)
        self._server = _Server(
            uvicorn.Config(
                self._requests,
                http=bounded(connections),
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=int(FINISH_S) + 2,
            )
        )

    async def serve(self) -> None:
        try:
            await self._server.serve(sockets=[self._socket])
        finally:  # when cut short; after an orderly end nothing is left to close
            for server in getattr(self._server, "servers", ()):
                server.close()
            for connection in list(self._server.server_state.connections):
                connection.transport.abort()
            self._socket.close()

    async def stop(self) -> None:
        self._server.should_exit = True
        await self._requests.end(FINISH_S)


class _Server(uvicorn.Server):
    """Without signal handlers: the application owns them."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(slots=True)
class _Reply:
    """Passes a response on and remembers how far it came."""

    send: Send
    started: bool = False
    complete: bool = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
        else:
            self.complete = not message.get("more_body", False)
        await self.send(message)

    async def finish(self) -> None:
        """End a stream in order, or say that we are stopping."""
        if not self.started:
            headers = [(b"retry-after", b"2"), (b"content-type", b"application/json"), (b"connection", b"close")]
            await self.send({"type": "http.response.start", "status": 503, "headers": headers})
            await self.send({"type": "http.response.body", "body": b'{"error":{"code":"stopping","message":"Try again soon."}}'})
        elif not self.complete:
            await self.send({"type": "http.response.body", "body": b""})


@dataclass(slots=True)
class OpenRequests:
    """Knows the requests under way, so that an endless one (an event stream) cannot hold the end of the process."""

    app: ASGIApp
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _ending: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        assert task is not None, "a request is served in a task"
        reply = _Reply(send)
        self._tasks.add(task)
        try:
            await self.app(scope, receive, reply)
        except asyncio.CancelledError:
            if not self._ending:
                raise
            task.uncancel()
            await reply.finish()
        finally:
            self._tasks.discard(task)

    async def end(self, within_s: float) -> None:
        """Wait for the requests under way, then end those that remain."""
        self._ending = True
        if self._tasks:
            _, left = await asyncio.wait(self._tasks, timeout=within_s)
            for task in left:
                task.cancel()
            if left:
                await asyncio.wait(left, timeout=1)


def _bare_health(health: Health) -> list[Route]:
    async def alive(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def ready(_request: Request) -> Response:
        well = not any((await health.checks()).values())
        return PlainTextResponse("ready\n" if well else "not ready\n", status_code=200 if well else 503)

    return [Route("/healthz", alive), Route("/readyz", ready)]


def _full_health(health: Health) -> list[Route]:
    async def alive(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(_request: Request) -> Response:
        checks = await health.checks()
        well = not any(checks.values())
        detail = {name: wrong or "ok" for name, wrong in checks.items()}
        node = {"node": health.node} if health.node else {}
        return JSONResponse({"ready": well, "checks": detail, **node}, status_code=200 if well else 503)

    return [Route("/healthz", alive), Route("/readyz", ready)]


@dataclass(frozen=True, slots=True)
class _Exposition:
    health: Health

    async def get(self, _request: Request) -> Response:
        await self.health.refresh()
        return Response(self.health.metrics.exposition(), media_type=CONTENT_TYPE)
