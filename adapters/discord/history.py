"""The history of a channel, read upward: pages of raw messages, oldest first, and the message of an outbox row in them."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import msgspec

from adapters.discord.markers import bears
from adapters.discord.payloads import read, snowflake_at
from adapters.discord.rest import Rest

PER_PAGE = 100
MOST_PAGES = 10
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


async def pages(rest: Rest, place: str, position: str) -> AsyncIterator[list[Line]]:
    """Pages until the end, ten at most."""
    for _ in range(MOST_PAGES):
        page = await page_after(rest, place, position)
        if not page:
            return
        yield page
        position = page[-1].id


async def found(rest: Rest, place: str, outbox_id: str, since: datetime) -> str | None:
    """The id of the message of an outbox row, sent at `since` or later; None when it did not arrive."""
    async for page in pages(rest, place, snowflake_at(since - CLOCK_SLACK)):
        for line in page:
            if outbox_id.encode() in line.raw and bears(read(line.raw, _Ours).components, outbox_id):
                return line.id
    return None
