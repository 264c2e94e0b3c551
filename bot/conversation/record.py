"""What a pull channel shows of one address: its logged events by cursor, then live, with the preview of the answer being made."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import cast

import sqlalchemy as sa

from bot.errors import NotFound
from bot.events import AccountKey, ChannelAddress
from bot.ports import PlaceFeed, PreviewFeed
from bot.store import dialogue, parties
from bot.store.bulletin import Topic
from bot.store.dialogue import Current, LoggedTurn
from bot.store.ids import AddressId, ConversationId, WorkspaceId
from bot.store.parties import AccountRef
from bot.store.store import Store
from bot.views import (
    AttachmentView,
    ChatEvent,
    LoggedEvent,
    PlaceShown,
    PreviewGone,
    PreviewShown,
    Role,
    StatusChanged,
    TurnAdded,
    TurnDeleted,
    TurnEdited,
    TurnPage,
    TurnView,
)

ROOM = 200
PAGE_BYTES = 1_000_000
LOOK_EVERY_S = 2.0


class StoredRecord:
    """Record over a store. Lost wake-ups cost two seconds, never an event."""

    def __init__(self, store: Store, accounts: Mapping[AccountKey, AccountRef], previews: PreviewFeed, places: PlaceFeed) -> None:
        self._store = store
        self._accounts = accounts
        self._previews = previews
        self._places = places

    async def turns(self, address: ChannelAddress, after: int) -> TurnPage:
        """See `bot.ports.Record`."""
        return await self._store.read(_page, self._accounts[address.account_key], address, after)

    async def follow(self, address: ChannelAddress, cursor: str | None) -> AsyncIterator[ChatEvent]:
        """See `bot.ports.Record`."""
        ref = self._accounts[address.account_key]
        address_id, position = await self._store.read(_start, ref, address, cursor)
        heard = _Heard()
        shown: PreviewShown | None = None
        told: PlaceShown | None = None
        spent: PlaceShown | None = None
        answered = 0
        with (
            self._store.bulletin.listen(Topic.DIALOGUE, address_id, heard.logged),
            self._previews.listen(address_id, heard.previewed),
            self._places.listen(address_id, heard.previewed),
        ):
            while True:
                # the preview is looked at first: one whose turn is logged by now must not be shown after it
                preview, place = self._previews.current(address_id), self._places.current(address_id)
                while heard.takes_log():
                    stretch = await self._store.read(dialogue.events, ref.workspace_id, address_id, position, room=ROOM)
                    for entry in stretch.entries:
                        event = _event(entry, f"{address_id}-{entry.position}")
                        answered = max(answered, _answers(event))
                        shown = None if _ends_preview(event) else shown
                        spent = place if isinstance(event, StatusChanged) else spent  # what waited is stopped or closed
                        if _begins_anew(event):  # seqs start again, and the preview looked at may be of what was closed
                            answered, preview = 0, None
                        yield event
                    position = stretch.through
                    heard.more(stretch.more)
                if preview is not None and preview.in_reply_to <= answered:
                    preview = None
                if preview != shown:
                    shown = preview
                    yield preview if preview is not None else PreviewGone()
                if place is not None and (preview is not None or place.in_reply_to <= answered or place == spent):
                    place = None
                if place is not None and place != told:
                    yield place
                elif place is None and told is not None:
                    yield replace(told, text="")
                told = place
                await heard.wait()


class _Heard:
    """What a follower was woken for: the log costs a read, a preview does not. Now and then the log is read unasked."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._log = True

    def logged(self, _key: str) -> None:
        self._log = True
        self._changed.set()

    def previewed(self) -> None:
        self._changed.set()

    def more(self, there_is: bool) -> None:
        self._log = self._log or there_is

    def takes_log(self) -> bool:
        taken, self._log = self._log, False
        return taken

    async def wait(self) -> None:
        if not self._changed.is_set():
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._changed.wait()
            except TimeoutError:
                self._log = True
        self._changed.clear()


