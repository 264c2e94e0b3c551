"""The gate every API request passes: origin, rate of the address, session, rate of the session; refusals become JSON here."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from adapters.web import refusals
from adapters.web.limits import Proxies, RateLimit, limit_key
from adapters.web.origins import Origins
from adapters.web.refusals import Refusal
from bot.errors import NotFound, StoreUnavailable
from bot.events import AccountKey, Author, ChannelAddress
from bot.ports import Sessions

LONGEST_TOKEN = 512


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks, proven by their session's token."""

    session_id: str
    address: ChannelAddress
    author: Author


Handler = Callable[[Request], Awaitable[Response]]
VisitorHandler = Callable[[Request, Visitor], Awaitable[Response]]


class Gate:
    """Puts the checks in front of handlers. A handler returns the response; it raises Refusal for a no."""

    def __init__(
        self,
        *,
        account: AccountKey,
        sessions: Sessions,
        origins: Origins,
        proxies: Proxies,
        addresses: RateLimit,
        visits: RateLimit,
    ) -> None:
        self._account = account
        self._sessions = sessions
        self._origins = origins
        self._proxies = proxies
        self._addresses = addresses
        self._visits = visits

    def open(self, methods: Mapping[str, Handler], cost: float = 1.0) -> "Endpoint":
        """An endpoint that asks for no session; each request takes `cost` from the address's rate."""
        return Endpoint(self, methods, cost)

    def closed(self, methods: Mapping[str, VisitorHandler]) -> "Endpoint":
        """An endpoint for visitors with a session."""
        return Endpoint(self, {method: self._authenticated(handler) for method, handler in methods.items()}, 1.0)

    def cors(self, request: Request) -> dict[str, str]:
        """The headers a browser needs to let its page read the answer; raises Refusal for a foreign origin."""
        return self._origins.admit(request.headers)

    def limit(self, request: Request, cost: float) -> None:
        """Raises Refusal for an address that asks too often."""
        key = self._limited_by(request)
        wait_s = self._addresses.wait_s(key, cost) if key else 0.0
        if wait_s:
            raise refusals.too_many(wait_s)

    def preflight(self, request: Request) -> Response:
        return Response(status_code=204, headers=self._origins.preflight(request.headers))

    def _limited_by(self, request: Request) -> str | None:
        peer = request.client.host if request.client else ""
        lines = request.headers.getlist("x-forwarded-for")  # some proxies add a line instead of a word
        return limit_key(self._proxies.client(peer, ",".join(lines)))

    def _authenticated(self, handler: VisitorHandler) -> Handler:
        async def run(request: Request) -> Response:
            visitor = await self._visitor(request)
            if request.method == "POST" and self._limited_by(request):
                wait_s = self._visits.wait_s(visitor.session_id)
                if wait_s:
                    raise refusals.too_many(wait_s)
            return await handler(request, visitor)

        return run

    async def _visitor(self, request: Request) -> Visitor:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not 0 < len(token) <= LONGEST_TOKEN or not token.isascii():
            raise refusals.unauthorized()
        session = await self._sessions.find(self._account, token)
        if session is None:
            raise refusals.unauthorized()
        address = ChannelAddress(self._account.channel, session.account, session.chat_id)
        return Visitor(session.session_id, address, Author(session.user_id))


class Endpoint:
    """One path as an ASGI application."""

    def __init__(self, gate: Gate, methods: Mapping[str, Handler], cost: float) -> None:
        self._gate = gate
        self._handlers = dict(methods)
        self._cost = cost

    @property
    def methods(self) -> frozenset[str]:
        return frozenset(self._handlers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        cors: dict[str, str] = {}
        try:
            if request.method == "OPTIONS":
                response = self._gate.preflight(request)
            else:
                cors = self._gate.cors(request)
                self._gate.limit(request, self._cost)
                response = await self._handle(request)
        except Refusal as refusal:
            response = refusal.response()
        response.headers.update(cors)
        await response(scope, receive, send)

    async def _handle(self, request: Request) -> Response:
        handler = self._handlers.get(request.method)
        if handler is None:
            raise refusals.wrong_method(", ".join(sorted(self._handlers)))
        try:
            return await handler(request)
        except StoreUnavailable as error:
            raise refusals.unavailable(error.retry_after_s) from error
        except NotFound as error:
            raise refusals.not_found(str(error)) from error
