"""Talks to the generation node over HTTP: streams, cancels, times out, and translates what goes wrong once, here."""

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp
import httptools
import msgspec

from bot.errors import NodeBusy, NodeGarbled, NodeRefused, NodeTooSlow, NodeUnavailable
from bot.generation import form
from bot.generation.request import DRAFT, Delta, GenerationRequest, NodeProfile
from bot.generation.stream import StreamReader
from bot.generation.tide import AT_NODE_S
from bot.generation.wire import Wire, WireExchange

_encode = msgspec.json.Encoder().encode
SHORT_S = 10.0
STEP_S = 0.1
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds until the first token, between two pieces, and for a whole answer."""

    first_token_s: float = 60.0
    idle_s: float = 20.0
    total_s: float = 300.0


class GenerationClient:
    """One node (or router) at `url`, for example `http://127.0.0.1:8001/v1`. Made inside the event loop; close it."""

    def __init__(self, url: str, model: str, api_key: str, deadlines: Deadlines, *, connections: int = 256) -> None:
        self._url = url.rstrip("/")
        self._root = self._url.removesuffix("/v1")
        self.model = model
        self._deadlines = deadlines
        self._headers = {"Accept-Encoding": "identity"}  # a compressed stream would come in lumps
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._gives_reasons = False
        self._wire = Wire(self._url, idle=connections)
        self._path = f"{urlsplit(self._url).path}/chat/completions"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=30),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=5),
            headers=self._headers,
            auto_decompress=False,
        )

    async def close(self) -> None:
        await self._session.close()
        await self._wire.close()

    @asynccontextmanager
    async def stream(self, request: GenerationRequest, profile: NodeProfile) -> AsyncIterator[AsyncGenerator[Delta, None]]:
        """The answer as it is made. Leaving the block closes the connection, which frees the node's slot at once.

        Raises NodeUnavailable, NodeBusy, NodeRefused, NodeGarbled or NodeTooSlow; a stream that ended without its finish
        raises too, so whoever reads to the end has a whole answer.
        """
        headers = {**self._headers, "Content-Type": "application/json", "X-Session-ID": request.route}
        if profile.extras:
            # whoever somebody waits for waits in our own line, where their place is known; the rest as long as it may
            most_s = AT_NODE_S if request.priority < DRAFT else math.inf
            headers["X-Deadline-S"] = f"{min(self._deadlines.first_token_s, most_s):g}"
        with _translated():
            phase = _Phase(self._deadlines)
            try:
                async with (
                    asyncio.timeout_at(phase.ends) as limit,
                    self._wire.post(self._path, headers, _encode(_body(request, profile))) as exchange,
                ):
                    _accepted(exchange.response.status, exchange.response.headers)
                    yield self._deltas(exchange, phase, limit)
            except TimeoutError as error:
                if not limit.expired():
                    raise NodeUnavailable("the node cannot be reached in time") from error
                raise NodeTooSlow(f"the node passed its {phase.name} deadline", phase=phase.name) from error

    async def _deltas(self, exchange: WireExchange, phase: "_Phase", limit: asyncio.Timeout) -> AsyncGenerator[Delta, None]:
        reader = StreamReader()
        async for data in exchange.body():
            delta = reader.feed(data)
            if delta.text:
                phase.goes_on(limit)
            yield delta
        self._gives_reasons = self._gives_reasons or bool(reader.reason)
        # [DONE] alone is an end only where finish reasons are never given: proxies send it after a lost upstream too
        if not reader.reason and (self._gives_reasons or not reader.closed):
            raise NodeUnavailable("the node's stream was cut off")

    async def get(self, path: str) -> Any:
        """A JSON document from under /v1. Errors as `stream`."""
        async with self._short("GET", f"{self._url}{path}") as response:
            return await _json(response, Any)

    async def post(self, path: str, body: dict[str, Any], *, of: type[T], timeout_s: float = SHORT_S) -> T:
        """An answer of type `of` from a path under the server's root, `/tokenize` for example. Errors as `stream`."""
        async with self._short("POST", f"{self._root}{path}", data=_encode(body), timeout_s=timeout_s) as response:
            return await _json(response, of)

    @asynccontextmanager
    async def _short(
        self, method: str, url: str, *, data: bytes | None = None, timeout_s: float = SHORT_S
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        with _translated():
            try:
                async with (
                    asyncio.timeout(timeout_s),
                    self._session.request(method, url, data=data, headers={"Content-Type": "application/json"}) as response,
                ):
                    _accepted(response.status, response.headers)
                    yield response
            except TimeoutError as error:
                raise NodeTooSlow("the node did not answer in time", phase="total") from error


async def _json(response: aiohttp.ClientResponse, of: type[T]) -> T:
    try:
        return msgspec.json.decode(await response.read(), type=of)
    except msgspec.MsgspecError as error:
        raise NodeGarbled("the node's answer is not what was asked for") from error


class _Phase:
    """Which deadline holds now, on the loop's clock."""

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._clock = asyncio.get_running_loop().time
        start = self._clock()
        self._total = start + deadlines.total_s
        self.name = "first_token"
        self.ends = min(start + deadlines.first_token_s, self._total)

    def goes_on(self, limit: asyncio.Timeout) -> None:
        """A piece came: the next one has its own deadline. Moved at most ten times a second, since each move is a timer."""
        idle = self._clock() + self._deadlines.idle_s
        ends = min(idle, self._total)
        if self.name == "first_token" or ends - self.ends > STEP_S:
            self.name = "idle" if idle < self._total else "total"
            self.ends = ends
            limit.reschedule(ends)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError) as error:
        raise NodeUnavailable(f"the node cannot be reached or hung up ({type(error).__name__})") from error
    except (aiohttp.ClientError, httptools.HttpParserError) as error:
        raise NodeGarbled(f"the node does not speak HTTP as it should ({type(error).__name__})") from error


def _accepted(status: int, headers: Mapping[str, str]) -> None:
    """Raise what the status means; nothing of the body is repeated, since it may quote the prompt."""
    if status == 200:
        return
    if status in {429, 503}:
        raise NodeBusy(f"the node is full ({status})", retry_after_s=_seconds(headers.get("retry-after")))
    if status >= 500:
        raise NodeUnavailable(f"the node failed ({status})")
    if status in {401, 403}:
        raise NodeRefused("the node refuses our key: check generation.api_key", status=status)
    if status == 404:
        raise NodeRefused("the node does not know this model or path: check generation.model and generation.url", status=status)
    raise NodeRefused(f"the node refuses the request ({status})", status=status)


def _seconds(header: str | None) -> float:
    try:
        return min(max(float(header or 1.0), 0.1), 60.0)
    except ValueError:
        return 1.0


def _body(request: GenerationRequest, profile: NodeProfile) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": profile.model,
        "messages": [{"role": role, "content": text} for role, text in request.messages],
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if request.form is not None:
        body |= form.fields(request.form, vllm=profile.extras)
    if profile.extras:
        body["cache_salt"] = request.salt
        body["priority"] = request.priority
    return body
