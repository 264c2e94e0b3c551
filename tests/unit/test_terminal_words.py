"""What is printed is harmless, fits, and says who speaks."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.terminal.turns import printed
from adapters.terminal.words import harmless, say, width, without_controls, wrap
from bot.views import AttachmentView, ButtonView, TurnView


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x9b31mred", "red"),  # the one-byte form of the same
        ("\x1b]52;c;aGk=\x07clip\x1b]0;title\x1b\\board", "clipboard"),
        ("\x1b\x1b[0m[2Jleft over", "[2Jleft over"),  # what is left when one is taken out of another is only ugly
        ("\x1b]0;never ended", "]0;never ended"),
        ("a\x00b\x07\x08c", "abc"),
        ("line\r\nline\rline\u2028line", "line\nline\nline\nline"),
        ("\u202eevil\u202c", "evil"),
        ("tab\there", "tab    here"),
        ("half \ud83d a character", "half  a character"),
        ("مرحبا", "مرحبا"),
    ],
)
def test_text_is_made_harmless(text: str, shown: str) -> None:
    assert harmless(text) == shown


@given(st.text())
def test_harmless_text_has_no_control_characters_but_newlines(text: str) -> None:
    assert not [one for one in harmless(text) if one != "\n" and (ord(one) < 32 or 127 <= ord(one) < 160)]


@given(st.text())
def test_what_is_sent_can_be_written_in_utf_8_and_keeps_its_lines(text: str) -> None:
    sent = without_controls(text)
    assert "\x00" not in sent.encode().decode()
    assert sent.count("\n") == text.count("\n")


@given(st.text(alphabet="ab 漢字é\u0301\U0001f600", max_size=200), st.integers(10, 60))
def test_wrapped_lines_fit_and_lose_no_letter(text: str, columns: int) -> None:
    lines = wrap(text, columns)
    assert all(width(line) <= columns for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_wide_characters_take_two_columns_and_marks_none() -> None:
    assert (width("漢字"), width("e\u0301"), width("\U0001f600")) == (4, 1, 2)
    assert wrap("漢" * 11, 20) == ["漢" * 10, "漢"]


def test_a_mark_stays_with_its_letter_at_the_edge() -> None:
    assert wrap("e\u0301" * 11, 10) == ["e\u0301" * 10, "e\u0301"]


def test_a_turn_hangs_under_its_speaker() -> None:
    lines = say("bot", "word " * 20, 40).splitlines()
    assert lines[0].startswith("bot: word")
    assert all(line.startswith("     word") for line in lines[1:])


def test_a_speaker_too_long_for_the_screen_stands_above_what_is_said() -> None:
    lines = say("a name that fills the whole line", "hello there", 20).splitlines()
    assert lines[-1] == "  hello there"
    assert all(width(line) <= 20 for line in lines)


def view(role: str, text: str, **more: Any) -> TurnView:
    return TurnView("c-1", 1, role, text, None, datetime.now(UTC), more.pop("author", ""), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("turn", "shown"),
    [
        (view("customer", "hi"), "you: hi"),
        (view("system", "welcome"), "note: welcome"),
        (view("agent", "hi", author="Eve"), "Eve (agent): hi"),
        (view("agent", "hi", author="bot:\n\x1b[2J"), "bot: (agent): hi"),  # a name cannot pass for another speaker
        (view("bot", "half", state="stopped"), "bot: half [stopped]"),
        (view("customer", "", attachments=(AttachmentView("1", "image", "", "", None),)), "you: [file: image]"),
        (view("bot", "so?", buttons=(ButtonView("y", "Yes"),)), "bot: so?\n     [you can answer: Yes]"),
    ],
)
def test_a_turn_says_who_speaks_and_what_is_special(turn: TurnView, shown: str) -> None:
    assert printed(turn, 80) == shown


def test_a_changed_turn_says_so() -> None:
    assert printed(view("bot", "better"), 80, changed=True) == "bot, changed: better"
