"""The HTTP face: HttpConnection.cpp and ClientManager::send of tdlib/telegram-bot-api, and the troubles of a network."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from tests.telegram_server.account import BotAccount
from tests.telegram_server.arguments import read_arguments, text_of
from tests.telegram_server.call import Call
from tests.telegram_server.control import Control
from tests.telegram_server.fault import Fault, Trouble
from tests.telegram_server.methods import METHODS, NAMES, RECEIVING
from tests.telegram_server.refusal import Refusal, too_many, unauthorized

if TYPE_CHECKING:
    from tests.telegram_server.server import TelegramServer

PAGE = b"<html><head><title>502 Bad Gateway</title></head><body><center>nginx</center></body></html>"
STATUS_WORDS = {500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout"}
MOST_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON body; `retry_after` in seconds becomes a header (HttpConnection::send_response)."""

    status: int
    body: bytes
    retry_after: int = 0

    def response(self) -> web.Response:
        headers = {"Retry-After": str(self.retry_after)} if self.retry_after else None
        return web.Response(status=self.status, body=self.body, content_type="application/json", headers=headers)


class Door:
    """Listens, finds bot and method, lets faults happen, and writes the answer."""

    def __init__(self, server: "TelegramServer", port: int) -> None:
        self._server, self._port = server, port
        self._control = Control(server)
        self._closing: asyncio.Event

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def open(self) -> None:
        self._closing = asyncio.Event()
        self._web = web.Server(self._handle, request_factory=_request, access_log=None)
        self._runner = web.ServerRunner(self._web, shutdown_timeout=0.5)
        await self._runner.setup()
        bound = socket.create_server(("127.0.0.1", self._port), backlog=1024)
        self._port = bound.getsockname()[1]
        await web.SockSite(self._runner, bound).start()

    async def close(self) -> None:
        self._closing.set()
        self._control.close()
        await self._runner.cleanup()

    def cut_all(self) -> None:
        for connection in self._web.connections:
            if connection.transport is not None:
                _abort(connection.transport)

    async def answer_of_webhook(self, bot: BotAccount, called: dict[str, Any]) -> None:
        """The call a webhook's reply asks for."""
        arguments = {name: text_of(value) for name, value in called.items() if name != "method" and value is not None}
        await self._perform(self._call(bot, str(called["method"]), arguments))

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path
        try:
            if path.startswith("/bot"):
                token, _, method = path[4:].partition("/")
                return await self._method(request, token, method)
            if path.startswith("/file/bot"):
                token, _, file_path = path[9:].partition("/")
                return await self._file(request, token, file_path)
            if path.startswith("/_control/"):
                return Answer(200, await self._control.act(path[10:], await request.read())).response()
        except Refusal as refusal:
            return _refused(refusal).response()
        return _refused(Refusal(404, "Not Found")).response()

    async def _method(self, request: web.BaseRequest, token: str, method: str) -> web.StreamResponse:
        arguments = dict(parse_qsl(request.query_string, keep_blank_values=True)) | await read_arguments(request)
        call = self._call(self._bot(token), method, arguments)
        self._server.calls[call.method] += 1
        if self._server.latency is not None:
            await asyncio.sleep(self._server.latency())
        fault = self._server.misfortune.befalls(call.method, _chat_id(call))
        if fault is None:
            return (await self._perform(call)).response()
        self._server.troubled[fault.trouble.name.lower()] += 1
        return await self._troubled(request, call, fault)

    def _bot(self, token: str) -> BotAccount:
        bot = self._server.bots.get(token)
        if bot is None and ":" not in token:
            raise unauthorized("invalid token specified")
        if bot is None or bot.revoked:
            raise unauthorized()
        return bot

    def _call(self, bot: BotAccount, method: str, arguments: dict[str, str]) -> Call:
        """Methods are named without regard to case."""
        return Call(self._server, bot, NAMES.get(method.lower(), method), arguments)

    async def _perform(self, call: Call) -> Answer:
        """The true answer."""
        try:
            return Answer(200, b'{"ok":true,"result":' + await self._result(call) + b"}")
        except Refusal as refusal:
            self._server.refused[f"{call.method}: {refusal.description}"] += 1
            return _refused(refusal)
        finally:
            self._server.changes.happened()

    async def _result(self, call: Call) -> bytes:
        method = METHODS.get(call.method)
        if method is not None:
            return msgspec.json.encode(method(call))
        reception = self._server.reception(call.bot)
        receive: dict[str, Callable[[Call], Awaitable[Any]]] = {
            "getUpdates": reception.get_updates,
            "setWebhook": reception.set_webhook,
            "deleteWebhook": reception.delete_webhook,
        }
        if call.method in receive:
            result = await receive[call.method](call)
            return result if isinstance(result, bytes) else msgspec.json.encode(result)
        if call.method in RECEIVING:
            return msgspec.json.encode(reception.info(call))
        raise Refusal(404, "Not Found: method not found")

    async def _troubled(self, request: web.BaseRequest, call: Call, fault: Fault) -> web.StreamResponse:
        if fault.trouble in {Trouble.LIMIT, Trouble.LIMIT_BOT}:
            return self._limited(call, fault)
        answer = await self._perform(call) if fault.done else Answer(fault.status, b"")
        match fault.trouble:
            case Trouble.SLOW:
                await self._rest(fault.seconds)
                return answer.response()
            case Trouble.STATUS:
                return _refused(Refusal(fault.status, STATUS_WORDS.get(fault.status, "Internal Server Error"))).response()
            case Trouble.GARBLED:
                return web.Response(status=fault.status, body=PAGE, content_type="text/html")
            case Trouble.TRUNCATED:
                return Answer(answer.status, answer.body[: len(answer.body) // 2]).response()
            case Trouble.HANG:
                await self._rest(fault.seconds)
        return _cut(request)

    def _limited(self, call: Call, fault: Fault) -> web.Response:
        chat_id = None if fault.trouble is Trouble.LIMIT_BOT else _chat_id(call)
        call.bot.rates.close(chat_id, fault.retry_after, draft=call.method in {"sendMessageDraft", "sendChatAction"})
        self._server.refused[f"{call.method}: 429"] += 1
        self._server.changes.happened()
        return _refused(too_many(fault.retry_after)).response()

    async def _rest(self, seconds: float) -> None:
        """Wait so long, or until the server closes."""
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            return

    async def _file(self, request: web.BaseRequest, token: str, path: str) -> web.StreamResponse:
        """https://core.telegram.org/bots/api#file: the link is valid for an hour after getFile. Faults know it as "file"."""
        bot = self._bot(token)
        self._server.calls["file"] += 1
        self._server.changes.happened()
        fault = self._server.misfortune.befalls("file", None)
        if fault is not None:
            self._server.troubled[fault.trouble.name.lower()] += 1
            return await self._troubled(request, self._call(bot, "file", {}), fault)
        file = self._server.files.at(path)
        if file is None or self._server.clock.now() > file.link_until:
            raise Refusal(404, "Not Found")
        return web.Response(body=file.data, content_type="application/octet-stream")


def _request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=MOST_BYTES)


def _refused(refusal: Refusal) -> Answer:
    return Answer(refusal.code, msgspec.json.encode(refusal.body()), refusal.parameters.get("retry_after", 0))


def _cut(request: web.BaseRequest) -> web.Response:
    """Reset the connection; what is returned goes nowhere."""
    if request.transport is not None:
        _abort(request.transport)
    return web.Response()


def _abort(transport: asyncio.Transport) -> None:
    bound = transport.get_extra_info("socket")
    if bound is not None:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, not an end of file
    transport.abort()


def _chat_id(call: Call) -> int | None:
    given = call.text("chat_id")
    return int(given) if given.lstrip("-").isdigit() else None
