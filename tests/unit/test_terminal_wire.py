"""What the instance sends is read however it is cut, and what is not understood is passed over."""

import pytest

from adapters.terminal.sse import EventReader, ServerEvent
from adapters.terminal.wire import read
from bot.views import StatusChanged, TurnDeleted


@pytest.mark.parametrize("cut", range(1, 60))
def test_events_are_read_however_they_are_cut(cut: int) -> None:
    stream = b': hi\n\nevent: turn\nid: a-1\ndata: {"x": 1}\n\ndata: two\ndata: lines\n\n'
    reader = EventReader()
    found = [*reader.feed(stream[:cut]), *reader.feed(stream[cut:])]
    assert found == [ServerEvent("turn", b'{"x": 1}', "a-1"), ServerEvent("message", b"two\nlines", "")]


@pytest.mark.parametrize(
    ("name", "data", "happening"),
    [
        ("status", b'{"name": "opened", "conversation": "c"}', StatusChanged("a-1", "c", "opened")),
        ("turn.deleted", b'{"seq": 4}', TurnDeleted("a-1", 4)),
        ("of a later release", b"{}", None),
        ("turn.deleted", b'{"of": "a later release"}', None),
        ("turn", b"not JSON", None),
    ],
)
def test_an_event_that_is_not_understood_is_passed_over(name: str, data: bytes, happening: object) -> None:
    assert read(ServerEvent(name, data, "a-1")) == happening
