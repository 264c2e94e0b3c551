"""The dialogue of a running instance, over its web chat API: survives its restarts, sends nothing twice."""

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any, Protocol

import aiohttp
import msgspec

from adapters.terminal.chat import Happening, LinkBack, LinkLost, Refused
from adapters.terminal.sse import EventReader, ServerEvent
from bot.views import PreviewGone, PreviewShown, StatusChanged, TurnAdded, TurnDeleted, TurnEdited, TurnView

FIRST_WAIT_S, LONGEST_WAIT_S = 0.25, 5.0
CALL = aiohttp.ClientTimeout(total=30, sock_connect=5)
STREAM = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=45)
FINAL = {400, 404, 409, 413, 422}


class Tokens(Protocol):
    """Where the session's token is kept between starts."""

    def load(self) -> str: ...

    def save(self, token: str) -> None: ...


def _status(event: ServerEvent) -> StatusChanged:
    status = msgspec.json.decode(event.data)
    return StatusChanged(event.cursor, status["conversation"], status["name"])


READ: dict[str, Callable[[ServerEvent], Happening]] = {
    "turn": lambda event: TurnAdded(event.cursor, msgspec.json.decode(event.data, type=TurnView)),
    "turn.edited": lambda event: TurnEdited(event.cursor, msgspec.json.decode(event.data, type=TurnView)),
    "turn.deleted": lambda event: TurnDeleted(event.cursor, msgspec.json.decode(event.data)["seq"]),
    "status": _status,
    "preview": lambda event: msgspec.json.decode(event.data, type=PreviewShown),
    "preview.gone": lambda _: PreviewGone(),
}


class _Turns(msgspec.Struct):
    turns: list[TurnView]
    cursor: str


class WebChat:
    """`Chat` over the web API at `url`. Close it. A session that is gone is replaced by a fresh one."""

    def __init__(self, url: str, tokens: Tokens) -> None:
        self._url = url.rstrip("/")
        self._tokens = tokens
        self._token = tokens.load()
        self._http = aiohttp.ClientSession()
        self._cursor = ""

    async def close(self) -> None:
        await self._http.close()

    async def history(self) -> tuple[TurnView, ...]:
        page = msgspec.json.decode(await self._call("GET", "/turns?after=0"), type=_Turns)
        self._cursor = page.cursor
        return tuple(page.turns)

    async def say(self, text: str) -> int | Refused | None:
        body = {"id": secrets.token_urlsafe(12), "text": text}
        try:
            answer = msgspec.json.decode(await self._call("POST", "/messages", body))
        except aiohttp.ClientResponseError as error:
            return Refused(error.message)
        seq: int | None = answer["seq"]
        return seq

    async def stop(self) -> None:
        await self._call("POST", "/stop", {})

    async def begin_anew(self) -> None:
        await self._call("POST", "/new", {})

    async def events(self) -> AsyncIterator[Happening]:
        lost, wait_s = False, FIRST_WAIT_S
        while True:
            try:
                async with self._http.get(self._at("/events"), headers=self._headers(), timeout=STREAM) as response:
                    if response.status == 401:
                        await self._open_session()
                        continue
                    response.raise_for_status()
                    if lost:
                        yield LinkBack()
                    lost, wait_s, reader = False, FIRST_WAIT_S, EventReader()
                    async for data in response.content.iter_any():
                        for event in reader.feed(data):
                            happening = self._happening(event)
                            if happening is not None:
                                yield happening
            except (aiohttp.ClientError, TimeoutError, ValueError):
                pass
            if not lost:
                lost = True
                yield LinkLost()
            await asyncio.sleep(wait_s * (0.5 + random.random() / 2))  # noqa: S311  spreads retries
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)

    def _happening(self, event: ServerEvent) -> Happening | None:
        self._cursor = event.cursor or self._cursor
        read = READ.get(event.name)
        return read(event) if read is not None else None

    async def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> bytes:
        """One call, repeated until it is answered: bodies carry the id that makes a repeat harmless. Raises on a final no."""
        wait_s = FIRST_WAIT_S
        while True:
            with suppress(aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError):
                if not self._token:
                    await self._open_session()
                answer = await self._once(method, path, body)
                if answer is not None:
                    return answer
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)

    async def _once(self, method: str, path: str, body: dict[str, Any] | None) -> bytes | None:
        """The answer, or None where another try may help."""
        async with self._http.request(method, self._at(path), json=body, headers=self._headers(), timeout=CALL) as response:
            content = await response.read()
            if response.ok:
                return content
            if response.status == 401:
                self._token = ""
            if response.status in FINAL:
                message = str(msgspec.json.decode(content)["error"]["message"])
                raise aiohttp.ClientResponseError(response.request_info, (), status=response.status, message=message)
            return None

    async def _open_session(self) -> None:
        async with self._http.post(self._at("/sessions"), json={}, timeout=CALL) as response:
            response.raise_for_status()
            self._token = msgspec.json.decode(await response.read())["session"]
        self._cursor = ""
        self._tokens.save(self._token)

    def _headers(self) -> dict[str, str]:
        cursor = {"Last-Event-ID": self._cursor} if self._cursor else {}
        return {"Authorization": f"Bearer {self._token}", **cursor}

    def _at(self, path: str) -> str:
        return f"{self._url}/api/chat{path}"
