"""What a client may say on the gateway: IDENTIFY, RESUME, asking for members (docs: events/gateway)."""

import secrets
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from tests.discord_server import payloads
from tests.discord_server.clock import Clock
from tests.discord_server.limits import Limits
from tests.discord_server.records import Application, Guild
from tests.discord_server.sessions import GUILDS, KNOWN_INTENTS, MEMBERS, MESSAGE_CONTENT, PRESENCES, Session, Sessions
from tests.discord_server.wire import IDENTIFY, INVALID, RESUME, Closing, Connection
from tests.discord_server.wire import MEMBERS as ASK_MEMBERS


class Handshake:
    """The rules of the gateway's receiving side; counts what it granted and refused."""

    def __init__(
        self,
        sessions: Sessions,
        *,
        find: Callable[[str], Application | None],
        revoke: Callable[[Application], None],
        guilds: dict[int, Guild],
        clock: Clock,
        limits: Limits,
        changed: Callable[[], None],
    ) -> None:
        self._sessions, self._find, self._revoke, self._guilds = sessions, find, revoke, guilds
        self._clock, self._limits, self._changed = clock, limits, changed
        self._identified: dict[tuple[int, int], float] = {}
        self.withheld: set[int] = set()  # applications whose heartbeats are not acknowledged
        self.resume_url = ""
        self.identifies = 0
        self.resumes = 0
        self.refused_resumes = 0

    def take(self, wire: Connection, op: int, data: Any) -> None:
        if op == IDENTIFY:
            self._identify(wire, data)
        elif op == RESUME:
            self._resume(wire, data)
        elif wire.session is None:
            raise Closing(4003, "not authenticated")
        elif op == ASK_MEMBERS:
            self._tell_members(wire.session, data)
        self._changed()

    def _identify(self, wire: Connection, data: Any) -> None:
        if wire.session is not None:
            raise Closing(4005, "already authenticated")
        if not isinstance(data, dict) or not isinstance(data.get("intents"), int):
            raise Closing(4002, "decode error")
        app = self._application(data.get("token"))
        number, count = shard(data.get("shard"))
        check_intents(app, data["intents"])
        self.identifies += 1
        if not self._may_identify(app, number):
            wire.say({"op": INVALID, "s": None, "t": None, "d": False})
            return
        kept: deque[bytes] = deque(maxlen=self._limits.replay_events)
        session = Session(secrets.token_hex(16), app, data["intents"], (number, count), kept)
        self._sessions.add(session)
        wire.no_acks = app.id in self.withheld
        wire.serve(session, 0)
        self._welcome(session)

    def _application(self, token: Any) -> Application:
        app = self._find(str(token or "").removeprefix("Bot "))
        if app is None or app.revoked:
            raise Closing(4004, "Authentication failed.")
        return app

    def _may_identify(self, app: Application, number: int) -> bool:
        """`max_concurrency` in 5 s, by shard key; 1,000 a day, and at the next one the token is reset."""
        now = self._clock.monotonic()
        while app.identifies and now - app.identifies[0] > 86_400:
            app.identifies.popleft()
        app.identifies.append(now)
        if len(app.identifies) > self._limits.identifies_a_day:
            self._revoke(app)
            raise Closing(4004, "Authentication failed.")
        key = (app.id, number % self._limits.max_concurrency)
        if now - self._identified.get(key, float("-inf")) < self._limits.identify_interval:
            return False
        self._identified[key] = now
        return True

    def _welcome(self, session: Session) -> None:
        app = session.app
        guilds = [one for one in self._guilds.values() if app.id in one.bots and session.wants("", one.id)]
        ready = {
            "v": 10,
            "user": payloads.user(app.user) | {"verified": True, "mfa_enabled": True, "email": None, "flags": 0},
            "guilds": [{"id": str(one.id), "unavailable": True} for one in guilds],
            "session_id": session.id,
            "session_type": "normal",
            "resume_gateway_url": self.resume_url,
            "shard": list(session.shard),
            "application": {"id": str(app.id), "flags": app.flags},
            "private_channels": [],
            "relationships": [],
            "user_settings": {},
            "presences": [],
            "guild_join_requests": [],
            "geo_ordered_rtc_regions": [],
        }
        session.push("READY", msgspec.json.encode(ready))
        if session.intents & GUILDS:
            for one in guilds:
                session.push("GUILD_CREATE", msgspec.json.encode(self.guild(session, one)))

    def guild(self, session: Session, one: Guild) -> dict[str, Any]:
        """Without the presences intent only the bot itself is among the members (docs: events/gateway-events)."""
        whole = bool(session.intents & PRESENCES) and len(one.members) <= 250
        members = list(one.members.values()) if whole else [one.members[session.app.id]]
        return payloads.guild(one, session.app.id, members)

    def _resume(self, wire: Connection, data: Any) -> None:
        if wire.session is not None:
            raise Closing(4005, "already authenticated")
        if not isinstance(data, dict):
            raise Closing(4002, "decode error")
        app = self._application(data.get("token"))
        session = self._sessions.find(str(data.get("session_id")))
        seq = data.get("seq")
        if session is None or session.app is not app or self._sessions.expired(session) or not isinstance(seq, int):
            return self._refuse_resume(wire)
        if seq > session.seq:
            self._sessions.forget(session)
            raise Closing(4007, "invalid seq")
        if not session.holds(seq):
            self._sessions.forget(session)
            return self._refuse_resume(wire)
        self.resumes += 1
        wire.no_acks = app.id in self.withheld
        wire.serve(session, seq)
        session.push("RESUMED", b'{"_trace":[]}')
        return None

    def _refuse_resume(self, wire: Connection) -> None:
        self.refused_resumes += 1
        wire.say({"op": INVALID, "s": None, "t": None, "d": False})

    def _tell_members(self, session: Session, data: Any) -> None:
        """GUILD_MEMBERS_CHUNK (docs: events/gateway-events, "Request Guild Members"): all of them need the members intent."""
        guild = self._guilds.get(int(data.get("guild_id", 0)))
        if guild is None or session.app.id not in guild.bots:
            return
        ids, query = data.get("user_ids"), data.get("query")
        if ids is None and query == "" and not session.intents & MEMBERS:
            return
        wanted = {int(each) for each in ids} if isinstance(ids, list) else {int(ids)} if ids else None
        found = [one for one in guild.members.values() if wanted is None or one.user.id in wanted]
        found = [one for one in found if not query or one.user.name.startswith(query)][: data.get("limit") or None]
        pages = [found[place : place + 1000] for place in range(0, len(found), 1000)] or [[]]
        for number, page in enumerate(pages):
            chunk: dict[str, Any] = {"guild_id": str(guild.id), "chunk_index": number, "chunk_count": len(pages), "not_found": []}
            chunk["members"] = [payloads.member(one) for one in page]
            if "nonce" in data:
                chunk["nonce"] = data["nonce"]
            session.push("GUILD_MEMBERS_CHUNK", msgspec.json.encode(chunk))


def shard(given: Any) -> tuple[int, int]:
    if given is None:
        return 0, 1
    match given:
        case [int(number), int(count)] if 0 <= number < count:
            return number, count
        case _:
            raise Closing(4010, "Invalid shard.")


def check_intents(app: Application, intents: int) -> None:
    """4013 for bits that do not exist, 4014 for privileged ones the application has not been given."""
    if intents < 0 or intents & ~KNOWN_INTENTS:
        raise Closing(4013, "Invalid intent(s).")
    refused = MEMBERS * (not app.members) | PRESENCES * (not app.presences) | MESSAGE_CONTENT * (not app.message_content)
    if intents & refused:
        raise Closing(4014, "Disallowed intent(s).")
