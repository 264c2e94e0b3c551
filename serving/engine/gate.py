"""The one door to vLLM's server: an allow-list, the key, bounds for what is asked, admission, and an honest /health.

A pure ASGI class around the whole application, so that nothing vLLM or its extensions mount can be reached past it.
"""

import hmac
import ipaddress
import json
import math
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol

from serving.engine.admission import Full, Place, TooMany
from serving.engine.bounds import Embedding, OutOfBounds, Request, Sampling, check
from serving.engine.entrance import Entrance
from serving.order import Task

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

DEADLINE = b"x-deadline-s"
ALLOWED = frozenset(
    {
        ("POST", "/v1/chat/completions"),
        ("POST", "/v1/completions"),
        ("POST", "/tokenize"),
        ("POST", "/detokenize"),
        ("GET", "/v1/models"),
        ("GET", "/health"),
        ("GET", "/metrics"),
    }
)
EMBEDDING = frozenset(
    {
        ("POST", "/v1/embeddings"),
        ("POST", "/tokenize"),
        ("POST", "/detokenize"),
        ("GET", "/v1/models"),
        ("GET", "/health"),
        ("GET", "/metrics"),
    }
)
ROUTES: dict[Task, frozenset[tuple[str, str]]] = {"generate": ALLOWED, "embed": EMBEDDING}
OPEN_ON_LOOPBACK = frozenset({"/health", "/metrics"})
MAX_BODY_BYTES = 4 << 20  # a context of a million tokens


class Refused(Exception):
    """The request does not pass; carries the answer. `reason`: what it is counted as, "" for not at all; `kind`: what programs
    tell it by.
    """

    def __init__(self, status: int, message: str, reason: str = "", *, after_s: int = 5, kind: str = "refused") -> None:
        super().__init__(message)
        self.reason = reason
        self.status = status
        self.message = message
        self.after_s = after_s
        self.kind = kind

    def body(self) -> bytes:
        return json.dumps({"error": {"code": self.status, "message": self.message, "type": self.kind}}).encode()


@dataclass(slots=True)
class Exchange:
    """One request on its way to the application; knows whether its client left before the answer had ended."""

    _receive: Receive
    _send: Send
    left: bool = False
    _ended: bool = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect" and not self._ended:
            self.left = True
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self._ended = True
        await self._send(message)


@dataclass(slots=True)
class Readiness:
    """Whether this engine has ever generated a token, or embedded a text."""

    proven: bool = False


@dataclass(slots=True)
class Noted:
    """What an engine sends, looked at on its way. `whole`: a 200 that is not streamed has ended, the proof that tokens come out,
    or embeddings. The first piece of a stream tells that it has started. The head of a stream waits for that piece: vLLM sends it
    before the answer has begun, and a router that has it would notice only at the first piece that the asker has left.
    """

    _send: Send
    _admission: Entrance
    _place: Place
    _readiness: Readiness
    whole: bool = False
    _kind: bytes = b""
    _head: Message | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            kind = dict(message.get("headers", ())).get(b"content-type", b"")
            self._kind = kind if message["status"] == 200 else b""
            if self._kind.startswith(b"text/event-stream"):
                self._head = message
                return
        elif self._kind.startswith(b"text/event-stream"):
            self._admission.start(self._place)
            if self._head:
                await self._send(self._head)
                self._head = None
        elif self._kind.startswith(b"application/json") and not message.get("more_body", False):
            self.whole = self._readiness.proven = True
        await self._send(message)


class Tally(Protocol):
    """Counts what the gate meets."""

    def refused(self, reason: str) -> None: ...

    def cancelled(self) -> None: ...


