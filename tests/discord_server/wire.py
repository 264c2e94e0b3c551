"""One websocket of the gateway: frames out, compressed if asked for; heartbeats watched; payloads in handed to the gateway."""

import asyncio
import time
import zlib
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import msgspec
from aiohttp import WSMsgType, web

from tests.discord_server.limits import Limits
from tests.discord_server.sessions import Session

HEARTBEAT, IDENTIFY, PRESENCE, VOICE, RESUME = 1, 2, 3, 4, 6
RECONNECT, MEMBERS, INVALID, HELLO, ACK = 7, 8, 9, 10, 11
KNOWN = {HEARTBEAT, IDENTIFY, PRESENCE, VOICE, RESUME, MEMBERS, 31, 43}


class Rules(Protocol):
    """What decides on a payload; raises `Closing` to end the connection."""

    def take(self, wire: "Connection", op: int, data: Any) -> None: ...


class Closing(Exception):
    """End the connection with a close code (docs: topics/opcodes-and-status-codes, "Gateway Close Event Codes")."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code, self.reason = code, reason


class Connection:
    """A client's connection: at first nobody's, after IDENTIFY or RESUME a session's."""

    def __init__(self, request: web.BaseRequest, rules: Rules, limits: Limits, changed: Callable[[], None]) -> None:
        self._request, self._rules, self._limits, self._changed = request, rules, limits, changed
        self._socket = web.WebSocketResponse(autoping=True, timeout=0.5, compress=False)
        self._deflate = zlib.compressobj() if request.query.get("compress") == "zlib-stream" else None
        self._woken = asyncio.Event()
        self._control: deque[bytes] = deque()
        self._came: deque[float] = deque(maxlen=limits.gateway_sends + 1)
        self._closing: tuple[int, str] | None = None
        self._watch: asyncio.TimerHandle | None = None
        self.session: Session | None = None
        self.sent = 0  # the last event written
        self.silent = False
        self.no_acks = False
        self.beats = 0
        self.token = ""

    async def run(self) -> web.WebSocketResponse:
        await self._socket.prepare(self._request)
        self.say({"op": HELLO, "s": None, "t": None, "d": {"heartbeat_interval": round(self._limits.heartbeat_interval * 1000)}})
        self._listen_for_beat()
        writer = asyncio.create_task(self._write(), name="gateway writer")
        try:
            await self._read()
        finally:
            writer.cancel()
            if self._watch:
                self._watch.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        return self._socket

    @property
    def left_for_good(self) -> bool:
        """Whether the client ended the session (docs: events/gateway, "Initiating a Disconnect": 1000 and 1001 do)."""
        return self._closing is None and self._socket.close_code in (1000, 1001)

    @property
    def ending(self) -> bool:
        return self._closing is not None

    @property
    def closed_with(self) -> int | None:
        """The close code the server gave; None if the client left by itself."""
        return self._closing[0] if self._closing else None

    def say(self, payload: dict[str, Any]) -> None:
        self._control.append(msgspec.json.encode(payload))
        self.wake()

    def wake(self) -> None:
        self._woken.set()

    def close(self, code: int, reason: str = "") -> None:
        self._closing = self._closing or (code, reason)
        self.wake()

    def kill(self) -> None:
        """Cut the socket with no close frame, as a network does."""
        self._closing = self._closing or (1006, "cut")
        if self._request.transport is not None:
            self._request.transport.abort()

    def serve(self, session: Session, sent: int) -> None:
        """From here on this connection reads the session, beginning after event `sent`."""
        if isinstance(session.wire, Connection) and session.wire is not self:
            session.wire.close(4000, "resumed elsewhere")
        self.session, self.sent = session, sent
        session.wire, session.left = self, None
        self.wake()

    def _listen_for_beat(self) -> None:
        if self._watch:
            self._watch.cancel()
        late = self._limits.heartbeat_interval * 1.5
        self._watch = asyncio.get_running_loop().call_later(late, self._missed_beat)

    def _missed_beat(self) -> None:
        if not self.silent:
            self.close(4000, "no heartbeat")  # "your connection will be closed and you will be forced to Resume"

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                continue
            if self.silent or self._closing:
                continue
            try:
                self._receive(message.data)
            except Closing as closing:
                self.close(closing.code, closing.reason)

    def _receive(self, data: str | bytes) -> None:
        if len(data) > self._limits.gateway_bytes:
            raise Closing(4002, "payload too large")
        now = time.monotonic()
        self._came.append(now)
        if len(self._came) > self._limits.gateway_sends and now - self._came[0] < 60:
            raise Closing(4008, "rate limited")
        try:
            payload = msgspec.json.decode(data)
            op, body = payload["op"], payload.get("d")
        except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
            raise Closing(4002, "decode error") from None
        if op not in KNOWN:
            raise Closing(4001, "unknown opcode")
        if op == HEARTBEAT:
            self._beat()
        else:
            self._rules.take(self, op, body)

    def _beat(self) -> None:
        self.beats += 1
        self._changed()
        self._listen_for_beat()
        if not self.no_acks:
            self.say({"op": ACK, "s": None, "t": None, "d": None})

    async def _write(self) -> None:
        """Control frames first, then the session's events from where this connection stands."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            if self.silent:
                continue
            try:
                await self._flush()
            except ConnectionError:
                return
            if self._closing:
                await self._socket.close(code=self._closing[0], message=self._closing[1].encode())
                return

    async def _flush(self) -> None:
        while self._control:
            await self._send(self._control.popleft())
        session = self.session
        if session is None or self._closing:
            return
        while self.sent < session.seq:
            if not session.holds(self.sent):
                self._closing = (4000, "too slow")
                return
            for frame in session.after(self.sent):
                self.sent += 1
                await self._send(frame)
                if self.silent:
                    return

    async def _send(self, frame: bytes) -> None:
        if self._deflate is None:
            await self._socket.send_str(frame.decode())
        else:
            squeezed = self._deflate.compress(frame) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
            await self._socket.send_bytes(squeezed)
