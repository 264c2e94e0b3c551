"""Whether this process does its work: what `/readyz` and `/metrics` of the private listener are told."""

import time
from collections.abc import Callable, Mapping

import sqlalchemy as sa

from bot.errors import StoreUnavailable
from bot.metrics import Metrics
from bot.store.backlog import backlog
from bot.store.revision import HEAD
from bot.store.store import Store

# the public listener has no key: asking often must not cost the database anything
FRESH_S = 1.0
_REVISION = sa.text("SELECT version_num FROM alembic_version")


class Readiness:
    """`running`: whether the workers claim. The engine has no say: messages are accepted while it is away."""

    def __init__(self, store: Store, metrics: Metrics, running: Callable[[], bool], in_flight: Callable[[], int]) -> None:
        self._store = store
        self._metrics = metrics
        self._running = running
        self._in_flight = in_flight
        self._asked_at = float("-inf")
        self._database = ""

    async def checks(self) -> Mapping[str, str]:
        """What is wrong, by check; "" where nothing is."""
        return {"database": await self._look(), "workers": "" if self._running() else "not claiming: stopping"}

    async def refresh(self) -> None:
        """Bring the gauges up to date."""
        self._metrics.level("in_flight", self._in_flight())
        try:
            now = await self._store.read(backlog)
        except StoreUnavailable:
            return  # the gauges keep what was seen last; /readyz tells of the database
        self._metrics.level("due_conversations", now.due)
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
