"""HTTP/1.1 for one thing: post a request, read the streamed answer in as few and as large pieces as came.

A general client hands out every chunk of a stream by itself, which costs more than all that is done with it (see
`docs/performance.md`). Parsing is httptools'; connections are asyncio's; this keeps the idle ones and hands the bytes on.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httptools

CONNECT_S = 5.0
IDLE_S = 20.0
READ = 65_536


class WireResponse:
    """One answer: its status and headers (names in lower case), then its body. Filled by httptools as bytes are fed."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.begun = False
        self.complete = False
        self.keeps_alive = False
        self._parts: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        self.begun = self.status >= 200  # what comes before is only a "wait"

    def on_body(self, body: bytes) -> None:
        self._parts.append(body)

    def on_message_complete(self) -> None:
        self.complete = self.begun
        self.keeps_alive = self.begun and self._parser.should_keep_alive()  # the parser knows it only now

    def feed(self, data: bytes) -> None:
        """Raises httptools.HttpParserError when this is not HTTP."""
        self._parser.feed_data(data)

    def end(self) -> None:
        """The connection ended, and with it a body that has no other end (RFC 9112, 6.3). Else raises ConnectionResetError."""
        if not self.begun or self.headers.keys() & {"content-length", "transfer-encoding"}:
            raise ConnectionResetError("the server hung up")
        self.complete = True

    def taken(self) -> bytes:
        """What came of the body since the last call."""
        body = b"".join(self._parts)
        self._parts.clear()
        return body


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.fresh = True
        self.idle_since = 0.0

    def usable(self, now: float) -> bool:
        return not self.reader.at_eof() and not self.writer.is_closing() and now - self.idle_since < IDLE_S


class Wire:
    """Connections to the server of `url`. At most `idle` are kept when nothing is asked. Not shared between event loops."""

    def __init__(self, url: str, *, idle: int = 64) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"generation.url must begin with http:// or https:// and name a host, not {url!r}")
        self._host = parts.hostname
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._port = parts.port or (443 if self._tls else 80)
        self._name = parts.netloc.rpartition("@")[2]
        self._most = idle
        self._idle: list[_Connection] = []

    async def close(self) -> None:
        for connection in self._idle:
            await _end(connection)
        self._idle.clear()

    @asynccontextmanager
    async def post(self, path: str, headers: Mapping[str, str], body: bytes) -> AsyncIterator["WireExchange"]:
        """Send, and read the head of the answer. Leaving the block before the body ended closes the connection.

        A kept connection that the server had closed meanwhile is replaced once. Raises OSError and HttpParserError.
        """
        lines = {"Host": self._name, **headers, "Content-Length": str(len(body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        request = f"POST {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body
        exchange = await self._ask(request)
        try:
            yield exchange
        finally:
            await self._leave(exchange)

    async def _ask(self, request: bytes) -> "WireExchange":
        while True:
            connection = await self._take()
            exchange, begun = WireExchange(connection, WireResponse()), False
            try:
                connection.writer.write(request)
                await connection.writer.drain()
                await exchange.read_head()
                begun = True
            except OSError:
                if connection.fresh or exchange.response.begun:
                    raise
            finally:
                if not begun:
                    await _end(connection)
            if begun:
                return exchange

    async def _take(self) -> _Connection:
        now = asyncio.get_running_loop().time()
        while self._idle:
            connection = self._idle.pop()
            if connection.usable(now):
                return connection
            await _end(connection)
        async with asyncio.timeout(CONNECT_S):
            return _Connection(*await asyncio.open_connection(self._host, self._port, ssl=self._tls, limit=READ))

    async def _leave(self, exchange: "WireExchange") -> None:
        connection = exchange.connection
        if not exchange.response.keeps_alive or len(self._idle) >= self._most:
            await _end(connection)
            return
        connection.fresh, connection.idle_since = False, asyncio.get_running_loop().time()
        self._idle.append(connection)


class WireExchange:
    """A request that was sent, and its answer as it comes."""

    def __init__(self, connection: _Connection, response: WireResponse) -> None:
        self.connection = connection
        self.response = response

    async def read_head(self) -> None:
        while not self.response.begun:
            await self._feed()

    async def body(self) -> AsyncIterator[bytes]:
        """The body in pieces, each all that had come. Raises ConnectionError when it is cut off."""
        while True:
            if piece := self.response.taken():
                yield piece
            if self.response.complete:
                return
            await self._feed()

    async def _feed(self) -> None:
        data = await self.connection.reader.read(READ)
        if data:
            self.response.feed(data)
        else:
            self.response.end()


async def _end(connection: _Connection) -> None:
    """Close at once, without a farewell: the server must notice soonest."""
    connection.writer.transport.abort()
    with contextlib.suppress(OSError):
        await connection.writer.wait_closed()
