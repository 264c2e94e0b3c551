"""A door and a router over engines in this process, for the tests of what passes between them."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from serving.engine.entrance import Open
from serving.engine.gate import ROUTES, App, Gate, Readiness, Send
from serving.engine.loras import ROUTES as LORA
from serving.fleet.changes import Changes
from serving.fleet.door import Door
from serving.fleet.listener import Listener
from serving.fleet.members import Members
from serving.fleet.proxy import Proxy
from serving.fleet.refusals import Refusals
from serving.fleet.router import Router
from serving.port import bind

KEY = "secret"
AUTHORIZED = {"Authorization": f"Bearer {KEY}", "X-Session-ID": "ab" * 32}
CHAT = {"model": "toy", "messages": [{"role": "user", "content": "Hi"}], "stream": True}


@dataclass
class Told:
    """A report that keeps its lines."""

    lines: list[str] = field(default_factory=list)

    def line(self, text: str) -> None:
        self.lines.append(text)

    def step(self, what: str, done: int, total: int) -> None:
        pass


@asynccontextmanager
async def listening(app: App) -> AsyncIterator[str]:
    """The URL where `app` is served."""
    stopping = asyncio.Event()
    with bind("127.0.0.1", 0) as sock:
        serving = asyncio.create_task(Listener(app, 1).run_on(sock, stopping))
        try:
            sock.listen()
            yield f"http://127.0.0.1:{sock.getsockname()[1]}"
        finally:
            stopping.set()
            await serving


@asynccontextmanager
async def a_door(*engines: App, routed: bool = False) -> AsyncIterator[str]:
    """The URL of a door to `engines`, with a router between where it is `routed`."""
    members = Members()
    router = Router(members, Told(), lambda _: None) if routed else None
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(Proxy())
        if router:
            await stack.enter_async_context(running(router.run()))
        for number, engine in enumerate(engines):
            members.join(str(number)).found_at(await stack.enter_async_context(listening(engine)))
        report = Told()
        changes = Changes(members, proxy, f"Bearer {KEY}", report)
        await stack.enter_async_context(running(changes.catch_up()))
        door = Door(members, router, proxy, changes, KEY, Refusals())
        gate = Gate(door, KEY, Readiness(proven=True), Open(), routes=ROUTES["generate"] | LORA)
        url = await stack.enter_async_context(listening(gate))
        while router and len(router.workers) < len(engines):
            await asyncio.sleep(0.01)
        yield url


@asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    doing = asyncio.create_task(work)
    try:
        yield
    finally:
        doing.cancel()
        await asyncio.gather(doing, return_exceptions=True)


async def reply(send: Send, body: bytes, kind: bytes = b"application/json", status: int = 200) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind)]})
    await send({"type": "http.response.body", "body": body})
