"""Long polling with an offset of our own: it moves only when the updates before it are stored. aiogram's loop moves it first."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from aiogram import Bot
from aiogram.methods import DeleteWebhook

from adapters.telegram.addressing import Me
from adapters.telegram.methods import ALLOWED_UPDATES, GetRawUpdates
from adapters.telegram.reception import Reception
from adapters.telegram.translate import id_of
from adapters.telegram.waiting import Patience
from bot.events import AccountKey, Cursor
from bot.ports import Cursors

BATCH = 100
GRACE_S = 10.0  # beyond the long poll, until a connection counts as dead
FRESH_S = 86_400.0
GARBAGE_S = 5.0


@dataclass(frozen=True, slots=True)
class Offset:
    """The first update not stored yet, when the one before it came (Unix seconds), and to which bot.

    getUpdates forgets everything below a given offset that lies near its queue (`TQueueImpl::get` and `do_get` with
    forget_previous, tdlib/td), and after a quiet week ids begin anew at random. So a stale offset could lie above updates that
    were never seen: it is given while it is younger than a day. Without one the queue's head comes, and what was stored before
    is known by its key.
    """

    value: int
    at: float
    bot_id: int

    @classmethod
    def parsed(cls, position: str) -> "Offset | None":
        parts = position.split("@")
        try:
            return cls(int(parts[0]), float(parts[1]), int(parts[2]))
        except (ValueError, IndexError):
            return None

    @property
    def position(self) -> str:
        return f"{self.value}@{int(self.at)}@{self.bot_id}"

    def usable(self, me: Me, now: float) -> bool:
        return self.bot_id == me.id and 0 <= now - self.at < FRESH_S


class Polling:
    """Receives for one account until cancelled. `clock` is Unix seconds."""

    def __init__(
        self,
        bot: Bot,
        account: AccountKey,
        reception: Reception,
        cursors: Cursors,
        patience: Patience,
        *,
        long_poll_s: int,
        clock: Callable[[], float],
    ) -> None:
        self._bot = bot
        self._account = account
        self._reception = reception
        self._cursors = cursors
        self._patience = patience
        self._long_poll_s = long_poll_s
        self._clock = clock
        self._offset: Offset | None = None

    async def run(self, me: Me) -> None:
        self._offset = await self._patience.stored(self._resumed)
        await self._patience.asked(lambda: self._bot(DeleteWebhook(drop_pending_updates=False)))
        while True:
            updates = await self._patience.asked(lambda: self._next(me))
            if updates:
                await self._keep(me, updates)

    async def _resumed(self) -> Offset | None:
        positions = await self._cursors.of(self._account)
        return Offset.parsed(positions.get("", ""))

    async def _next(self, me: Me) -> list[Any]:
        usable = self._offset is not None and self._offset.usable(me, self._clock())
        method = GetRawUpdates(
            offset=self._offset.value if self._offset and usable else None,
            limit=BATCH,
            timeout=self._long_poll_s,
            allowed_updates=ALLOWED_UPDATES,
        )
        return cast("list[Any]", await self._bot(method, request_timeout=int(self._long_poll_s + GRACE_S)))

    async def _keep(self, me: Me, updates: list[Any]) -> None:
        """Store a batch, however long it takes; meanwhile nothing more is fetched."""
        ids = [found for found in map(id_of, updates) if found is not None]
        offset = Offset(ids[-1] + 1, self._clock(), me.id) if ids else None
        cursor = Cursor("", offset.position) if offset else None
        await self._patience.stored(lambda: self._reception.take(me, updates, cursor))
        if offset:
            self._offset = offset
        else:  # nothing tells where to go on: the same comes again, so not at once
            await self._patience.sleep(GARBAGE_S)