def _start(connection: sa.Connection, ref: AccountRef, address: ChannelAddress, cursor: str | None) -> tuple[AddressId, int]:
    address_id = parties.find_address(connection, ref, address)
    current = dialogue.current(connection, ref.workspace_id, address_id) if address_id is not None else None
    if address_id is None or current is None:
        raise NotFound("nothing was said at this address yet")
    if cursor is None:
        return address_id, current.first_event - 1
    named, _, position = cursor.rpartition("-")
    if named != address_id or not position.isascii() or not position.isdigit() or not _reached(current, position):
        raise NotFound("this cursor is not one of this conversation's")
    return address_id, int(position)


def _reached(current: Current, position: str) -> bool:
    return len(position) < 12 and int(position) <= current.last_event


def _event(entry: LoggedTurn, cursor: str) -> LoggedEvent:
    if entry.kind == "status" or entry.seq is None:
        return StatusChanged(cursor, entry.conversation_id, entry.detail)
    if entry.kind == "turn.deleted" or entry.state == "deleted":
        return TurnDeleted(cursor, entry.seq)
    kind = TurnEdited if entry.kind == "turn.edited" else TurnAdded
    return kind(cursor, _view(entry))


def _view(entry: LoggedTurn) -> TurnView:
    assert entry.seq is not None
    assert entry.created_at is not None
    return TurnView(
        id=f"{entry.conversation_id}-{entry.seq}",
        seq=entry.seq,
        role=cast("Role", entry.role),  # the table's check constraint holds it to these words
        text=entry.text or "",
        in_reply_to=entry.answers_through,
        at=entry.created_at,
        author=entry.author or "",
        revision=entry.revision or 0,
        state=entry.state or "whole",
    )


def _page(connection: sa.Connection, ref: AccountRef, address: ChannelAddress, after: int) -> TurnPage:
    address_id = parties.find_address(connection, ref, address)
    current = dialogue.current(connection, ref.workspace_id, address_id) if address_id is not None else None
    if address_id is None or current is None:
        return TurnPage("", (), "")
    entries = dialogue.turns(connection, ref.workspace_id, current.conversation_id, after, room=ROOM)
    taken = _bounded(entries)
    turns = _with_attachments(connection, ref.workspace_id, current.conversation_id, taken)
    position = current.last_event
    if len(taken) < len(entries) or len(entries) == ROOM:
        position = dialogue.position(connection, ref.workspace_id, address_id, current, turns[-1].seq)
    return TurnPage(current.conversation_id, tuple(turns), f"{address_id}-{position}")


def _bounded(entries: Sequence[LoggedTurn]) -> Sequence[LoggedTurn]:
    """As many of the first as a page may hold, one at least."""
    sizes = accumulate(len((entry.text or "").encode()) for entry in entries)
    return entries[: max(sum(size <= PAGE_BYTES for size in sizes), 1)]


def _with_attachments(
    connection: sa.Connection, workspace_id: WorkspaceId, conversation_id: ConversationId, entries: Sequence[LoggedTurn]
) -> list[TurnView]:
    views = [_view(entry) for entry in entries]
    found = dialogue.attachments(connection, workspace_id, conversation_id, [view.seq for view in views])
    return [
        replace(view, attachments=tuple(AttachmentView(*one) for one in found[view.seq])) if view.seq in found else view
        for view in views
    ]


def _answers(event: LoggedEvent) -> int:
    """Through which turn an event settles previews."""
    if not isinstance(event, TurnAdded):
        return 0
    return event.turn.in_reply_to or (event.turn.seq if event.turn.role in {"bot", "agent"} else 0)


def _begins_anew(event: LoggedEvent) -> bool:
    return isinstance(event, StatusChanged) and event.name == "opened"


def _ends_preview(event: LoggedEvent) -> bool:
    return isinstance(event, TurnAdded) and event.turn.role == "bot"
