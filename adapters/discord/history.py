"""The history of a channel, read upward: pages of raw messages, oldest first, and the message of an outbox row in them."""

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Any

import msgspec

from adapters.discord.markers import bears
from adapters.discord.payloads import read, snowflake_at
from adapters.discord.rest import Rest
from bot.errors import DeliveryUnknown

PER_PAGE = 100
MOST_PAGES = 10
MOST_SEARCHES = 500
CLOCK_SLACK = timedelta(minutes=1)


class Line(msgspec.Struct, frozen=True):
    """One message as history shows it, with its bytes."""

    id: str
    raw: bytes


class _Id(msgspec.Struct, frozen=True):
    id: str


class _Ours(msgspec.Struct, frozen=True):
    components: list[dict[str, Any]] = []


async def page_after(rest: Rest, place: str, position: str) -> list[Line]:
    """The oldest messages behind `position`, 100 at most; [] at the end. Raises what `Rest.call` raises."""
    answer = await rest.call(
        "GET",
        "/channels/{channel_id}/messages",
        query={"after": position, "limit": str(PER_PAGE)},
        where={"channel_id": place},
    )
    lines = [Line(read(raw, _Id).id, bytes(raw)) for raw in read(answer, list[msgspec.Raw])]
    return sorted(lines, key=lambda line: int(line.id))


class Search:
    """Looks for messages of outbox rows. A look that was interrupted, or is too long for one call, goes on where it was."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._read: OrderedDict[tuple[str, str], str] = OrderedDict()

    async def find(self, place: str, outbox_id: str, since: datetime) -> str | None:
        """The id of the row's message, sent at `since` or later; None when it did not arrive. Raises DeliveryUnknown when the
        history goes on after ten pages, and what `Rest.call` raises.
        """
        key = place, outbox_id
        for _ in range(MOST_PAGES):
            page = await page_after(self._rest, place, self._read.get(key) or snowflake_at(since - CLOCK_SLACK))
            found = next((line.id for line in page if _is_of(line, outbox_id)), None)
            if found is not None or not page:
                self._read.pop(key, None)
                return found
            self._read[key] = page[-1].id
            if len(self._read) > MOST_SEARCHES:
                self._read.popitem(last=False)
        raise DeliveryUnknown("not found yet in a long history")


def _is_of(line: Line, outbox_id: str) -> bool:
    return outbox_id.encode() in line.raw and bears(read(line.raw, _Ours).components, outbox_id)
