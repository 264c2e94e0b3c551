"""POST /telegram/NAME: one update, answered 200 when it is stored, not before: what is not answered so comes again."""

import asyncio
import hmac
import json
import math
from collections import Counter
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from adapters.telegram.addressing import Me
from adapters.telegram.reception import Reception
from bot.errors import StoreUnavailable

SECRET_HEADER = b"x-telegram-bot-api-secret-token"
MOST_BYTES = 1 << 20  # twice what an update can be: TQueueImpl::MAX_EVENT_LENGTH, tdlib/td
READ_S = 15.0
AGAIN_S = 5.0


class Webhook:
    """The public door of one account. `identify` gives the bot's identity, None while Telegram does not tell it."""

    def __init__(
        self,
        account: str,
        secret: str,
        reception: Reception,
        identify: Callable[[], Awaitable[Me | None]],
        counts: Counter[str],
    ) -> None:
        self._account = account
        self._secret = secret.encode()
        self._reception = reception
        self._identify = identify
        self._counts = counts

    def routes(self) -> list[BaseRoute]:
        return [Route(f"/telegram/{self._account}", self.post, methods=["POST"])]

    async def post(self, request: Request) -> Response:
        """401 without the secret, 413 or 408 for a body beyond the bounds, 503 while it cannot be stored, else an empty 200."""
        if not self._is_from_telegram(request):
            self._counts["strangers"] += 1
            return Response(status_code=HTTPStatus.UNAUTHORIZED)
        body = await _body(request)
        if isinstance(body, HTTPStatus):
            return Response(status_code=body)
        me = await self._identify()
        if me is None:
            return _later(AGAIN_S)
        try:
            await self._reception.take(me, [_decoded(body)])
        except StoreUnavailable as error:
            return _later(error.retry_after_s)
        return Response()

    def _is_from_telegram(self, request: Request) -> bool:
        """Exactly one header with the secret. Headers are bytes, whatever they hold."""
        given = [value for name, value in request.scope["headers"] if name == SECRET_HEADER]
        return len(given) == 1 and hmac.compare_digest(given[0], self._secret)


def _decoded(body: bytes) -> Any:
    """The update, or the bytes of what is none: that is kept as a dead letter, or it would come again for a day."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body


async def _body(request: Request) -> bytes | HTTPStatus:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > MOST_BYTES:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    body = bytearray()
    try:
        async with asyncio.timeout(READ_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_BYTES:
                    return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    except TimeoutError:
        return HTTPStatus.REQUEST_TIMEOUT
    except ClientDisconnect:
        return HTTPStatus.BAD_REQUEST
    return bytes(body)


def _later(seconds: float) -> Response:
    """Telegram keeps to it, up to an hour: WebhookActor::on_update_error, tdlib/telegram-bot-api."""
    headers = {"Retry-After": str(max(1, min(3600, math.ceil(seconds))))}
    return Response(status_code=HTTPStatus.SERVICE_UNAVAILABLE, headers=headers)
