"""Updates on their way in, however they came: read, stored, and only then answered for."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from adapters.telegram.acknowledging import Acknowledger
from adapters.telegram.addressing import Me
from adapters.telegram.translate import translate
from bot.events import AccountKey, Acted, Cursor
from bot.ports import Intake


class Reception:
    """`now` gives the time in UTC."""

    def __init__(self, account: AccountKey, intake: Intake, acknowledger: Acknowledger, now: Callable[[], datetime]) -> None:
        self._account = account
        self._intake = intake
        self._acknowledger = acknowledger
        self._now = now

    async def take(self, me: Me, updates: Sequence[Any], cursor: Cursor | None = None) -> None:
        """Store the updates (decoded JSON, or bytes that are none) in one batch, and the cursor with the last of them.

        Raises StoreUnavailable: then nothing was stored, and none may be acknowledged.
        """
        now, last = self._now(), len(updates) - 1
        batch = [
            translate(self._account, me, update, now, cursor if place == last else None) for place, update in enumerate(updates)
        ]
        for update, receipt in zip(updates, await self._intake.receive(batch), strict=True):
            query_id = _query_id(update)
            if query_id:
                self._acknowledger.answer(query_id, receipt.say if isinstance(receipt, Acted) else "")


def _query_id(update: Any) -> str:
    """The press to be answered, whatever became of it: one left alone shows a clock for a minute."""
    query = update.get("callback_query") if isinstance(update, dict) else None
    query_id = query.get("id") if isinstance(query, dict) else None
    return query_id if isinstance(query_id, str) else ""
