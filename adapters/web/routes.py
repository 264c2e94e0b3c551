"""The one constructor of the web channel: named dependencies in, Starlette routes out."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.web import openapi, refusals
from adapters.web.controls import Controls
from adapters.web.events import Events
from adapters.web.gate import Endpoint, Gate
from adapters.web.identity import HostIdentity
from adapters.web.limits import Proxies, RateLimit
from adapters.web.messages import Messages
from adapters.web.origins import Origins
from adapters.web.page import Page
from adapters.web.sessions import SessionsEndpoint
from adapters.web.settings import WebSettings
from adapters.web.streams import Streams
from adapters.web.turns import Turns
from bot.events import AccountKey
from bot.ports import Intake, Record, Sessions

ACCOUNT = AccountKey("web", "main")
ARRIVAL_COST = 5.0  # a session leaves rows behind: it takes more of an address's rate than a request


def utc_now() -> datetime:
    return datetime.now(UTC)


def routes(
    *,
    intake: Intake,
    record: Record,
    sessions: Sessions,
    settings: WebSettings,
    streams: Streams,
    account: AccountKey = ACCOUNT,
    title: str = "Frontdesk",
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], datetime] = utc_now,
) -> list[Route]:
    """The routes of the public listener. `clock` is monotonic seconds for the limits, `now` UTC for what is stored.

    The caller closes `streams` when it drains: open event streams would otherwise hold the listener.
    """
    origins = Origins(settings.origins, settings.public_url)
    gate = Gate(
        account=account,
        sessions=sessions,
        origins=origins,
        proxies=Proxies(settings.trusted_proxies),
        addresses=RateLimit(settings.ip_rate, clock),
        visits=RateLimit(settings.session_rate, clock),
    )
    identity = HostIdentity(settings.identity_secret.get_secret_value())
    messages = Messages(intake, now, settings.max_text_bytes)
    return [
        *_chat_routes(
            gate,
            arrivals=SessionsEndpoint(account, sessions, identity),
            messages=messages,
            turns=Turns(record),
            events=Events(record, streams),
            controls=Controls(intake, record, messages, now),
        ),
        *_page_routes(Page(origins, title)),
    ]


def _chat_routes(
    gate: Gate, *, arrivals: SessionsEndpoint, messages: Messages, turns: Turns, events: Events, controls: Controls
) -> list[Route]:
    endpoints: dict[str, Endpoint] = {
        "/api/chat/sessions": gate.open({"POST": arrivals.open}, ARRIVAL_COST),
        "/api/chat/messages": gate.closed({"POST": messages.post}),
        "/api/chat/events": gate.closed({"GET": events.get}),
        "/api/chat/turns": gate.closed({"GET": turns.get}),
        "/api/chat/stop": gate.closed({"POST": controls.stop}),
        "/api/chat/new": gate.closed({"POST": controls.new}),
        "/api/chat/rate": gate.closed({"POST": controls.rate}),
        "/api/chat/press": gate.closed({"POST": controls.press}),
    }
    chat = [Route(path, endpoint, methods=None) for path, endpoint in endpoints.items()]
    return [*chat, Route("/api/chat/{rest:path}", _unknown_path, methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])]


def _page_routes(page: Page) -> list[Route]:
    return [
        Route("/openapi.json", _openapi, methods=["GET"]),
        Route("/", page.page, methods=["GET"]),
        Route("/embed", page.frame, methods=["GET"]),
        Route("/widget.js", page.widget, methods=["GET"]),
        Route("/static/{name}", page.file, methods=["GET"]),
    ]


async def _openapi(_request: Request) -> Response:
    return Response(openapi.document(), headers={"Cache-Control": "no-cache"}, media_type="application/json")


async def _unknown_path(_request: Request) -> Response:
    return refusals.not_found("There is no such path in this API.").response()