class Gate:
    """Lets the allowed requests through to `app` and answers all others itself."""

    def __init__(
        self,
        app: App,
        api_key: str,
        readiness: Readiness,
        admission: Entrance,
        *,
        routes: frozenset[tuple[str, str]] = ROUTES["generate"],
        open_health: bool = False,
        max_body_bytes: int = MAX_BODY_BYTES,
        figures: Tally | None = None,
    ) -> None:
        self._app = app
        self._routes = routes
        self._key = api_key.encode()
        self._readiness = readiness
        self._admission = admission
        self._open_health = open_health
        self._figures = figures
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        try:
            body, asked = await self._admit(scope, receive)
            if isinstance(asked, Sampling | Embedding):
                await self._generate(scope, asked, replayed(body, receive), send)
            else:
                await self._app(scope, replayed(body, receive), send)
        except Refused as refused:
            if refused.reason and self._figures:
                self._figures.refused(refused.reason)
            await answer(send, refused)

    async def _generate(self, scope: Scope, asked: Sampling | Embedding, receive: Receive, send: Send) -> None:
        streamed = isinstance(asked, Sampling) and bool(asked.stream)
        size = asked.inputs if isinstance(asked, Embedding) else None
        try:
            place = self._admission.enter(asked.priority or 0, asked.answers, deadline_s(scope), streamed=streamed, size=size)
        except TooMany as never:
            raise Refused(400, str(never), "bounds") from None
        except Full as full:
            raise Refused(503, f"the engine is full: {full}", full.reason, after_s=full.after_s) from None
        noted = Noted(send, self._admission, place, self._readiness)
        exchange = Exchange(receive, noted.send)
        try:
            await self._app(scope, exchange.receive, exchange.send)
        finally:
            self._admission.leave(place, answered=place.started or noted.whole)
            if exchange.left and self._figures:
                self._figures.cancelled()

    async def _admit(self, scope: Scope, receive: Receive) -> tuple[bytes, Request | None]:
        route = (scope["method"], scope["path"])
        if route not in self._routes:
            raise Refused(404, "no such resource", "route")
        if not self._is_open(scope) and not self._has_key(scope):
            raise Refused(401, "a valid key is needed: Authorization: Bearer KEY", "key")
        if scope["path"] == "/health" and not self._readiness.proven:
            raise Refused(503, "nothing was generated yet")
        if scope["method"] != "POST":
            return b"", None
        body = await self._body(scope, receive)
        try:
            return body, check(scope["path"], body)
        except OutOfBounds as error:
            raise Refused(400, str(error), "bounds") from None

    def _is_open(self, scope: Scope) -> bool:
        """`open_health` is for routers and the probes of a cluster, which send no key."""
        if scope["path"] == "/health" and self._open_health:
            return True
        return scope["path"] in OPEN_ON_LOOPBACK and from_loopback(scope)

    def _has_key(self, scope: Scope) -> bool:
        scheme, _, given = header(scope, b"authorization").partition(b" ")
        return scheme.lower() == b"bearer" and hmac.compare_digest(given.strip(), self._key)

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        length = header(scope, b"content-length")
        if length.isdigit() and int(length) > self._max_body_bytes:
            raise Refused(413, f"the body may have {self._max_body_bytes} bytes", "body")
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Refused(400, "the client went away", "body")
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self._max_body_bytes:
                raise Refused(413, f"the body may have {self._max_body_bytes} bytes", "body")
        return bytes(body)


def header(scope: Scope, name: bytes) -> bytes:
    return next((bytes(value) for key, value in scope["headers"] if key == name), b"")


def deadline_s(scope: Scope) -> float | None:
    """Within how many seconds the asker wants the first token; raises Refused for what is no time."""
    told = header(scope, DEADLINE)
    if not told:
        return None
    try:
        seconds = float(told)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < math.inf:
        raise Refused(400, "X-Deadline-S: seconds, 0 or more", "bounds")
    return seconds


def from_loopback(scope: Scope) -> bool:
    client = scope.get("client")
    try:
        return client is not None and ipaddress.ip_address(client[0]).is_loopback
    except ValueError:
        return False


def replayed(body: bytes, receive: Receive) -> Receive:
    """The body that was read already, then whatever the server still says (the disconnect)."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def answer(send: Send, refused: Refused) -> None:
    body = refused.body()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if refused.status in (401, 503):
        headers.append((b"www-authenticate", b"Bearer") if refused.status == 401 else (b"retry-after", b"%d" % refused.after_s))
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
