"""The way to the Bot API: aiogram's session with bounded replies, and with every trouble of the way named as one.

An error that leaves here tells neither the URL, which holds the token, nor a reply, which holds customers' words.
"""

import asyncio
from http import HTTPStatus
from typing import Any, cast

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import ClientDecodeError, TelegramAPIError, TelegramNetworkError, TelegramRetryAfter
from aiogram.methods import Response, TelegramMethod
from aiogram.methods.base import TelegramType
from aiohttp import ClientConnectorError, ClientError, ClientResponse, ClientTimeout, ConnectionTimeoutError

from adapters.telegram.settings import TelegramSettings

REQUEST_S = 20.0
CONNECT_S = 10.0
CONNECTIONS = 64
MOST_BYTES = 16 << 20  # getUpdates answers at most 4 MiB, Client::JsonUpdates in tdlib/telegram-bot-api
LIMITED_S = 5  # a 429 that does not say for how long


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
        url, form = self.api.api_url(token=bot.token, method=method.__api_method__), self.build_form_data(bot, method)
        try:
            async with http.post(url, data=form, timeout=limits, allow_redirects=False) as reply:
                content = await _read(reply)
        except (ClientConnectorError, ConnectionTimeoutError) as error:
            raise NotReached(method, type(error).__name__) from None
        except (TimeoutError, ClientError, OSError, ValueError) as error:
            raise TelegramNetworkError(method, type(error).__name__) from None
        answer = self.check_response(bot, method, reply.status, content.decode(errors="replace"))
        return cast("TelegramType", answer.result)

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
