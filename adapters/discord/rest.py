"""One request to Discord's REST API: no retry, no sleep, no log line.

discord.py's own client sleeps off limits (30 s at least), tries again after 5xx and, after the last request of a bucket, keeps
the caller waiting although the message is sent. Waiting belongs to the outbox here, so sending goes this way; addresses, errors
and payloads stay discord.py's.
"""

from collections import OrderedDict
from collections.abc import Mapping
from http import HTTPStatus
from time import monotonic

import aiohttp
import discord
import msgspec
import yarl
from discord.http import Route
from pydantic import SecretStr

from adapters.discord.payloads import T, read

TIMEOUT_S = 15.0
MOST_BUCKETS = 2_000
LONGEST_S = 3600.0
AGENT = f"DiscordBot (frontdesk, {discord.__version__})"
UNANSWERED = (aiohttp.ClientError, OSError, TimeoutError, msgspec.MsgspecError)
"""Nobody knows what became of the request: it timed out, was cut off, or its answer cannot be read."""


class Limited(discord.HTTPException):
    """A 429: `after_s` as the answer says it, `everywhere` when it concerns more than the route and its channel."""

    def __init__(self, response: aiohttp.ClientResponse, data: dict[str, object] | str) -> None:
        super().__init__(response, data)
        said = data if isinstance(data, dict) else {}
        told = str(said.get("retry_after", response.headers.get("Retry-After", "")))
        self.after_s = _seconds(told, otherwise=5.0)
        # without a scope it is no answer of the API itself but of what stands before it, and concerns the whole address
        scope = response.headers.get("X-RateLimit-Scope", "user" if said else "global")
        self.everywhere = said.get("global") is True or scope == "global"


REFUSED = (discord.HTTPException, discord.RateLimited)
"""The platform said no; RateLimited: a bucket is known to be empty, nothing was asked."""


class Rest:
    """One account's requests. Tokens stand in headers and addresses only, never in errors."""

    def __init__(self, token: SecretStr, *, timeout_s: float = TIMEOUT_S) -> None:
        self._token = token
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None
        self._empty: OrderedDict[str, float] = OrderedDict()

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, str] | None = None,
        authorised: bool = True,
        where: Mapping[str, str] | None = None,
    ) -> bytes:
        """The body of a 2xx answer; `where` fills the path.

        Raises one of REFUSED (definitely not done, but 5xx) or of UNANSWERED.
        """
        route = Route(method, path, **(where or {}))
        bucket = f"{route.key} {route.major_parameters}"
        if authorised:  # what carries its own token has limits of its own
            self._look(bucket)
        headers = {"User-Agent": AGENT, "Content-Type": "application/json"}
        if authorised:
            headers["Authorization"] = f"Bot {self._token.get_secret_value()}"
        data = msgspec.json.encode(body) if body is not None else None
        async with self._open().request(
            method, route.url, data=data, params=query, headers=headers, allow_redirects=False
        ) as response:
            answer = await response.read()
            if authorised:
                self._note(bucket, response)
            if 200 <= response.status < 300:
                return answer
            raise _refusal(response, answer)

    async def ask(self, kind: type[T], path: str, **where: str) -> T:
        """GET and read."""
        return read(await self.call("GET", path, where=where), kind)

    async def download(self, url: yarl.URL, most: int) -> bytes:
        """The first `most` bytes behind an address, which is not shown the token. Raises as `call` does, but for RateLimited."""
        headers = {"User-Agent": AGENT, "Accept-Encoding": "identity"}  # what is packed may be far longer than it looks
        async with self._open().get(url, headers=headers, allow_redirects=False) as response:
            if response.status != HTTPStatus.OK:
                raise _refusal(response, b"")
            content = bytearray()
            async for chunk in response.content.iter_any():
                content += chunk
                if len(content) >= most:  # the rest stays unread: leaving the response closes its connection
                    break
            return bytes(content[:most])

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar())
        return self._session

    def _look(self, bucket: str) -> None:
        wait_s = self._empty.get(bucket, 0.0) - monotonic()
        if wait_s > 0:
            raise discord.RateLimited(wait_s)

    def _note(self, bucket: str, response: aiohttp.ClientResponse) -> None:
        """Ten thousand refused requests in ten minutes ban an address: an empty bucket is not asked before it is full again."""
        self._empty.pop(bucket, None)
        if response.headers.get("X-RateLimit-Remaining") != "0":
            return
        self._empty[bucket] = monotonic() + _seconds(response.headers.get("X-RateLimit-Reset-After"))
        while len(self._empty) > MOST_BUCKETS:
            self._empty.popitem(last=False)


def _seconds(text: str | None, *, otherwise: float = 0.0) -> float:
    try:
        return min(max(float(text or otherwise), 0.0), LONGEST_S)
    except ValueError:
        return otherwise


def _refusal(response: aiohttp.ClientResponse, answer: bytes) -> discord.HTTPException:
    try:
        said = msgspec.json.decode(answer)
    except msgspec.MsgspecError:
        said = None
    data = said if isinstance(said, dict) else ""
    kinds = {403: discord.Forbidden, 404: discord.NotFound, 429: Limited}
    kind = discord.DiscordServerError if response.status >= 500 else kinds.get(response.status, discord.HTTPException)
    return kind(response, data)
