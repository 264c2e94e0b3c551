"""What a talk waits for and prints, event by event."""

from datetime import UTC, datetime

import pytest

from adapters.terminal.chat import LinkBack, LinkLost, SessionLost
from adapters.terminal.talk import Talk
from bot.views import PlaceShown, PreviewGone, PreviewShown, StatusChanged, TurnAdded, TurnDeleted, TurnView


def turn(seq: int, role: str, text: str, to: int | None = None) -> TurnAdded:
    return TurnAdded("", TurnView(f"c-{seq}", seq, role, text, to, datetime.now(UTC), ""))  # type: ignore[arg-type]


def status(name: str) -> StatusChanged:
    return StatusChanged("", "c", name)


@pytest.fixture
def talk() -> Talk:
    """One message was typed and handed over."""
    made = Talk()
    made.given()
    return made


def test_a_message_waits_until_it_is_answered(talk: Talk) -> None:
    assert talk.settled(1) == []
    assert talk.hear(turn(1, "customer", "hi")) is None
    talk.hear(PreviewShown("he", 1))
    assert (talk.preview, talk.answering, talk.waits) == ("he", True, True)
    assert talk.hear(turn(2, "bot", "hello", 1)) == "bot: hello"
    assert (talk.preview, talk.answering, talk.waits) == ("", False, False)


def test_the_log_may_be_quicker_than_the_reply(talk: Talk) -> None:
    assert talk.hear(turn(1, "customer", "hi")) is None
    assert talk.hear(turn(2, "bot", "hello", 1)) == "bot: hello"
    assert talk.waits
    assert talk.settled(1) == []
    assert not talk.waits


def test_a_command_waits_only_until_it_is_taken(talk: Talk) -> None:
    talk.settled(None)
    assert not talk.waits


def test_one_answer_may_answer_two_messages(talk: Talk) -> None:
    talk.given()
    talk.settled(1)
    talk.settled(2)
    for happening in (turn(1, "customer", "one"), turn(2, "customer", "two"), turn(3, "bot", "both", 2)):
        talk.hear(happening)
    assert not talk.waits


@pytest.mark.parametrize("name", ["stopped", "closed"])
def test_the_end_of_the_answer_ends_the_wait(talk: Talk, name: str) -> None:
    talk.settled(1)
    talk.hear(turn(1, "customer", "hi"))
    assert talk.waits
    talk.hear(status(name))
    assert not talk.waits


def test_an_end_that_is_quicker_than_the_reply_ends_the_wait_too(talk: Talk) -> None:
    for happening in (turn(1, "customer", "hi"), status("stopped")):
        talk.hear(happening)
    talk.settled(1)
    assert not talk.waits


def test_a_message_of_the_next_conversation_waits_through_the_end_of_the_former(talk: Talk) -> None:
    talk.settled(1)
    for happening in (status("closed"), status("opened")):
        talk.hear(happening)
    assert talk.waits
    assert talk.hear(turn(1, "customer", "hi")) is None


def test_a_stopped_answer_leaves_what_was_on_show_to_come(talk: Talk) -> None:
    talk.hear(PreviewShown("half", 1))
    talk.hear(status("stopped"))
    assert talk.rest
    talk.hear(turn(2, "bot", "half", 1))
    assert not talk.rest


def test_a_message_from_another_window_is_shown() -> None:
    assert Talk().hear(turn(1, "customer", "from the phone")) == "you: from the phone"


def test_one_that_might_be_ours_is_shown_when_it_turns_out_not_to_be(talk: Talk) -> None:
    assert talk.hear(turn(1, "customer", "from the phone")) is None
    assert talk.hear(turn(2, "customer", "ours")) is None
    assert talk.settled(2) == ["you: from the phone"]
    talk.hear(turn(3, "bot", "hello", 2))
    assert not talk.waits


def test_another_windows_question_is_not_waited_for(talk: Talk) -> None:
    talk.hear(turn(1, "customer", "from the phone"))
    assert talk.settled(None) == ["you: from the phone"]
    assert not talk.waits


def test_a_lost_session_takes_what_waited_with_it(talk: Talk) -> None:
    talk.settled(7)
    assert "not kept" in (talk.hear(SessionLost()) or "")
    assert not talk.waits


def test_the_link_is_told_in_words(talk: Talk) -> None:
    assert "lost" in (talk.hear(LinkLost()) or "")
    assert "back" in (talk.hear(LinkBack()) or "")
    assert talk.hear(PreviewGone()) is None
    assert talk.hear(TurnDeleted("", 3)) == "note: Message 3 was deleted."


def test_a_notice_that_ends_a_question_ends_the_waiting_and_an_excuse_does_not(talk: Talk) -> None:
    talk.settled(1)
    talk.hear(turn(1, "customer", "hi"))
    talk.hear(turn(2, "system", "It takes longer than usual."))
    assert talk.waits
    talk.hear(turn(3, "system", "I could not answer in time.", 1))
    assert not talk.waits


def test_a_place_in_line_stands_where_the_answer_will_until_it_begins(talk: Talk) -> None:
    talk.settled(1)
    talk.hear(turn(1, "customer", "hi"))
    assert talk.hear(PlaceShown("You are number 3 in line", 1, "c")) is None
    assert (talk.place, talk.waits) == ("You are number 3 in line", True)
    talk.hear(PreviewShown("", 1))
    assert talk.place == ""
