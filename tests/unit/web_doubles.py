"""A desk in memory behind the real web routes on a real server: small real classes, driven by the test."""

import asyncio
import hashlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import aiohttp
import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp

from adapters.web.routes import routes
from adapters.web.settings import WebSettings
from adapters.web.streams import Streams
from bot.errors import NotFound, StoreUnavailable
from bot.events import (
    AccountKey,
    Acted,
    AnswerRated,
    ChannelAddress,
    Conflict,
    FreshStartRequested,
    Ignored,
    MessageReceived,
    Receipt,
    Received,
    StopRequested,
    Stored,
)
from bot.views import (
    ChatEvent,
    LoggedEvent,
    PreviewGone,
    PreviewShown,
    Role,
    SessionView,
    StatusChanged,
    TurnAdded,
    TurnDeleted,
    TurnEdited,
    TurnPage,
    TurnView,
)

Answerer = Callable[["Room", int, str], None]


def echo(room: "Room", seq: int, text: str) -> None:
    """Answers at once, after a preview."""
    room.preview(f"You said", seq)
    room.add("bot", f"You said: {text}", in_reply_to=seq)


def silent(_room: "Room", _seq: int, _text: str) -> None:
    """Leaves the answer to the test."""


@dataclass(eq=False)
class Room:
    """One address: its log, its current conversation and whoever follows it."""

    name: str
    log: list[LoggedEvent] = field(default_factory=list)
    turns: list[TurnView] = field(default_factory=list)
    conversation: str = ""
    first: int = 0
    shown: PreviewShown | None = None
    followers: set[asyncio.Event] = field(default_factory=set)

    def begin(self) -> str:
        self.conversation = uuid4().hex
        self.turns, self.shown, self.first = [], None, len(self.log)
        self._log(lambda cursor: StatusChanged(cursor, self.conversation, "opened"))
        return self.conversation

    def add(self, role: Role, text: str, *, in_reply_to: int | None = None, **more: Any) -> TurnView:
        seq = len(self.turns) + 1
        turn = TurnView(f"{self.conversation}-{seq}", seq, role, text, in_reply_to, datetime.now(UTC), "", **more)
        self.turns.append(turn)
        if role == "bot":
            self.shown = None
        self._log(lambda cursor: TurnAdded(cursor, turn))
        return turn

    def edit(self, seq: int, text: str) -> None:
        turn = self.turns[seq - 1]
        self.turns[seq - 1] = edited = replace(turn, text=text, revision=turn.revision + 1)
        self._log(lambda cursor: TurnEdited(cursor, edited))

    def delete(self, seq: int) -> None:
        self._log(lambda cursor: TurnDeleted(cursor, seq))

    def status(self, name: str) -> None:
        self._log(lambda cursor: StatusChanged(cursor, self.conversation, name))

    def preview(self, text: str, in_reply_to: int) -> None:
        self.shown = PreviewShown(text, in_reply_to)
        self._wake()

    def gone(self) -> None:
        self.shown = None
        self._wake()

    def _log(self, make: Callable[[str], LoggedEvent]) -> None:
        self.log.append(make(f"{self.name}-{len(self.log) + 1}"))
        self._wake()

    def _wake(self) -> None:
        for follower in self.followers:
            follower.set()


