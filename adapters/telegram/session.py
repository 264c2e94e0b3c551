"""The way to the Bot API: aiogram's session with bounded replies, and with every trouble of the way named as one.

An error that leaves here tells neither the URL, which holds the token, nor a reply, which holds customers' words.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http import HTTPStatus
from typing import Any, Generic, TypeVar, cast

import msgspec
from aiogram import Bot
from aiogram.client.default import Default
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import ClientDecodeError, TelegramAPIError, TelegramNetworkError, TelegramRetryAfter
from aiogram.methods import GetFile, Response, TelegramMethod
from aiogram.methods.base import TelegramType
from aiohttp import ClientConnectorError, ClientError, ClientResponse, ClientTimeout, ConnectionTimeoutError

from adapters.telegram.settings import TelegramSettings

REQUEST_S = 20.0
CONNECT_S = 10.0
CONNECTIONS = 64
MOST_BYTES = 16 << 20  # getUpdates answers at most 4 MiB, Client::JsonUpdates in tdlib/telegram-bot-api
LIMITED_S = 5  # a 429 that does not say for how long
PLAINLY = {"Accept-Encoding": "identity"}  # what is packed may be far longer than it looks
JSON = {"Content-Type": "application/json"}
PLAIN: tuple[Any, ...] = (bool, list[Any], dict[str, Any], dict[str, Any] | bool)
T = TypeVar("T")


class Done(msgspec.Struct, Generic[T]):
    """What the API says to a request that it did."""

    ok: bool
    result: T


class NotReached(TelegramNetworkError):
    """No connection came about: no name, no route, no TLS. Not one byte of the request left."""


class Session(AiohttpSession):
    """TelegramNetworkError: nobody knows whether the request was done. The other errors of aiogram are the API's own no."""

    def __init__(self, api_base: str) -> None:
        super().__init__(api=TelegramAPIServer.from_base(api_base), limit=CONNECTIONS, timeout=REQUEST_S)

    async def make_request(  # the signature is aiogram's
        self,
        bot: Bot,
        method: TelegramMethod[TelegramType],
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> TelegramType:
        """One POST within `timeout` seconds. A redirect is not followed: it would take the token elsewhere."""
        http = await self.create_session()
        limits = ClientTimeout(total=timeout or self.timeout, connect=CONNECT_S)
        url, body = self.api.api_url(token=bot.token, method=method.__api_method__), _encoded(method)
        with _naming(method):
            async with http.post(url, data=body, headers=JSON, timeout=limits, allow_redirects=False) as reply:
                content = await _read(reply)
        if reply.status == HTTPStatus.OK and method.__returning__ in PLAIN:
            done = _done(content, method.__returning__)
            if done is not None:
                return cast("TelegramType", done.result)
        answer = self.check_response(bot, method, reply.status, content.decode(errors="replace"))
        return cast("TelegramType", answer.result)

    async def download(self, bot: Bot, method: GetFile, path: str, most: int) -> bytes:
        """The first `most` bytes of the file that getFile found at `path`. Raises TelegramNotFound when it is gone, and as
        `make_request` does.
        """
        http = await self.create_session()
        limits = ClientTimeout(total=self.timeout, connect=CONNECT_S)
        url = self.api.file_url(token=bot.token, path=path)
        with _naming(method):
            async with http.get(url, headers=PLAINLY, timeout=limits, allow_redirects=False) as reply:
                content = await _beginning(reply, most)
        if reply.status == HTTPStatus.OK:
            return content
        self.check_response(bot, method, reply.status, content.decode(errors="replace"))
        raise TelegramNetworkError(method, f"unexpected status {reply.status}")

    async def close(self) -> None:
        """At once where there is no TLS that wants a quarter of a second to say good-bye, as aiogram gives it."""
        if self._session is not None and self.api.base.startswith("http:"):
            await self._session.close()
        else:
            await super().close()

    def check_response(
        self, bot: Bot, method: TelegramMethod[TelegramType], status_code: int, content: str
    ) -> Response[TelegramType]:
        try:
            answer = super().check_response(bot, method, status_code, content)
        except (ClientDecodeError, TypeError):  # TypeError: aiogram looks into a description that is not there
            raise TelegramNetworkError(method, f"unreadable reply with status {status_code}") from None
        except TelegramAPIError as error:
            if type(error) is TelegramAPIError:  # a status that aiogram has no name for
                raise _unnamed(error, method, status_code) from None
            raise
        if answer.result is None:
            raise TelegramNetworkError(method, "reply without a result")
        return answer


@contextmanager
def _naming(method: TelegramMethod[Any]) -> Iterator[None]:
    """Troubles of the way under aiogram's name, without the URL that the HTTP client's errors hold."""
    try:
        yield
    except (ClientConnectorError, ConnectionTimeoutError) as error:
        raise NotReached(method, type(error).__name__) from None
    except (TimeoutError, ClientError, OSError, ValueError) as error:
        raise TelegramNetworkError(method, type(error).__name__) from None


def _encoded(method: TelegramMethod[Any]) -> bytes:
    """The fields that are given, as JSON. aiogram would make a form of them, which takes five times as long and is not needed
    without files.
    """
    return msgspec.json.encode(_given(method.model_dump(warnings=False, exclude_none=True)))


def _given(value: Any) -> Any:
    """Without the places where aiogram would put defaults of the bot: ours has none."""
    if isinstance(value, dict):
        return {name: _given(inner) for name, inner in value.items() if not isinstance(inner, Default)}
    if isinstance(value, list):
        return [_given(inner) for inner in value]
    return value


def _done(content: bytes, returning: Any) -> Done[Any] | None:
    """None for any other reply: aiogram says what is wrong with it. It builds a new model for each reply, which costs more
    than the request.
    """
    try:
        done = _decoder(returning).decode(content)
    except ValueError:  # of msgspec, or of bytes that are no UTF-8
        return None
    return done if done.ok else None


@cache
def _decoder(returning: Any) -> msgspec.json.Decoder[Done[Any]]:
    return msgspec.json.Decoder(Done[returning])


def _unnamed(error: TelegramAPIError, method: TelegramMethod[Any], status: int) -> TelegramAPIError:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return TelegramRetryAfter(method, error.message, LIMITED_S)
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return error
    return TelegramNetworkError(method, f"unexpected status {status}")


async def _read(reply: ClientResponse) -> bytes:
    content = bytearray()
    async for chunk in reply.content.iter_any():
        content += chunk
        if len(content) > MOST_BYTES:
            raise ValueError("the reply is too long")
    return bytes(content)


async def _beginning(reply: ClientResponse, most: int) -> bytes:
    """What is not read here stays unread: leaving the reply closes its connection."""
    content = bytearray()
    async for chunk in reply.content.iter_any():
        content += chunk
        if len(content) >= most:
            break
    return bytes(content[:most])


def connect(settings: TelegramSettings) -> Bot:
    """The bot of an account. Close its session in the end."""
    return Bot(settings.token.get_secret_value(), session=Session(settings.api_base))


async def disconnect(bot: Bot) -> None:
    """Close its connections, within two seconds."""
    try:
        async with asyncio.timeout(2):
            await bot.session.close()
    except TimeoutError:
        return
