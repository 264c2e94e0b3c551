"""What the platform keeps: users, applications, guilds, channels, messages. Plain slotted records, no behaviour but look-ups."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any, ClassVar

Json = dict[str, Any]


@dataclass(slots=True, eq=False)
class User:
    id: int
    name: str
    bot: bool = False

    @property
    def mention(self) -> str:
        return f"<@{self.id}>"


@dataclass(slots=True, eq=False)
class Application:
    """A bot: one token, one bot user (its id is the application's id), and what its portal page allows."""

    token: str
    user: User
    message_content: bool = True
    members: bool = False
    presences: bool = False
    owner: User | None = None
    revoked: bool = False
    identifies: deque[float] = field(default_factory=lambda: deque(maxlen=100_000))

    @property
    def id(self) -> int:
        return self.user.id

    @property
    def name(self) -> str:
        return self.user.name

    @property
    def mention(self) -> str:
        return self.user.mention

    @property
    def flags(self) -> int:
        """The `_LIMITED` flags of an unverified application (docs: resources/application, "Application Flags")."""
        return (1 << 13) * self.presences | (1 << 15) * self.members | (1 << 19) * self.message_content


@dataclass(slots=True, eq=False)
class Role:
    id: int
    name: str
    permissions: int = 0
    mentionable: bool = False
    bot_id: int | None = None


@dataclass(slots=True, eq=False)
class Member:
    user: User
    joined: float
    roles: list[int] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Guild:
    id: int
    name: str
    owner_id: int
    roles: dict[int, Role] = field(default_factory=dict)
    members: dict[int, Member] = field(default_factory=dict)
    channels: dict[int, "Channel"] = field(default_factory=dict)
    threads: dict[int, "Channel"] = field(default_factory=dict)
    bots: dict[int, Application] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Channel:
    """A text or forum channel, a thread or a DM; `guild` is None in a DM, which has `recipients`."""

    TEXT: ClassVar[int] = 0
    DM: ClassVar[int] = 1
    CATEGORY: ClassVar[int] = 4
    PUBLIC_THREAD: ClassVar[int] = 11
    PRIVATE_THREAD: ClassVar[int] = 12
    FORUM: ClassVar[int] = 15

    id: int
    type: int
    name: str = ""
    guild: Guild | None = None
    parent: "Channel | None" = None
    recipients: dict[int, User] = field(default_factory=dict)
    overwrites: dict[int, tuple[int, int]] = field(default_factory=dict)  # id of role or user -> (deny, allow)
    topic: str | None = None
    position: int = 0
    tags: list[Json] = field(default_factory=list)
    messages: dict[int, "Message"] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)  # ids of the messages, ascending
    last_message_id: int | None = None
    # threads only
    owner_id: int = 0
    archived: bool = False
    locked: bool = False
    archive_changed: float = 0.0
    auto_archive: int = 1440  # minutes
    applied_tags: list[str] = field(default_factory=list)
    thread_members: dict[int, float] = field(default_factory=dict)
    total_sent: int = 0

    @property
    def is_thread(self) -> bool:
        return self.type in (Channel.PUBLIC_THREAD, Channel.PRIVATE_THREAD)


@dataclass(slots=True, eq=False)
class Attachment:
    id: int
    filename: str
    content: bytes
    content_type: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Pings:
    """Who got a notification from a message, after `allowed_mentions` and permissions: ids of users and roles."""

    everyone: bool = False
    users: frozenset[int] = frozenset()
    roles: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        return self.everyone or bool(self.users) or bool(self.roles)


NOBODY = Pings()


@dataclass(slots=True, eq=False)
class Message:
    """Kinds (docs: resources/message, "Message Types"): 0 plain, 19 reply, 20 slash command, 21 thread starter, 23 menu."""

    id: int
    channel: Channel
    author: User
    content: str = ""
    type: int = 0
    flags: int = 0
    nonce: str | int | None = None
    edited: float | None = None
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    mentions: list[User] = field(default_factory=list)
    mention_roles: list[int] = field(default_factory=list)
    mention_everyone: bool = False
    reply_to: "Message | None" = None
    reference: Json | None = None
    webhook_id: int | None = None
    interaction: Json | None = None  # `interaction_metadata`
    shown_to: User | None = None  # only this user sees an ephemeral message
    thread: Channel | None = None
    deleted: bool = False

    THREAD_STARTER: ClassVar[int] = 21
    EPHEMERAL: ClassVar[int] = 1 << 6
    LOADING: ClassVar[int] = 1 << 7
    HAS_THREAD: ClassVar[int] = 1 << 5

    @property
    def buttons(self) -> tuple[str, ...]:
        """The custom ids (or URLs) of its buttons and menus, in the order they are shown."""
        rows = (row.get("components", ()) for row in self.components)
        return tuple(part.get("custom_id") or part.get("url", "") for row in rows for part in row)
