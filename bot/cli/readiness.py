"""Whether this process does its work: what `/readyz` and `/metrics` of the private listener are told."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import sqlalchemy as sa

from bot.errors import StoreUnavailable
from bot.events import AccountKey
from bot.metrics import Metrics
from bot.store.backlog import backlog
from bot.store.revision import HEAD
from bot.store.store import Store

# the public listener has no key: asking often must not cost the database anything
FRESH_S = 1.0
# the worker looks at least once a second, and a database that hangs is given up after its own bound
SILENT_S = 15.0
_REVISION = sa.text("SELECT version_num FROM alembic_version")


class Held(Protocol):
    """A push account: its conversations are answered by whoever holds it. `counts`: what its adapter met, by name."""

    @property
    def account_id(self) -> str: ...

    @property
    def held(self) -> bool: ...

    @property
    def key(self) -> AccountKey: ...

    @property
    def counts(self) -> Mapping[str, int]: ...


class Claims:
    """What this process may answer, asked by the worker before each look for work: so we know that it looks."""

    def __init__(self, push: Sequence[Held] = ()) -> None:
        self.push = push
        self._looked_at = float("-inf")
        self.stopped = False

    def routes(self) -> Sequence[str]:
        """Pull channels, which any process may answer, and the push accounts that this one holds."""
        self._looked_at = time.monotonic()
        return ("", *self.held())

    def held(self) -> Sequence[str]:
        """The push accounts that this process holds."""
        return [account.account_id for account in self.push if account.held]

    def wrong(self) -> str:
        """What is wrong with looking for work; empty when nothing is."""
        if self.stopped:
            return "not claiming: stopping"
        silent_s = time.monotonic() - self._looked_at
        return "" if silent_s < SILENT_S else "the workers do not look for work"


class Readiness:
    """The engine has no say in it: messages are accepted while it is away."""

    def __init__(
        self, store: Store, metrics: Metrics, claims: Claims, in_flight: Callable[[], int], limit: Callable[[], int]
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._claims = claims
        self._in_flight = in_flight
        self._limit = limit
        self._asked_at = float("-inf")
        self._database = ""

    async def checks(self) -> Mapping[str, str]:
        """What is wrong, by check; "" where nothing is."""
        return {"database": await self._look(), "workers": self._claims.wrong()}

    async def refresh(self) -> None:
        """Bring the gauges up to date."""
        self._metrics.level("in_flight", self._in_flight())
        self._metrics.level("generation_limit", self._limit())
        for account in self._claims.push:
            for event, count in account.counts.items():
                self._metrics.level("channel_events", count, account.key.channel, account.key.name, event)
        try:
            now = await self._store.read(backlog)
        except StoreUnavailable:
            return  # the gauges keep what was seen last; /readyz tells of the database
        self._metrics.level("due_conversations", now.due)
        self._metrics.level("oldest_due", now.oldest_due_s)
        for state, rows in now.outbox.items():
            self._metrics.level("outbox_rows", rows, state)

    async def _look(self) -> str:
        if time.monotonic() - self._asked_at > FRESH_S:
            self._asked_at = time.monotonic()
            try:
                revision = await self._store.read(lambda connection: connection.scalar(_REVISION))
                self._database = "" if revision == HEAD else f"at revision {revision}, this release needs {HEAD}"
            except StoreUnavailable as error:
                self._database = str(error)
        return self._database
