"""Whose word is this, and what does it want: a pure look at one event and what is known of its sender."""

from dataclasses import dataclass

from bot.events import AnswerRated, Event, FreshStartRequested, MessageReceived, StopRequested
from bot.store.parties import Known

STOP_WORDS = frozenset({"/stop"})
FRESH_WORDS = frozenset({"/new", "/reset"})


@dataclass(frozen=True, slots=True)
class CustomerMessage:
    """Becomes a customer turn and is due an answer."""

    message: MessageReceived


@dataclass(frozen=True, slots=True)
class StopControl:
    """Stop the running answer."""


@dataclass(frozen=True, slots=True)
class FreshControl:
    """Close the conversation, open another."""


@dataclass(frozen=True, slots=True)
class RatingControl:
    """A person's word on one bot turn."""

    rated: AnswerRated


@dataclass(frozen=True, slots=True)
class Nothing:
    """Kept, counted by reason, and left alone."""

    reason: str


Meaning = CustomerMessage | StopControl | FreshControl | RatingControl | Nothing


def resolve(event: Event, known: Known) -> Meaning:
    """What an event means at this address. Staff rooms have no desk behind them in this release: their messages are ignored."""
    if known.kind == "staff_room":
        return Nothing("staff_room")
    match event:
        case StopRequested():
            return StopControl()
        case FreshStartRequested():
            return FreshControl()
        case AnswerRated():
            return RatingControl(event)
        case MessageReceived():
            return _of_message(event)


def _of_message(message: MessageReceived) -> Meaning:
    word = message.text.strip().lower()
    if word in STOP_WORDS:
        return StopControl()
    if word in FRESH_WORDS:
        return FreshControl()
    if not word and not message.attachments:
        return Nothing("empty")
    return CustomerMessage(message)
