"""The REST side on the wire: who asks, may they now, does a fault strike, what is answered (docs: reference, rate-limits)."""

import asyncio
import socket
import struct
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from tests.discord_server.calls import Call, read
from tests.discord_server.clock import Clock
from tests.discord_server.faults import Fault, Faults
from tests.discord_server.limits import Limits
from tests.discord_server.rates import Limited, Rates
from tests.discord_server.records import Application
from tests.discord_server.refusals import Refusal, too_large, unauthorized
from tests.discord_server.routing import Route, Routing

VIA = {"Via": "1.1 google"}  # without it discord.py takes a 429 for a ban (discord/http.py, "Banned by Cloudflare")
NO_LINGER = struct.pack("ii", 1, 0)
JSON = "application/json"  # exactly: discord.py compares the whole header (discord/http.py, json_or_text)


class Rest:
    """Counts every call by (method, route template) in `calls` and every answer's status in `statuses`."""

    def __init__(
        self,
        routes: list[Route],
        *,
        find: Callable[[str], Application | None],
        rates: Rates,
        faults: Faults,
        clock: Clock,
        limits: Limits,
        changed: Callable[[], None],
    ) -> None:
        self._routing, self._find, self._rates, self._faults = Routing(routes), find, rates, faults
        self._clock, self._limits, self._changed = clock, limits, changed
        self._ending = asyncio.Event()
        self.calls: Counter[tuple[str, str]] = Counter()
        self.statuses: Counter[int] = Counter()

    async def answer(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        if self._rates.banned:
            return web.Response(status=429, text="error code: 1015", content_type="text/plain")
        found = self._routing.find(request.method, path)
        if isinstance(found, int):
            return self._say(found, {"message": f"{found}: {'Not Found' if found == 404 else 'Method Not Allowed'}", "code": 0})
        route, ids = found
        self.calls[request.method, route.template] += 1
        try:
            bot = self._who(request, route)
        except Refusal as refusal:
            return self._refuse(refusal, {})
        call = Call(request.method, route.template, ids, request.query, bot)
        response = await self._limited(request, route, call)
        self._changed()
        return response

    def _who(self, request: web.BaseRequest, route: Route) -> Application | None:
        if route.open:
            return None
        bot = self._find(request.headers.get("Authorization", "").removeprefix("Bot "))
        if bot is None or bot.revoked:
            raise unauthorized()
        return bot

    async def _limited(self, request: web.BaseRequest, route: Route, call: Call) -> web.StreamResponse:
        who = call.bot.id if call.bot else 0
        if not route.open and (over := self._rates.take_global(who)):
            return self._too_many(over, {})
        major = ":".join(call.ids[name] for name in route.major)
        headers: dict[str, str] = {}
        if route.bucket in self._limits.buckets:
            over, headers = self._rates.take(who, route.bucket, major)
            if over:
                return self._too_many(over, headers)
        fault = self._faults.strike(call.method, route.template)
        if fault is None:
            return await self._act(request, route, call, headers)
        if fault.kind == "limited":
            bucket = route.bucket if route.bucket in self._limits.buckets else "other"
            return self._too_many(self._rates.hold(who, bucket, major, fault.seconds, fault.scope), headers)
        return await self._fail(fault, request, route, call, headers)

    async def _act(self, request: web.BaseRequest, route: Route, call: Call, headers: dict[str, str]) -> web.Response:
        """Read the body, do the thing."""
        try:
            await read(request, call, self._clock, self._limits)
            said = route.handler(call)
        except Refusal as refusal:
            return self._refuse(refusal, headers)
        except web.HTTPRequestEntityTooLarge:
            return self._refuse(too_large(), headers)
        return self._say(204 if said is None else 200, said, headers)

    async def _fail(
        self, fault: Fault, request: web.BaseRequest, route: Route, call: Call, headers: dict[str, str]
    ) -> web.StreamResponse:
        done = await self._act(request, route, call, headers) if fault.accepted else None
        self._changed()
        if fault.kind == "error":
            page = f"<html><head><title>{fault.status}</title></head></html>"
            self.statuses[fault.status] += 1
            return web.Response(status=fault.status, text=page, content_type="text/html")
        if fault.kind == "garbled":
            return web.Response(status=fault.status, body=b'{"id": "12', headers={"Content-Type": JSON} | VIA)
        if fault.kind == "slow" and done is not None:
            await self._wait(fault.seconds)
            return done
        if fault.kind == "hang":
            await self._wait(None)
        cut(request, reset=fault.kind == "reset")
        return web.Response(status=500)

    async def _wait(self, seconds: float | None) -> None:
        """Until then or until the server ends."""
        try:
            async with asyncio.timeout(seconds):
                await self._ending.wait()
        except TimeoutError:
            return

    def _too_many(self, over: Limited, headers: dict[str, str]) -> web.Response:
        said = headers | {"Retry-After": str(int(over.retry_after) + 1), "X-RateLimit-Scope": over.scope} | VIA
        if over.scope == "global":
            said["X-RateLimit-Global"] = "true"
        if over.scope != "shared":
            self._rates.answered_invalid()
        return self._say(429, over.body, said)

    def _refuse(self, refusal: Refusal, headers: dict[str, str]) -> web.Response:
        if refusal.status in (401, 403):
            self._rates.answered_invalid()
        return self._say(refusal.status, refusal.body, headers)

    def _say(self, status: int, body: Any, headers: dict[str, str] | None = None) -> web.Response:
        self.statuses[status] += 1
        if status == 204:
            return web.Response(status=204, headers=headers)
        encoded = msgspec.json.encode(body)
        return web.Response(status=status, body=encoded, headers={**(headers or {}), "Content-Type": JSON})

    def end(self) -> None:
        """Let go of calls that hang."""
        self._ending.set()


def cut(request: web.BaseRequest, *, reset: bool) -> None:
    """End the connection under the client: with RST if `reset`, else with a plain FIN and no answer."""
    transport = request.transport
    if transport is None:
        return
    if reset:
        plug = transport.get_extra_info("socket")
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    transport.abort()
