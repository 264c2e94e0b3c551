"""Calls of the web chat API in one session: repeated while that can help, in a fresh session when it is gone."""

import asyncio
import io
import math
from typing import Any, Protocol, TypeVar

import aiohttp
import msgspec

from adapters.terminal.backoff import Backoff

T = TypeVar("T")
CALL = aiohttp.ClientTimeout(total=30, sock_connect=5)
UNKNOWN_SESSION = 401
# besides these and a broken server, a no is final
PASSING = {408, 425, 429}
LONGEST_PAUSE_S = 60.0


class Tokens(Protocol):
    """Where the session's token is kept between starts."""

    def load(self) -> str: ...

    def save(self, token: str) -> None: ...


class Denied(Exception):
    """The instance said no, and would again. The message is for people."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Later(Exception):
    """Not now: out of reach, busy or restarting. Try again, after `after_s` seconds at least."""

    def __init__(self, after_s: float = 0.0) -> None:
        super().__init__(after_s)
        self.after_s = after_s


class _Opened(msgspec.Struct):
    session: str


class Session:
    """One session at `url`, opened at the first call. Close it."""

    def __init__(self, url: str, tokens: Tokens) -> None:
        self._url = url.rstrip("/")
        self._tokens = tokens
        self._opening = asyncio.Lock()
        self.http = aiohttp.ClientSession()
        self.token = tokens.load()

    async def close(self) -> None:
        await self.http.close()

    def at(self, path: str) -> str:
        return f"{self._url}/api/chat{path}"

    def headers(self, token: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    async def call(self, method: str, path: str, shape: type[T], body: dict[str, Any] | None = None) -> T:
        """The answer as `shape`. Tried until there is one: bodies carry the id that makes a repeat harmless. Raises Denied."""
        backoff = Backoff()
        while True:
            try:
                return await self._in_session(method, path, shape, body)
            except Later as later:
                await asyncio.sleep(backoff.next(later.after_s))

    async def renew(self, refused: str) -> str:
        """The token that follows `refused`: two who met the same refusal open one session, not two. Raises Later or Denied."""
        async with self._opening:
            if self.token == refused:
                self.token = (await self._request("POST", "/sessions", _Opened, {}, {})).session
                self._tokens.save(self.token)
            return self.token

    async def _in_session(self, method: str, path: str, shape: type[T], body: dict[str, Any] | None) -> T:
        token = self.token or await self.renew("")
        try:
            return await self._request(method, path, shape, self.headers(token), body)
        except Denied as denied:
            if denied.status != UNKNOWN_SESSION:
                raise
            await self.renew(token)
            raise Later from denied

    async def _request(self, method: str, path: str, shape: type[T], headers: dict[str, str], body: dict[str, Any] | None) -> T:
        # from a file: bytes would be handed to the transport in one piece, however long
        data = None if body is None else io.BytesIO(msgspec.json.encode(body))
        try:
            async with self.http.request(method, self.at(path), data=data, headers=headers, timeout=CALL) as response:
                content = await response.read()
            if response.ok:
                return msgspec.json.decode(content, type=shape)
        except (aiohttp.ClientError, TimeoutError, msgspec.MsgspecError) as error:
            raise Later from error
        if response.status in PASSING or response.status >= 500:
            raise Later(pause_s(response))
        raise Denied(response.status, _reason(content))


def pause_s(response: aiohttp.ClientResponse) -> float:
    """What Retry-After asks for, within reason; its form as a date counts as nothing."""
    try:
        asked = float(response.headers.get("Retry-After", "0"))
    except ValueError:
        return 0.0
    return min(max(asked, 0.0), LONGEST_PAUSE_S) if math.isfinite(asked) else 0.0


def _reason(content: bytes) -> str:
    try:
        return str(msgspec.json.decode(content)["error"]["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return "The message was not accepted."
