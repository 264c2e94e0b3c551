"""What we read of Discord's payloads, and no more: unknown fields are left alone, a wrong type is a ValidationError.

Names and meanings: the reference pages of Discord's API, version 10 (message, channel and gateway event objects).
"""

from datetime import UTC, datetime, timedelta
from typing import TypeVar

import msgspec

EPOCH = datetime(2015, 1, 1, tzinfo=UTC)
THREADS = frozenset({10, 11, 12})
T = TypeVar("T")


class User(msgspec.Struct, frozen=True):
    id: str
    username: str = ""
    global_name: str | None = None
    bot: bool = False


class Member(msgspec.Struct, frozen=True):
    nick: str | None = None


class Attachment(msgspec.Struct, frozen=True):
    id: str
    filename: str = ""
    url: str = ""
    content_type: str | None = None
    size: int | None = None


class Sticker(msgspec.Struct, frozen=True):
    id: str
    name: str = ""


class Reference(msgspec.Struct, frozen=True):
    """`type` 0 is a reply, 1 a forwarded message."""

    type: int = 0
    message_id: str | None = None


class Answer(msgspec.Struct, frozen=True):
    poll_media: dict[str, object] = {}


class Poll(msgspec.Struct, frozen=True):
    question: dict[str, object] = {}
    answers: list[Answer] = []


class Content(msgspec.Struct, frozen=True):
    """What a forwarded message showed."""

    content: str = ""
    attachments: list[Attachment] = []
    sticker_items: list[Sticker] = []


class Snapshot(msgspec.Struct, frozen=True):
    message: Content


class Quoted(msgspec.Struct, frozen=True):
    """The message that a reply answers."""

    id: str
    author: User
    content: str = ""


class StartedThread(msgspec.Struct, frozen=True):
    id: str


class Message(msgspec.Struct, frozen=True):
    """A message of the gateway, of history, or a partial one of an update: what it leaves out is None."""

    id: str
    channel_id: str
    guild_id: str | None = None
    type: int = 0
    flags: int = 0
    author: User | None = None
    member: Member | None = None
    content: str | None = None
    edited_timestamp: str | None = None
    webhook_id: str | None = None
    mentions: list[User] = []
    mention_roles: list[str] = []
    attachments: list[Attachment] = []
    sticker_items: list[Sticker] = []
    poll: Poll | None = None
    message_reference: Reference | None = None
    referenced_message: Quoted | None = None
    message_snapshots: list[Snapshot] = []
    thread: StartedThread | None = None


class Deleted(msgspec.Struct, frozen=True):
    """One or several messages that were taken away."""

    channel_id: str
    id: str = ""
    ids: list[str] = []
    guild_id: str | None = None

    @property
    def all(self) -> list[str]:
        return self.ids or [self.id]


class Gone(msgspec.Struct, frozen=True):
    """A channel, thread or guild that is not there any more; a guild that is only `unavailable` comes back."""

    id: str
    guild_id: str | None = None
    parent_id: str | None = None
    type: int = 0
    unavailable: bool = False


class Called(msgspec.Struct, frozen=True):
    """A command or a press: only where. Its token is not read."""

    id: str
    channel_id: str | None = None
    guild_id: str | None = None


class Channel(msgspec.Struct, frozen=True):
    """A channel as REST tells it."""

    id: str
    type: int
    guild_id: str | None = None
    parent_id: str | None = None
    owner_id: str | None = None
    member: dict[str, object] | None = None


class Ready(msgspec.Struct, frozen=True):
    """`shard`: its number and how many there are."""

    user: User
    shard: tuple[int, int] = (0, 1)


class Envelope(msgspec.Struct, frozen=True):
    """One gateway message; `d` stays as the bytes that came."""

    op: int
    t: str | None = None
    d: msgspec.Raw = msgspec.Raw(b"null")


def read(raw: bytes | str | msgspec.Raw, kind: type[T]) -> T:
    """Raises msgspec.ValidationError or DecodeError for what does not have this form."""
    return msgspec.json.decode(raw, type=kind)


def told_at(snowflake: str) -> datetime:
    """The time that an id carries (milliseconds since 2015, then 22 bits). Raises ValueError for what is no id."""
    return EPOCH + timedelta(milliseconds=int(snowflake) >> 22)


def snowflake_at(at: datetime) -> str:
    """The lowest id of a moment."""
    return str(max(0, int((at - EPOCH) / timedelta(milliseconds=1))) << 22)
