"""What happened on a channel: the frozen facts that adapters hand to intake, and what intake says of each."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AccountKey:
    """One bot identity on a channel, as the settings name it: `[telegram.main]` is ("telegram", "main")."""

    channel: str
    name: str


@dataclass(frozen=True, slots=True)
class ChannelAddress:
    """Where messages come from and go to, in the platform's own ids (text). The key of order."""

    channel: str
    account: str
    chat_id: str
    thread_id: str = ""

    @property
    def account_key(self) -> AccountKey:
        return AccountKey(self.channel, self.account)


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote: the platform's user id, a display name and an IETF language tag where the platform tells them."""

    user_id: str
    name: str = ""
    language: str = ""


NOBODY = Author("")


@dataclass(frozen=True, slots=True)
class AttachmentReference:
    """A file that stays with the platform. `size` in bytes; `reference` is what the channel needs to fetch it."""

    kind: str
    reference: str
    name: str = ""
    mime: str = ""
    size: int | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A message that the platform shows already and that the reply shall replace: an interaction's deferred response.

    `secret` is what changing it needs; it is forgotten once it was used.
    """

    platform_id: str
    secret: str


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A message of a person at an address. `platform_id` is the platform's id of the message, "" where it has none.

    `album`: messages of one album share it and become one turn. `joins_only`: by itself it is not for the bot, but it may belong
    to an album that is. `private`: nobody reads along with this one person, as the platform tells.
    """

    address: ChannelAddress
    author: Author
    text: str
    at: datetime
    platform_id: str = ""
    attachments: tuple[AttachmentReference, ...] = ()
    album: str = ""
    joins_only: bool = False
    placeholder: Placeholder | None = None
    private: bool = False


@dataclass(frozen=True, slots=True)
class MessageEdited:
    """A person changed a message: this is its text now."""

    address: ChannelAddress
    author: Author
    text: str
    at: datetime
    platform_id: str


@dataclass(frozen=True, slots=True)
class MessageDeleted:
    """A message was taken away; platforms do not say by whom."""

    address: ChannelAddress
    at: datetime
    platform_id: str
    author: Author = NOBODY


@dataclass(frozen=True, slots=True)
class StopRequested:
    """The platform's own stop button, or a stop command in its own form. Text commands arrive as messages."""

    address: ChannelAddress
    author: Author
    at: datetime


@dataclass(frozen=True, slots=True)
class FreshStartRequested:
    """A new conversation at the same address: the web page's "new" button."""

    address: ChannelAddress
    author: Author
    at: datetime


@dataclass(frozen=True, slots=True)
class CommandGiven:
    """A command in the platform's own form. `name` as people write it, without the slash; `arguments` by name, as the form asked
    for them. Text commands arrive as messages. `private`: asked and answered for nobody else to see.
    """

    address: ChannelAddress
    author: Author
    name: str
    at: datetime
    placeholder: Placeholder | None = None
    arguments: tuple[tuple[str, str], ...] = ()
    private: bool = False


@dataclass(frozen=True, slots=True)
class ButtonPressed:
    """A button under a message: `button` is the id that the message carried. Who may press it is looked up.

    `reason`: what the person wrote into the form that the press had opened, "" for the press itself.
    """

    address: ChannelAddress
    author: Author
    button: str
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Arrived:
    """The bot may speak here from now on: it was added to a group, or unblocked."""

    address: ChannelAddress
    author: Author
    at: datetime


@dataclass(frozen=True, slots=True)
class Departed:
    """The bot cannot speak here any more: blocked, removed, or the place is gone."""

    address: ChannelAddress
    author: Author
    at: datetime


@dataclass(frozen=True, slots=True)
class ChatMoved:
    """The platform gave a chat, with all its threads, another id."""

    address: ChannelAddress
    chat_id: str
    at: datetime
    author: Author = NOBODY


@dataclass(frozen=True, slots=True)
class AnswerRated:
    """A person rated one bot turn of the current conversation: `value` 1 is helpful, -1 is not."""

    address: ChannelAddress
    author: Author
    turn_id: str
    value: int
    reason: str
    at: datetime


Deed = (
    MessageEdited
    | MessageDeleted
    | StopRequested
    | FreshStartRequested
    | CommandGiven
    | ButtonPressed
    | AnswerRated
    | Arrived
    | Departed
    | ChatMoved
)
Event = MessageReceived | Deed


@dataclass(frozen=True, slots=True)
class Skipped:
    """Not for the bot (people talk among themselves in a group): counted by `reason`, a stable word, and not kept."""

    reason: str


@dataclass(frozen=True, slots=True)
class Undecodable:
    """An update the adapter could not read: kept as a dead letter, never in the way of the others."""

    reason: str


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a place was read: committed with the update that it names. `place` "" is the account's one stream of updates."""

    place: str
    position: str


@dataclass(frozen=True, slots=True)
class Received:
    """One raw update. `key` is unique per account for ever (at-least-once platforms repeat it); `raw` is stored as it came."""

    account: AccountKey
    key: str
    raw: bytes
    event: Event | Undecodable | Skipped
    cursor: Cursor | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """Committed as a turn: `seq` counts from 1 in its conversation. `repeated`: it was stored by an earlier call."""

    conversation_id: str
    seq: int
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Acted:
    """A control (stop, new, rating, command): committed and acted on at once. `conversation_id` is the current one after it.

    `say` is a short word for whoever pressed a button, "" for none; `ask` a question to them, where the platform has forms.
    """

    conversation_id: str
    repeated: bool = False
    say: str = ""
    ask: str = ""


@dataclass(frozen=True, slots=True)
class Ignored:
    """Kept in the inbox, but nothing follows from it. `reason` is a stable word counted in the metrics."""

    reason: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """The key was used before with another content: nothing was stored."""


@dataclass(frozen=True, slots=True)
class DeadLettered:
    """Stored raw for a person to look at; `reason` says why it could not be read."""

    reason: str


Receipt = Stored | Acted | Ignored | Conflict | DeadLettered
