"""The gateway as a whole: its connections, and the faults a test may order on them (docs: events/gateway)."""

import asyncio
from collections.abc import Callable, Iterator

from aiohttp import web

from tests.discord_server.clock import Clock
from tests.discord_server.handshake import Handshake
from tests.discord_server.limits import Limits
from tests.discord_server.records import Application, Guild
from tests.discord_server.sessions import Sessions
from tests.discord_server.wire import HEARTBEAT, INVALID, RECONNECT, Connection


class Gateway:
    """All connections. Its verbs are the gateway faults; `bot=None` means every bot."""

    def __init__(
        self,
        sessions: Sessions,
        *,
        find: Callable[[str], Application | None],
        guilds: dict[int, Guild],
        clock: Clock,
        limits: Limits,
        changed: Callable[[], None],
    ) -> None:
        self._sessions, self._limits, self._changed = sessions, limits, changed
        self.handshake = Handshake(
            sessions, find=find, revoke=self.revoke, guilds=guilds, clock=clock, limits=limits, changed=changed
        )
        self._empty = asyncio.Event()
        self._empty.set()
        self.connections: set[Connection] = set()
        self.refusing = False  # answer 503 to new connections
        self.connects = 0
        self.closes: list[tuple[int, int]] = []  # (application id or 0, code) of connections the server ended

    async def connect(self, request: web.BaseRequest) -> web.StreamResponse:
        if self.refusing:
            return web.Response(status=503, text="upstream connect error")
        wire = Connection(request, self.handshake, self._limits, self._changed)
        if request.query.get("v", "10") not in ("9", "10") or request.query.get("encoding", "json") != "json":
            wire.close(4012, "invalid API version")
        self.connections.add(wire)
        self._empty.clear()
        self.connects += 1
        try:
            return await wire.run()
        finally:
            self._leave(wire)

    def _leave(self, wire: Connection) -> None:
        self.connections.discard(wire)
        if not self.connections:
            self._empty.set()
        session = wire.session
        if wire.closed_with is not None:
            self.closes.append((session.app.id if session else 0, wire.closed_with))
        if session is not None and session.wire is wire:
            self._sessions.leave(session)
            if wire.left_for_good:
                self._sessions.forget(session)
        self._changed()

    def connected(self, bot: Application | None = None) -> int:
        """How many connections have a session now."""
        return len(list(self._wires(bot)))

    def _wires(self, bot: Application | None) -> Iterator[Connection]:
        for wire in list(self.connections):
            if wire.session is not None and (bot is None or wire.session.app is bot) and not wire.ending:
                yield wire

    # faults

    def close(self, code: int = 4000, bot: Application | None = None) -> None:
        """Close every connection of the bot with a code."""
        for wire in self._wires(bot):
            wire.close(code, "as told")

    def kill(self, bot: Application | None = None) -> None:
        """Cut the sockets without a close frame."""
        for wire in self._wires(bot):
            wire.kill()

    def silence(self, bot: Application | None = None) -> None:
        """Leave the sockets open and say nothing on them any more, acknowledgements included."""
        for wire in self._wires(bot):
            wire.silent = True

    def reconnect(self, bot: Application | None = None) -> None:
        """Ask the client to come again (op 7)."""
        for wire in self._wires(bot):
            wire.say({"op": RECONNECT, "s": None, "t": None, "d": None})

    def ask_beat(self, bot: Application | None = None) -> None:
        """Ask for a heartbeat at once (op 1)."""
        for wire in self._wires(bot):
            wire.say({"op": HEARTBEAT, "s": None, "t": None, "d": None})

    def invalidate(self, bot: Application | None = None, *, resumable: bool = False) -> None:
        """Tell the client its session is invalid (op 9); unless resumable it is forgotten."""
        for wire in self._wires(bot):
            assert wire.session is not None
            if not resumable:
                self._sessions.forget(wire.session)
            wire.say({"op": INVALID, "s": None, "t": None, "d": resumable})

    def end_sessions(self, bot: Application | None = None) -> None:
        """Forget the sessions without a word: the next resume is refused, as after a gap of many minutes."""
        self._sessions.end(bot)

    def withhold_acks(self, bot: Application, *, on: bool = True) -> None:
        """Take heartbeats and acknowledge none, now and on later connections until switched off."""
        (self.handshake.withheld.add if on else self.handshake.withheld.discard)(bot.id)
        for wire in self._wires(bot):
            wire.no_acks = on

    def lose_next(self, bot: Application, event: str = "MESSAGE_CREATE", times: int = 1) -> None:
        """Swallow the next events of a kind ("*": any): they are never sent, also not on a resume."""
        lost = self._sessions.lost(bot)
        lost[event] = lost.get(event, 0) + times

    def repeat_next(self, bot: Application, event: str = "MESSAGE_CREATE", times: int = 1) -> None:
        """Dispatch the next events of a kind twice."""
        doubled = self._sessions.doubled(bot)
        doubled[event] = doubled.get(event, 0) + times

    def revoke(self, bot: Application) -> None:
        """The token is void: REST answers 401, connections end with 4004."""
        bot.revoked = True
        self.close(4004, bot)
        self.end_sessions(bot)

    async def stop(self) -> None:
        """Cut everything and wait until the handlers are gone."""
        for wire in list(self.connections):
            wire.silent = False
            wire.kill()
        await self._empty.wait()
