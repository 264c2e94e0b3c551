"""Read models: what adapters may show. Built from the store, never written back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Role = Literal["customer", "bot", "agent", "note", "system"]


@dataclass(frozen=True, slots=True)
class AttachmentView:
    """One attachment of a turn; `size` in bytes where the platform told it."""

    id: str
    kind: str
    name: str
    mime: str
    size: int | None


@dataclass(frozen=True, slots=True)
class ButtonView:
    """A button under a turn: `id` is what `/press` and callback payloads carry."""

    id: str
    label: str


@dataclass(frozen=True, slots=True)
class TurnView:
    """One message of a conversation as a customer may see it. `in_reply_to` is the seq of the last turn it answers.

    `state` is "whole", or "stopped" where the customer stopped the answer; `revision` counts edits from 0.
    """

    id: str
    seq: int
    role: Role
    text: str
    in_reply_to: int | None
    at: datetime
    author: str
    revision: int = 0
    state: str = "whole"
    attachments: tuple[AttachmentView, ...] = ()
    buttons: tuple[ButtonView, ...] = ()


@dataclass(frozen=True, slots=True)
class TurnAdded:
    cursor: str
    turn: TurnView


@dataclass(frozen=True, slots=True)
class TurnEdited:
    cursor: str
    turn: TurnView


@dataclass(frozen=True, slots=True)
class TurnDeleted:
    cursor: str
    seq: int


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """A logged status of the conversation. `name` is one of `opened` (a fresh conversation), `closed`, `stopped`."""

    cursor: str
    conversation_id: str
    name: str


@dataclass(frozen=True, slots=True)
class PreviewShown:
    """The whole text so far of the answer to turn `in_reply_to`; "" while it is only being thought about. Not logged."""

    text: str
    in_reply_to: int


@dataclass(frozen=True, slots=True)
class PreviewGone:
    """What was shown as a preview will not become a turn in this form. Not logged."""


@dataclass(frozen=True, slots=True)
class PlaceShown:
    """Where the question through turn `in_reply_to` stands in line while the wait is long, in words; "" when it does not wait any
    more. Not logged.
    """

    text: str
    in_reply_to: int
    conversation_id: str


LoggedEvent = TurnAdded | TurnEdited | TurnDeleted | StatusChanged
ChatEvent = LoggedEvent | PreviewShown | PreviewGone | PlaceShown


@dataclass(frozen=True, slots=True)
class TurnPage:
    """The record of the current conversation from a seq on, as far as one page goes, and the cursor of what comes behind it:
    whoever follows that misses nothing.
    """

    conversation_id: str
    turns: tuple[TurnView, ...]
    cursor: str


@dataclass(frozen=True, slots=True)
class SessionView:
    """A web visitor's session: where their messages go and who they are."""

    session_id: str
    account: str
    chat_id: str
    user_id: str


@dataclass(frozen=True, slots=True)
class ArgumentView:
    """One argument of a command, and what menus say of it: {language: words}."""

    name: str
    kind: str
    needed: bool
    choices: tuple[str, ...]
    described: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CommandView:
    """A command as menus show it. `scope`: whose it is, "customer", "desk" or "admin"; `place`: group and child where a platform
    has groups, or its name alone; `described` and `group_described`: {language: words}, English among them.
    """

    name: str
    aliases: tuple[str, ...]
    scope: str
    place: tuple[str, ...]
    described: Mapping[str, str]
    group_described: Mapping[str, str]
    arguments: tuple[ArgumentView, ...] = ()
