"""Rate limits as the platform states and enforces them (docs: topics/rate-limits), and who keeps asking all the same."""

import hashlib
from collections import deque
from dataclasses import dataclass, field

from tests.discord_server.clock import Clock
from tests.discord_server.limits import Limits, Rate


@dataclass(frozen=True, slots=True)
class Limited:
    """A 429. `scope`: user, global or shared."""

    retry_after: float
    scope: str

    @property
    def body(self) -> dict[str, object]:
        resource = self.scope == "shared"
        message = "The resource is being rate limited." if resource else "You are being rate limited."
        return {"message": message, "retry_after": round(self.retry_after, 3), "global": self.scope == "global"}


@dataclass(slots=True)
class Window:
    """A fixed window: `left` requests until `ends`. `held_until`: told to wait until then."""

    ends: float = 0.0
    left: int = 0
    held_until: float = 0.0
    scope: str = "user"

    def take(self, rate: Rate, now: float) -> Limited | None:
        if now >= self.ends:
            self.ends, self.left = now + rate.per, rate.limit
        if now < self.held_until:
            return Limited(self.held_until - now, self.scope)
        if self.left <= 0:
            return Limited(self.ends - now, "user")
        self.left -= 1
        return None


@dataclass(slots=True)
class Rates:
    """`broken` counts requests made while the asker had been told to wait; the first 429 of a wait is not one."""

    limits: Limits
    clock: Clock
    broken: int = 0
    limited: int = 0
    invalid: int = 0
    bans: int = 0
    _windows: dict[tuple[int, str, str], Window] = field(default_factory=dict)
    _globals: dict[int, Window] = field(default_factory=dict)
    _told: dict[tuple[int, str, str], float] = field(default_factory=dict)
    _recent: deque[float] = field(default_factory=deque)
    _banned_until: float = 0.0

    def take_global(self, bot: int) -> Limited | None:
        window = self._globals.setdefault(bot, Window())
        found = window.take(Rate(self.limits.requests_a_second, 1.0), self.clock.monotonic())
        if found is not None:
            found = Limited(found.retry_after, "global")
        return self._judge((bot, "global", ""), found)

    def take(self, bot: int, bucket: str, major: str) -> tuple[Limited | None, dict[str, str]]:
        """Spend one request; what the headers say, and the refusal if there is one."""
        key = (bot, bucket, major)
        window = self._windows.setdefault(key, Window())
        if len(self._windows) > 50_000:
            self._sweep()
        rate = self.limits.buckets[bucket]
        found = self._judge(key, window.take(rate, self.clock.monotonic()))
        return found, self._headers(bucket, rate, window, found)

    def hold(self, bot: int, bucket: str, major: str, seconds: float, scope: str) -> Limited:
        """A limit out of the blue (a fault): every request there is refused until it is over."""
        windows = self._globals if scope == "global" else None
        window = (
            windows.setdefault(bot, Window()) if windows is not None else self._windows.setdefault((bot, bucket, major), Window())
        )
        window.held_until, window.scope = self.clock.monotonic() + seconds, scope
        key = (bot, "global", "") if scope == "global" else (bot, bucket, major)
        found = self._judge(key, Limited(seconds, scope))
        assert found is not None
        return found

    def _judge(self, key: tuple[int, str, str], found: Limited | None) -> Limited | None:
        if found is None:
            return None
        now = self.clock.monotonic()
        self.limited += 1
        if now < self._told.get(key, 0.0):
            self.broken += 1
        self._told[key] = now + found.retry_after
        return found

    def _headers(self, bucket: str, rate: Rate, window: Window, found: Limited | None) -> dict[str, str]:
        after = max(0.0, (found.retry_after if found else window.ends - self.clock.monotonic()))
        return {
            "X-RateLimit-Limit": str(rate.limit),
            "X-RateLimit-Remaining": str(0 if found and found.scope == "user" else window.left),
            "X-RateLimit-Reset": f"{self.clock.now() + after:.3f}",
            "X-RateLimit-Reset-After": f"{after:.3f}",
            "X-RateLimit-Bucket": hashlib.blake2b(bucket.encode(), digest_size=8).hexdigest(),
        }

    def _sweep(self) -> None:
        now = self.clock.monotonic()
        self._windows = {key: one for key, one in self._windows.items() if max(one.ends, one.held_until) > now}
        self._told = {key: until for key, until in self._told.items() if until > now}

    # invalid answers

    def answered_invalid(self) -> None:
        """A 401, 403 or unshared 429; too many in ten minutes ban the address."""
        now = self.clock.monotonic()
        self.invalid += 1
        self._recent.append(now)
        while self._recent and now - self._recent[0] > self.limits.invalid_window:
            self._recent.popleft()
        if len(self._recent) >= self.limits.invalid_answers and not self.banned:
            self.bans += 1
            self._banned_until = now + self.limits.invalid_window

    @property
    def banned(self) -> bool:
        return self.clock.monotonic() < self._banned_until
