"""Gateway sessions: what was dispatched to one identified client, kept for a while so that it can be replayed."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol

import msgspec

from tests.discord_server.clock import Clock
from tests.discord_server.records import Application

# docs: events/gateway, "List of Intents"; event -> (bit in guilds, bit in DMs); not listed: sent always
GUILDS, MEMBERS, PRESENCES, GUILD_MESSAGES, GUILD_TYPING = 1 << 0, 1 << 1, 1 << 8, 1 << 9, 1 << 11
DIRECT_MESSAGES, DIRECT_TYPING, MESSAGE_CONTENT = 1 << 12, 1 << 14, 1 << 15
KNOWN_INTENTS = sum(1 << bit for bit in (*range(17), 20, 21, 24, 25))
INTENTS = {
    **dict.fromkeys(
        [
            "GUILD_CREATE",
            "GUILD_DELETE",
            "CHANNEL_CREATE",
            "CHANNEL_UPDATE",
            "CHANNEL_DELETE",
            "THREAD_CREATE",
            "THREAD_UPDATE",
            "THREAD_DELETE",
            "THREAD_MEMBER_UPDATE",
            "THREAD_MEMBERS_UPDATE",
            "GUILD_ROLE_CREATE",
            "GUILD_ROLE_UPDATE",
        ],
        (GUILDS, 0),
    ),
    **dict.fromkeys(["GUILD_MEMBER_ADD", "GUILD_MEMBER_REMOVE"], (MEMBERS, 0)),
    **dict.fromkeys(
        ["MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE", "MESSAGE_DELETE_BULK"], (GUILD_MESSAGES, DIRECT_MESSAGES)
    ),
    "TYPING_START": (GUILD_TYPING, DIRECT_TYPING),
}


class Wire(Protocol):
    """The connection a session is read through."""

    def wake(self) -> None: ...


@dataclass(slots=True, eq=False)
class Session:
    """`seq` is the number of the last event; `events` holds the last ones, already encoded."""

    id: str
    app: Application
    intents: int
    shard: tuple[int, int]
    events: deque[bytes]
    seq: int = 0
    wire: Wire | None = None
    left: float | None = None  # when the last connection ended, on the monotonic clock
    lost: dict[str, int] = field(default_factory=dict)  # event -> how many more to swallow
    doubled: dict[str, int] = field(default_factory=dict)

    def wants(self, event: str, guild_id: int | None) -> bool:
        """Its intents ask for the event, and its shard is the one for the guild (docs: events/gateway, "Sharding")."""
        number, count = self.shard
        if (0 if guild_id is None else (guild_id >> 22) % count) != number:
            return False
        bits = INTENTS.get(event)
        return bits is None or bool(self.intents & bits[guild_id is None])

    def push(self, event: str, data: bytes) -> None:
        if self._spend(self.lost, event):
            return
        for _ in range(2 if self._spend(self.doubled, event) else 1):
            self.seq += 1
            self.events.append(b'{"t":"%b","s":%d,"op":0,"d":%b}' % (event.encode(), self.seq, data))
        if self.wire is not None:
            self.wire.wake()

    def push_json(self, event: str, data: dict[str, Any]) -> None:
        self.push(event, msgspec.json.encode(data))

    @staticmethod
    def _spend(left: dict[str, int], event: str) -> bool:
        for name in (event, "*"):
            if left.get(name):
                left[name] -= 1
                return True
        return False

    def holds(self, seq: int) -> bool:
        """Whether everything after `seq` is still kept."""
        return 0 <= self.seq - seq <= len(self.events)

    def after(self, seq: int) -> list[bytes]:
        missing = self.seq - seq
        if missing == 1:
            return [self.events[-1]]
        return list(islice(self.events, len(self.events) - missing, None))


class Sessions:
    """Every session that may still be used or resumed."""

    def __init__(self, clock: Clock, life: float) -> None:
        self._clock, self._life = clock, life
        self._all: dict[str, Session] = {}
        self._of: dict[int, list[Session]] = {}
        self._lost: dict[int, dict[str, int]] = {}
        self._doubled: dict[int, dict[str, int]] = {}

    def add(self, session: Session) -> None:
        session.lost, session.doubled = self.lost(session.app), self.doubled(session.app)
        self._all[session.id] = session
        self._of.setdefault(session.app.id, []).append(session)

    def lost(self, app: Application) -> dict[str, int]:
        return self._lost.setdefault(app.id, {})

    def doubled(self, app: Application) -> dict[str, int]:
        return self._doubled.setdefault(app.id, {})

    def find(self, session_id: str) -> Session | None:
        return self._all.get(session_id)

    def leave(self, session: Session) -> None:
        session.wire, session.left = None, self._clock.monotonic()

    def expired(self, session: Session) -> bool:
        return session.left is not None and self._clock.monotonic() - session.left > self._life

    def forget(self, session: Session) -> None:
        self._all.pop(session.id, None)
        kept = self._of.get(session.app.id, [])
        if session in kept:
            kept.remove(session)

    def end(self, app: Application | None) -> None:
        for session in [one for one in self._all.values() if app is None or one.app is app]:
            self.forget(session)

    def wanting(self, app: Application, event: str, guild_id: int | None) -> Iterator[Session]:
        """The sessions that want an event; who left too long ago is forgotten on the way."""
        for session in list(self._of.get(app.id, ())):
            if self.expired(session):
                self.forget(session)
            elif session.wants(event, guild_id):
                yield session

    def dispatch(self, app: Application, event: str, data: dict[str, Any], guild_id: int | None) -> None:
        encoded: bytes | None = None
        for session in self.wanting(app, event, guild_id):
            encoded = encoded or msgspec.json.encode(data)
            session.push(event, encoded)
