"""What the web chat API says, as it stands on the wire."""

from collections.abc import Callable

import msgspec

from adapters.terminal.sse import ServerEvent
from bot.views import (
    ChatEvent,
    PlaceShown,
    PreviewGone,
    PreviewShown,
    StatusChanged,
    TurnAdded,
    TurnDeleted,
    TurnEdited,
    TurnView,
)


class Turns(msgspec.Struct):
    """The record of the current conversation, and the cursor from which its events go on."""

    conversation: str
    turns: list[TurnView]
    cursor: str


class Accepted(msgspec.Struct):
    """A message was stored as turn `seq`; a command has none."""

    seq: int | None


class _Status(msgspec.Struct):
    conversation: str
    name: str
    text: str = ""


class _Deleted(msgspec.Struct):
    seq: int


def _status(event: ServerEvent) -> StatusChanged | PlaceShown:
    status = msgspec.json.decode(event.data, type=_Status)
    if status.name == "waiting":
        return PlaceShown(status.text, 0, status.conversation)
    return StatusChanged(event.cursor, status.conversation, status.name)


READ: dict[str, Callable[[ServerEvent], ChatEvent]] = {
    "turn": lambda event: TurnAdded(event.cursor, msgspec.json.decode(event.data, type=TurnView)),
    "turn.edited": lambda event: TurnEdited(event.cursor, msgspec.json.decode(event.data, type=TurnView)),
    "turn.deleted": lambda event: TurnDeleted(event.cursor, msgspec.json.decode(event.data, type=_Deleted).seq),
    "status": _status,
    "preview": lambda event: msgspec.json.decode(event.data, type=PreviewShown),
    "preview.gone": lambda _: PreviewGone(),
}


def read(event: ServerEvent) -> ChatEvent | None:
    """What happened; None for an event of a kind or shape that a later release has and this one does not know."""
    try:
        return READ[event.name](event)
    except (KeyError, msgspec.MsgspecError):
        return None
