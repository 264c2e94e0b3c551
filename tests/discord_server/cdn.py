"""The CDN's side: the bytes of attachments, as long as a signed URL lives (docs: reference, "Signed Attachment CDN URLs").

It is another service than the API: no bot token is wanted here, and `strangers` counts who shows one all the same.
"""

import asyncio
from collections.abc import Callable

from aiohttp import web

from tests.discord_server.clock import Clock
from tests.discord_server.faults import FETCH_FILE, Faults
from tests.discord_server.records import Attachment
from tests.discord_server.rest import cut
from tests.discord_server.world import World

# what the CDN says of an address that has ended or never was
GONE = "This content is no longer available."


class Cdn:
    def __init__(self, world: World, faults: Faults, clock: Clock, changed: Callable[[], None]) -> None:
        self._world, self._faults, self._clock, self._changed = world, faults, clock, changed
        self._ending = asyncio.Event()
        self.fetched = 0
        self.strangers = 0

    def end(self) -> None:
        """Let go of calls that hang."""
        self._ending.set()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.fetched += 1
        self.strangers += "Authorization" in request.headers
        self._changed()
        fault = self._faults.strike(*FETCH_FILE)
        if fault is None:
            return self._bytes(request)
        match fault.kind:
            case "error" | "limited":
                said = {"Location": f"{request.path_qs}&again="} if 300 <= fault.status < 400 else {}
                said |= {"Retry-After": str(int(fault.seconds) + 1)} if fault.kind == "limited" else {}
                return web.Response(status=fault.status, text="not now", headers=said)
            case "hang":
                await self._ending.wait()
        cut(request, reset=fault.kind == "reset")
        return web.Response(status=500)

    def _bytes(self, request: web.BaseRequest) -> web.Response:
        found = self._find(request.path)
        if found is None or int(request.query.get("ex", "0"), 16) < self._clock.now():
            return web.Response(status=404, text=GONE)
        return web.Response(body=found.content, headers={"Content-Type": found.content_type or "application/octet-stream"})

    def _find(self, path: str) -> Attachment | None:
        place, number = (int(part) for part in path.split("/")[2:4])
        channel = self._world.channels.get(place)
        messages = channel.messages.values() if channel else ()
        return next((each for one in messages for each in one.attachments if each.id == number), None)
