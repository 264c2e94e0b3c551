"""One bot: its token, its updates, how it receives them, its budgets and its command menus."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from tests.telegram_server.clock import Clock
from tests.telegram_server.limits import Limits, Rates
from tests.telegram_server.updates import KINDS_BY_DEFAULT, UpdateQueue

BotCommands = list[dict[str, str]]


class Receiver(Protocol):
    """A waiting long poll or a webhook: told when there is something new, ended when another takes over."""

    def wake(self) -> None: ...


@dataclass(eq=False)
class BotAccount:
    """`reads_all`: privacy mode is off. `revoked`: its token is answered 401."""

    id: int
    token: str
    username: str
    name: str
    clock: Clock
    limits: Limits
    reads_all: bool = False
    revoked: bool = False
    allowed: frozenset[str] = KINDS_BY_DEFAULT
    queue: UpdateQueue = field(default_factory=UpdateQueue)
    receiver: Receiver | None = None
    commands: dict[tuple[str, str], BotCommands] = field(default_factory=dict)
    rates: Rates = field(init=False)
    on_change: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.rates = Rates(self.limits, self.clock.now)

    def user(self) -> dict[str, Any]:
        return {"id": self.id, "is_bot": True, "first_name": self.name, "username": self.username}

    def deliver(self, kind: str, content: dict[str, Any], queue_id: int, kept_s: float | None = None) -> int | None:
        """Queue an update of a kind the bot allows; its id, or None when it was passed over (Client::add_update_impl)."""
        if kind not in self.allowed:
            return None
        return self.put(msgspec.json.encode({kind: content}), queue_id, kept_s)

    def put(self, body: bytes, queue_id: int, kept_s: float | None = None) -> int | None:
        """Queue a JSON object whatever it says."""
        expires_at = self.clock.now() + (self.limits.update_kept_s if kept_s is None else kept_s)
        update_id = self.queue.push(body, expires_at, queue_id)
        self.wake()
        return update_id

    def wake(self) -> None:
        if self.receiver is not None:
            self.receiver.wake()
        self.on_change()
