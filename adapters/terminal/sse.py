"""Server-sent events as the web chat API sends them, read from bytes as they come."""

from collections.abc import Iterator
from dataclasses import dataclass

LIMIT = 4_000_000


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event; `cursor` is its id, "" where it has none."""

    name: str
    data: bytes
    cursor: str


class EventReader:
    """Feed it bytes, take events out. Comments and half events yield nothing. Raises ValueError past 4 MB without an end."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[ServerEvent]:
        *blocks, self._rest = (self._rest + data).replace(b"\r\n", b"\n").split(b"\n\n")
        if len(self._rest) > LIMIT:
            raise ValueError("an event without an end")
        for block in blocks:
            event = _event(block)
            if event is not None:
                yield event


def _event(block: bytes) -> ServerEvent | None:
    name, cursor, data = "message", "", []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            name = value.decode("utf-8", "replace")
        elif field == b"id":
            cursor = value.decode("utf-8", "replace")
        elif field == b"data":
            data.append(value)
    return ServerEvent(name, b"\n".join(data), cursor) if data else None
