"""A desk in memory: Intake, Record and Sessions as small real classes, driven by the test."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

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
    PlaceShown,
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
    room.preview("You said", seq)
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
    shown: PreviewShown | PlaceShown | None = None
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

    def place(self, text: str, in_reply_to: int) -> None:
        self.shown = PlaceShown(text, in_reply_to, self.conversation)
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
        shown: PreviewShown | PlaceShown | None = None
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
