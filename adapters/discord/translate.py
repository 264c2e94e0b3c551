"""From Discord's payloads to what happened. Pure: the place, the bot's own id and the memory of addresses are given.

Keys: `m<id>` a message, `e<id>:<edited at>` an edit, `d<id>` a deletion, `t<id>` a place that becomes known,
`x<id>` a channel or thread that is gone. A live message and the same one read from history have the same key.
"""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from adapters.discord.addressing import address_of, not_for_bot
from adapters.discord.payloads import Deleted, Message, User, read, told_at
from adapters.discord.places import Place
from adapters.discord.reading import files_of, text_of
from bot.events import (
    NOBODY,
    AccountKey,
    Author,
    ChannelAddress,
    Cursor,
    Departed,
    MessageDeleted,
    MessageEdited,
    MessageReceived,
    Received,
    Skipped,
    Undecodable,
)

PLACE_BEGUN = Skipped("place_begun")
"""Not an update: it carries the first cursor of a place, so that a gap in it can be read."""

UNREADABLE = (msgspec.MsgspecError, ValueError, OverflowError)


class Translator:
    """The account's side of a translation."""

    def __init__(self, account: AccountKey) -> None:
        self._account = account

    def message(self, raw: bytes, message: Message, place: Place, me: str) -> tuple[Received, ...]:
        """A message, live or from history. Raises one of UNREADABLE."""
        cursor = Cursor(place.place_id, message.id)
        event = self._received(message, place, me)
        received = Received(self._account, f"m{message.id}", raw, event, cursor)
        if isinstance(event, Skipped) or event.address.chat_id == place.place_id:
            return (received,)
        return received, self.begun(event.address.chat_id, message.id)

    def begun(self, place_id: str, position: str) -> Received:
        """The bot is spoken to in a place that it may not know yet: what follows `position` there is to be read after a gap."""
        return Received(self._account, f"t{position}", b"", PLACE_BEGUN, Cursor(place_id, position))

    def edit(self, raw: bytes, message: Message, place: Place, me: str) -> Received:
        """A message that changed; without text or a time of the edit only its embeds or pins did. Raises one of UNREADABLE."""
        key = f"e{message.id}:{message.edited_timestamp or ''}"
        return Received(self._account, key, raw, self._edited(message, place, me))

    def deletions(self, raw: bytes, deleted: Deleted, at: datetime, where: Callable[[str], ChannelAddress]) -> list[Received]:
        """Messages that were taken away. The platform does not say whose they were."""
        return [Received(self._account, f"d{one}", raw, MessageDeleted(where(one), at, one)) for one in deleted.all]

    def departed(self, raw: bytes, key: str, address: ChannelAddress, at: datetime) -> Received:
        return Received(self._account, key, raw, Departed(address, NOBODY, at))

    def undecodable(self, raw: bytes, error: Exception, position: Cursor | None = None) -> Received:
        """What could not be read, named by its content: the same bytes are the same dead letter."""
        reason = "not_an_id" if isinstance(error, ValueError) and not isinstance(error, msgspec.MsgspecError) else "shape"
        key = f"u{hashlib.blake2b(raw, digest_size=16).hexdigest()}"
        return Received(self._account, key, raw, Undecodable(reason), position)

    def _received(self, message: Message, place: Place, me: str) -> MessageReceived | Skipped:
        at = told_at(message.id)
        if reason := not_for_bot(message, place, me):
            return Skipped(reason)
        text, files = text_of(message, place, me), files_of(message)
        if not text and not files:
            return Skipped("no_content")
        address = address_of(self._account, message, place, me)
        return MessageReceived(address, author_of(message), text, at, message.id, files, private=place.is_dm)

    def _edited(self, message: Message, place: Place, me: str) -> MessageEdited | Skipped:
        if message.content is None or message.edited_timestamp is None:
            return Skipped("no_edit")
        if reason := not_for_bot(message, place, me):
            return Skipped(reason)
        if not (text := text_of(message, place, me)):
            return Skipped("no_content")
        at = datetime.fromisoformat(message.edited_timestamp).astimezone(UTC)
        return MessageEdited(address_of(self._account, message, place, me), author_of(message), text, at, message.id)


def author_of(message: Message) -> Author:
    assert message.author is not None, "a message without an author is skipped"
    nick = message.member.nick if message.member is not None else None
    return Author(message.author.id, nick or name_of(message.author))


def name_of(user: User) -> str:
    return user.global_name or user.username


def read_message(raw: bytes | msgspec.Raw) -> Message:
    """Raises one of UNREADABLE."""
    return read(raw, Message)
