"""Whose word is this, and what does it want: a pure look at one event and what is known of its sender."""

from dataclasses import dataclass

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
    Placeholder,
    StopRequested,
)
from bot.store.parties import Known

# what customers may write, and the command that is meant
WORDS = {
    "start": "start",
    "help": "help",
    "stop": "stop",
    "new": "new",
    "reset": "new",
    "human": "human",
    "agent": "human",
    "id": "id",
}


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
class CommandControl:
    """One of the commands of WORDS; it is answered in words."""

    name: str
    placeholder: Placeholder | None = None


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


def resolve(event: Event, known: Known) -> Meaning:
    """What an event means at this address. Staff rooms have no desk behind them in this release: their messages are ignored."""
    if known.kind == "staff_room":
        return Nothing("staff_room")
    if isinstance(event, MessageReceived):
        strange = event.joins_only and known.conversation_id is None
        return Nothing(NOT_ADDRESSED) if strange else _of_message(event)
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
        case CommandGiven(name=name, placeholder=placeholder):
            control = CommandControl(WORDS[name], placeholder) if name in WORDS else Nothing("unknown_command")
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


def _of_message(message: MessageReceived) -> Meaning:
    command = _command(message.text)
    if command is not None:
        return CommandControl(command, message.placeholder)
    if not message.text.strip() and not message.attachments:
        return Nothing("empty")
    return CustomerMessage(message)


def _command(text: str) -> str | None:
    """The command a text is: alone, but for `/start`, which platforms send with what a link carried."""
    word, _, rest = text.strip().partition(" ")
    name = WORDS.get(word[1:].lower()) if word.startswith("/") else None
    return name if not rest or name == "start" else None
