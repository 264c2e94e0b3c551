"""Whose word is this, and what does it want: a pure look at one event and what is known of its sender."""

from dataclasses import dataclass, replace

from bot.conversation.commands import CommandControl, Commands
from bot.events import (
    AnswerRated,
    Arrived,
    ButtonPressed,
    ChatMoved,
    CommandGiven,
    Deed,
    Departed,
    Event,
    FreshStartRequested,
    MessageDeleted,
    MessageEdited,
    MessageReceived,
    StopRequested,
)
from bot.store.parties import Known

NOT_ADDRESSED = "not_addressed"


@dataclass(frozen=True, slots=True)
class CustomerMessage:
    """Becomes a customer turn and is due an answer."""

    message: MessageReceived


@dataclass(frozen=True, slots=True)
class StopControl:
    """Stop the running answer: the platform's own button, which says so itself."""


@dataclass(frozen=True, slots=True)
class FreshControl:
    """Close the conversation, open another: a page's own button, which shows so itself."""


@dataclass(frozen=True, slots=True)
class RatingControl:
    """A person's word on one bot turn."""

    rated: AnswerRated


@dataclass(frozen=True, slots=True)
class PressControl:
    """A button under a message of ours."""

    pressed: ButtonPressed


@dataclass(frozen=True, slots=True)
class EditControl:
    """A message on record was changed, or taken away (`text` None)."""

    platform_id: str
    text: str | None


@dataclass(frozen=True, slots=True)
class ArrivalControl:
    """The bot came into a place it did not know."""


@dataclass(frozen=True, slots=True)
class DepartureControl:
    """Nothing can be said here any more."""


@dataclass(frozen=True, slots=True)
class MoveControl:
    """The chat of an address has another id now."""

    moved: ChatMoved


@dataclass(frozen=True, slots=True)
class Nothing:
    """Kept, counted by reason, and left alone."""

    reason: str


Control = (
    StopControl
    | FreshControl
    | CommandControl
    | RatingControl
    | PressControl
    | EditControl
    | ArrivalControl
    | DepartureControl
    | MoveControl
)
Meaning = CustomerMessage | Control | Nothing
PLAIN: dict[type, type[StopControl | FreshControl | DepartureControl]] = {
    StopRequested: StopControl,
    FreshStartRequested: FreshControl,
    Departed: DepartureControl,
}


def resolve(event: Event, known: Known, commands: Commands) -> Meaning:
    """What an event means at this address. Staff rooms have no desk behind them in this release: their messages are ignored."""
    if known.kind == "staff_room":
        return Nothing("staff_room")
    if isinstance(event, MessageReceived):
        strange = event.joins_only and known.conversation_id is None
        return Nothing(NOT_ADDRESSED) if strange else _of_message(event, commands)
    if known.conversation_id is None and isinstance(event, MessageEdited | MessageDeleted | Departed):
        return Nothing("no_conversation")
    return _of_control(event, known)


def _of_control(event: Deed, known: Known) -> Control | Nothing:
    control: Control | Nothing
    match event:
        case MessageEdited():
            control = EditControl(event.platform_id, event.text)
        case MessageDeleted():
            control = EditControl(event.platform_id, None)
        case CommandGiven():
            control = CommandControl(event.name, given=dict(event.arguments), placeholder=event.placeholder)
        case Arrived():
            control = ArrivalControl() if known.address_id is None else Nothing("known_place")
        case AnswerRated():
            control = RatingControl(event)
        case ButtonPressed():
            control = PressControl(event)
        case ChatMoved():
            control = MoveControl(event)
        case StopRequested() | FreshStartRequested() | Departed():
            control = PLAIN[type(event)]()
    return control


def _of_message(message: MessageReceived, commands: Commands) -> Meaning:
    command = commands.meant(message.text) if not message.attachments else None  # a file is never left behind
    if command is not None:
        return replace(command, placeholder=message.placeholder)
    if not message.text.strip() and not message.attachments:
        return Nothing("empty")
    return CustomerMessage(message)
