"""What is printed is harmless, fits, and says who speaks."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.terminal.chat import LinkBack, LinkLost
from adapters.terminal.sse import EventReader, ServerEvent
from adapters.terminal.talk import Talk
from adapters.terminal.words import harmless, say, width, wrap
from bot.views import PreviewGone, PreviewShown, StatusChanged, TurnAdded, TurnView


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),  # an escape sequence without its escape is only ugly
        ("a\x00b\x07\x08c", "abc"),
        ("line\r\nline", "line\nline"),
        ("\u202eevil\u202c", "evil"),
        ("tab\there", "tab    here"),
        ("مرحبا", "مرحبا"),
    ],
)
def test_text_is_made_harmless(text: str, shown: str) -> None:
    assert harmless(text) == shown


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_harmless_text_has_no_control_characters_but_newlines(text: str) -> None:
    assert not [one for one in harmless(text) if one != "\n" and (ord(one) < 32 or 127 <= ord(one) < 160)]


@given(st.text(alphabet="ab 漢字é", max_size=200), st.integers(20, 60))
def test_wrapped_lines_fit_and_lose_no_letter(text: str, columns: int) -> None:
    lines = wrap(text, columns)
    assert all(width(line) <= columns for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_a_turn_hangs_under_its_speaker() -> None:
    lines = say("bot", "word " * 20, 40).splitlines()
    assert lines[0].startswith("bot: word")
    assert all(line.startswith("     word") for line in lines[1:])


@pytest.mark.parametrize("cut", range(1, 60))
def test_events_are_read_however_they_are_cut(cut: int) -> None:
    stream = b': hi\n\nevent: turn\nid: a-1\ndata: {"x": 1}\n\ndata: two\ndata: lines\n\n'
    reader = EventReader()
    found = [*reader.feed(stream[:cut]), *reader.feed(stream[cut:])]
    assert found == [ServerEvent("turn", b'{"x": 1}', "a-1"), ServerEvent("message", b"two\nlines", "")]


def view(seq: int, role: str, text: str, to: int | None = None) -> TurnView:
    return TurnView(f"c-{seq}", seq, role, text, to, datetime.now(UTC), "")  # type: ignore[arg-type]


def test_the_talk_waits_until_its_messages_are_answered() -> None:
    talk = Talk()
    talk.said(1)
    assert talk.hear(TurnAdded("", view(1, "customer", "hi"))) is None
    talk.hear(PreviewShown("he", 1))
    assert (talk.preview, talk.answering, talk.waits) == ("he", True, True)
    assert talk.hear(TurnAdded("", view(2, "bot", "hello", 1))) == "bot: hello"
    assert (talk.preview, talk.answering, talk.waits) == ("", False, False)


def test_a_stop_ends_the_wait() -> None:
    talk = Talk()
    talk.said(1)
    talk.hear(StatusChanged("", "c", "stopped"))
    assert not talk.waits


def test_a_message_from_another_window_is_shown() -> None:
    assert Talk().hear(TurnAdded("", view(1, "customer", "from the phone"))) == "you: from the phone"


def test_the_link_is_told_in_words() -> None:
    assert "lost" in (Talk().hear(LinkLost()) or "")
    assert "back" in (Talk().hear(LinkBack()) or "")
    assert Talk().hear(PreviewGone()) is None
