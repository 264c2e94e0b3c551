"""Passes one request on and its answer back as it comes; whoever leaves takes the other side along."""

import asyncio
import contextlib
from types import TracebackType
from typing import Self

import aiohttp

from serving.engine.gate import Message, Receive, Refused, Scope, Send, answer

ASKED = frozenset({b"authorization", b"content-type", b"accept", b"x-session-id", b"x-deadline-s", b"x-request-id"})
ANSWERED = frozenset({"content-type", "content-length", "retry-after", "x-request-id", "x-replica", "www-authenticate"})
CONNECT_S = 5.0
# not 503, which says that there is no room: a request that ends engines must count as one that failed
AWAY = Refused(502, "the engine went away before it answered: ask again")


class Proxy:
    """Used inside `async with`. Each request takes one connection; the engines bound how many there are."""

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=15),
            timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_S, sock_connect=CONNECT_S),
            auto_decompress=False,
        )
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._session.close()

    async def pass_on(self, base: str, scope: Scope, receive: Receive, send: Send) -> None:
        """To the same path under `base`. When the asker leaves, the request ends there too."""
        body = (await receive()).get("body", b"")
        relaying = asyncio.create_task(self._relay(base, scope, body, send))
        leaving = asyncio.create_task(_left(receive))
        try:
            await asyncio.wait((relaying, leaving), return_when=asyncio.FIRST_COMPLETED)
            if relaying.done():
                relaying.result()
        finally:
            for task in (relaying, leaving):
                task.cancel()
            await asyncio.gather(relaying, leaving, return_exceptions=True)

    async def _relay(self, base: str, scope: Scope, body: bytes, send: Send) -> None:
        begun = False
        try:
            async with self._session.request(
                scope["method"], f"{base}{scope['path']}", data=body, headers=_asked(scope), allow_redirects=False
            ) as response:
                if unreached(response):
                    await answer(send, AWAY)
                    return
                await send(_start(response))
                begun = True
                async for piece in response.content.iter_any():
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                await send({"type": "http.response.body", "body": b""})
        except (aiohttp.ClientError, TimeoutError, OSError):
            if not begun:
                await answer(send, AWAY)
            # else the answer stays without its end, which closes the connection: so the asker sees that it was cut off

    async def whole(self, base: str, scope: Scope, body: bytes, within_s: float) -> tuple[int, bytes]:
        """(status, body) of the same path under `base`; 503 when it does not answer in time."""
        try:
            async with self._session.request(
                scope["method"],
                f"{base}{scope['path']}",
                data=body,
                headers=_asked(scope),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=within_s),
            ) as response:
                return response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return AWAY.status, AWAY.body()

    async def text(self, base: str, path: str, within_s: float, key: str = "") -> str:
        """What `path` says, "" when it does not. `key`: an Authorization."""
        headers = {"Authorization": key} if key else {}
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, ValueError):
            async with self._session.get(
                f"{base}{path}", headers=headers, allow_redirects=False, timeout=aiohttp.ClientTimeout(total=within_s)
            ) as response:
                return await response.text() if response.status == 200 else ""
        return ""


def _asked(scope: Scope) -> list[tuple[str, str]]:
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"] if name in ASKED]
    return [*headers, ("Accept-Encoding", "identity")]


def unreached(response: aiohttp.ClientResponse) -> bool:
    """The router tells so in plain words that it could not reach the worker; an engine's own errors are JSON."""
    return response.status in (500, 502, 503) and response.content_type != "application/json"


def _start(response: aiohttp.ClientResponse) -> Message:
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in response.headers.items()]
    kept = [(name, value) for name, value in headers if name.decode() in ANSWERED]
    return {"type": "http.response.start", "status": response.status, "headers": kept}


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
