"""What a test may make go wrong with a REST call."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

CREATE_MESSAGE = ("POST", "/channels/{channel_id}/messages")
EDIT_MESSAGE = ("PATCH", "/channels/{channel_id}/messages/{message_id}")
DELETE_MESSAGE = ("DELETE", "/channels/{channel_id}/messages/{message_id}")
READ_MESSAGES = ("GET", "/channels/{channel_id}/messages")
TYPING = ("POST", "/channels/{channel_id}/typing")
CREATE_DM = ("POST", "/users/@me/channels")
CALLBACK = ("POST", "/interactions/{interaction_id}/{token}/callback")
FOLLOW_UP = ("POST", "/webhooks/{webhook_id}/{token}")
READ_MESSAGE = ("GET", "/channels/{channel_id}/messages/{message_id}")
FETCH_FILE = ("GET", "/attachments")  # at the CDN
EDIT_RESPONSE = ("PATCH", "/webhooks/{webhook_id}/{token}/messages/{message_id}")


@dataclass(frozen=True, slots=True)
class Fault:
    """One failure. `accepted`: the call had its effect before it failed. Make it by one of the named constructors."""

    kind: str
    status: int = 500
    seconds: float = 0.0
    scope: str = "user"
    accepted: bool = False

    @classmethod
    def limited(cls, seconds: float, *, scope: str = "user") -> Self:
        """429 for that long, for every further call of the bucket ("user", "shared") or of the bot ("global")."""
        return cls("limited", 429, seconds, scope)

    @classmethod
    def error(cls, status: int = 500, *, accepted: bool = False) -> Self:
        """500, 502, 503 or 504 with an HTML body, as the platform's edge answers."""
        return cls("error", status, accepted=accepted)

    @classmethod
    def reset(cls, *, accepted: bool = False) -> Self:
        """The connection is reset (RST): ECONNRESET at the client."""
        return cls("reset", accepted=accepted)

    @classmethod
    def dropped(cls) -> Self:
        """DROPPED AFTER ACCEPT: the call has its effect, the connection ends without an answer."""
        return cls("dropped", accepted=True)

    @classmethod
    def hang(cls, *, accepted: bool = False) -> Self:
        """No answer ever; the connection stays open until the client or the server ends."""
        return cls("hang", accepted=accepted)

    @classmethod
    def garbled(cls) -> Self:
        """The call has its effect; the answer is 200 with half a JSON document."""
        return cls("garbled", 200, accepted=True)

    @classmethod
    def slow(cls, seconds: float) -> Self:
        """The effect at once, the answer late."""
        return cls("slow", 200, seconds, accepted=True)


@dataclass(slots=True)
class _Planned:
    fault: Fault
    method: str | None
    route: str | None
    times: int


@dataclass(slots=True)
class Faults:
    """First what `fail_next` planned, then the callable. `met` counts the faults that struck."""

    script: Callable[[str, str], Fault | None] | None = None
    met: int = 0
    _planned: list[_Planned] = field(default_factory=list)

    def fail_next(self, fault: Fault, method: str | None = None, route: str | None = None, times: int = 1) -> None:
        """Let the next `times` matching calls fail; method and route (a template as in `CREATE_MESSAGE`) None: any."""
        self._planned.append(_Planned(fault, method, route, times))

    def clear(self) -> None:
        self._planned.clear()
        self.script = None

    def strike(self, method: str, route: str) -> Fault | None:
        for one in self._planned:
            if one.method in (None, method) and one.route in (None, route):
                one.times -= 1
                if not one.times:
                    self._planned.remove(one)
                self.met += 1
                return one.fault
        found = self.script(method, route) if self.script else None
        self.met += found is not None
        return found