class MemoryDesk:
    """Intake, Record and Sessions in one: `answerer` is called for each new message; `away` makes the store unavailable."""

    def __init__(self, answerer: Answerer = echo) -> None:
        self.answerer = answerer
        self.away = False
        self.rooms: dict[str, Room] = {}
        self.ratings: list[AnswerRated] = []
        self.received: list[Received] = []
        self._sessions: dict[str, SessionView] = {}
        self._seen: dict[str, tuple[bytes, Receipt]] = {}

    # Sessions
    async def open(self, account: AccountKey, user_id: str | None = None) -> tuple[str, str]:
        self._check()
        user = user_id or f"visitor:{uuid4().hex}"
        room = self.rooms.setdefault(user, Room(hashlib.sha256(user.encode()).hexdigest()[:12]))
        token = uuid4().hex
        self._sessions[token] = SessionView(uuid4().hex, account.name, user, user)
        return token, room.conversation or room.begin()

    async def find(self, _account: AccountKey, token: str) -> SessionView | None:
        self._check()
        return self._sessions.get(token)

    async def revoke(self, _account: AccountKey, token: str) -> None:
        self._sessions.pop(token, None)

    def forget_sessions(self) -> None:
        self._sessions.clear()

    # Intake
    async def receive(self, batch: Sequence[Received]) -> Sequence[Receipt]:
        self._check()
        return [self._receive(received) for received in batch]

    def _receive(self, received: Received) -> Receipt:
        self.received.append(received)
        if received.key in self._seen:
            raw, receipt = self._seen[received.key]
            return receipt if raw == received.raw else Conflict()
        receipt = self._take(received)
        self._seen[received.key] = (received.raw, receipt)
        return receipt

    def _take(self, received: Received) -> Receipt:
        event = received.event
        assert isinstance(event, MessageReceived | StopRequested | FreshStartRequested | AnswerRated)
        room = self.rooms[event.address.chat_id]
        match event:
            case MessageReceived(text="/stop") | StopRequested():
                room.status("stopped")
            case MessageReceived(text="/new") | FreshStartRequested():
                room.begin()
            case MessageReceived():
                turn = room.add("customer", event.text)
                self.answerer(room, turn.seq, event.text)
                return Stored(room.conversation, turn.seq)
            case AnswerRated():
                if event.turn_id not in [turn.id for turn in room.turns if turn.role == "bot"]:
                    return Ignored("unknown_turn")
                self.ratings.append(event)
        return Acted(room.conversation)

    # Record
    async def turns(self, address: ChannelAddress, after: int) -> TurnPage:
        self._check()
        room = self.rooms[address.chat_id]
        return TurnPage(room.conversation, tuple(turn for turn in room.turns if turn.seq > after), f"{room.name}-{len(room.log)}")

    async def follow(self, address: ChannelAddress, cursor: str | None) -> AsyncIterator[ChatEvent]:
        self._check()
        room = self.rooms[address.chat_id]
        position = room.first if cursor is None else self._position(room, cursor)
        changed = asyncio.Event()
        room.followers.add(changed)
        shown: PreviewShown | None = None
        try:
            while True:
                changed.clear()
                while position < len(room.log):
                    position += 1
                    yield room.log[position - 1]
                if room.shown != shown:
                    shown = room.shown
                    yield shown or PreviewGone()
                await changed.wait()
        finally:
            room.followers.discard(changed)

    def _position(self, room: Room, cursor: str) -> int:
        name, _, position = cursor.rpartition("-")
        if name != room.name or not position.isdigit() or int(position) > len(room.log):
            raise NotFound("not a cursor of ours")
        return int(position)

    def _check(self) -> None:
        if self.away:
            raise StoreUnavailable("the test took it away", retry_after_s=1)

    @property
    def only_room(self) -> Room:
        (room,) = self.rooms.values()
        return room


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class WebServer:
    """An ASGI application on a port of 127.0.0.1; `stop` breaks every connection as a crash would, `start` takes the port again."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        bound = socket.create_server(("127.0.0.1", self.port))
        self.port = bound.getsockname()[1]
        config = uvicorn.Config(
            self._app, http="httptools", ws="none", lifespan="off", log_config=None, access_log=False, proxy_headers=False
        )
        self._server = _Server(config)
        self._running = asyncio.create_task(self._server.serve(sockets=[bound]))
        while not self._server.started:
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        self._server.should_exit = self._server.force_exit = True
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()
        tasks = list(self._server.server_state.tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=5)
        await self._running


class WebDesk:
    """The web channel over a desk in memory, running."""

    def __init__(
        self, answerer: Answerer = echo, *, streams: Streams | None = None, clock: Callable[[], float] | None = None, **web: Any
    ) -> None:
        self.memory = MemoryDesk(answerer)
        self.streams = streams or Streams()
        more = {"clock": clock} if clock else {}
        self.routes = routes(
            intake=self.memory,
            record=self.memory,
            sessions=self.memory,
            settings=WebSettings(**web),
            streams=self.streams,
            **more,
        )
        self.server = WebServer(Starlette(routes=self.routes))

    async def __aenter__(self) -> "WebDesk":
        await self.server.start()
        self.http = aiohttp.ClientSession(self.server.url, timeout=aiohttp.ClientTimeout(total=10))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()
        self.streams.close()
        await self.server.stop()

    async def visit(self, **arrival: str) -> "Visit":
        async with self.http.post("/api/chat/sessions", json=arrival) as response:
            assert response.status == 201, await response.text()
            opened = await response.json()
        return Visit(self.http, opened["session"], opened["conversation"])


@dataclass
class Visit:
    """One visitor's session."""

    http: aiohttp.ClientSession
    token: str
    conversation: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def post(self, name: str, body: object = None, **options: Any) -> tuple[int, Any]:
        """Status and decoded body. `body` bytes are sent as they are."""
        sent = {"data": body} if isinstance(body, bytes) else {"json": body}
        async with self.http.post(
            f"/api/chat/{name}", headers=self.headers | options.pop("headers", {}), **sent, **options
        ) as response:
            return response.status, await response.json() if response.content_type == "application/json" else None

    async def say(self, text: str, client_id: str = "") -> int | None:
        status, body = await self.post("messages", {"id": client_id or uuid4().hex, "text": text})
        assert status == 202, body
        seq: int | None = body["seq"]
        return seq

    async def turns(self, after: int = 0) -> dict[str, Any]:
        async with self.http.get("/api/chat/turns", params={"after": after}, headers=self.headers) as response:
            assert response.status == 200
            page: dict[str, Any] = await response.json()
            return page

    async def events(self, cursor: str | None = None) -> AsyncIterator[tuple[str, str | None, Any]]:
        """(name, cursor or None, data) as they come."""
        import json

        headers = self.headers | ({"Last-Event-ID": cursor} if cursor else {})
        async with self.http.get("/api/chat/events", headers=headers) as response:
            assert response.status == 200, await response.text()
            name, place, data = "", None, ""
            async for line in response.content:
                field_name, _, value = line.decode().rstrip("\n").partition(": ")
                if field_name == "event":
                    name = value
                elif field_name == "id":
                    place = value
                elif field_name == "data":
                    data = value
                elif not field_name and data:
                    yield name, place, json.loads(data)
                    name, place, data = "", None, ""
