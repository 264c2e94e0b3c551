"""Frames: the event stream's wire form, pure. Logged events carry their cursor as `id:`; previews have none."""

import msgspec

from bot.views import (
    ChatEvent,
    LoggedEvent,
    PlaceShown,
    PreviewGone,
    PreviewShown,
    StatusChanged,
    TurnAdded,
    TurnDeleted,
    TurnEdited,
)

HEARTBEAT = b":\n\n"
OPENING = b"retry: 2000\n: listening\n\n"
PREVIEW_GONE = b"event: preview.gone\ndata: {}\n\n"
_encoder = msgspec.json.Encoder()


class Status(msgspec.Struct, omit_defaults=True):
    """`name` is one of `opened` (a fresh conversation), `closed`, `stopped`, and, not logged, `waiting`: `text` is the place in
    line of the question that waits, "" when it does not wait any more.
    """

    name: str
    conversation: str
    text: str = ""


class Gone(msgspec.Struct):
    seq: int


def frame(event: ChatEvent) -> bytes:
    """One event as the bytes of one SSE block."""
    match event:
        case PreviewShown():
            return _passing(b"preview", event)
        case PreviewGone():
            return PREVIEW_GONE
        case PlaceShown():
            return _passing(b"status", Status("waiting", event.conversation_id, event.text))
        case _:
            return _of_log(event)


def _of_log(event: LoggedEvent) -> bytes:
    match event:
        case TurnAdded():
            return _logged(b"turn", event.cursor, event.turn)
        case TurnEdited():
            return _logged(b"turn.edited", event.cursor, event.turn)
        case TurnDeleted():
            return _logged(b"turn.deleted", event.cursor, Gone(event.seq))
        case StatusChanged():
            return _logged(b"status", event.cursor, Status(event.name, event.conversation_id))


def failure(code: str) -> bytes:
    """What a stream says before it ends early."""
    return b"event: error\ndata: %b\n\n" % _encoder.encode({"code": code})


def _passing(name: bytes, body: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name, _encoder.encode(body))


def _logged(name: bytes, cursor: str, body: object) -> bytes:
    return b"event: %b\nid: %b\ndata: %b\n\n" % (name, cursor.encode(), _encoder.encode(body))
