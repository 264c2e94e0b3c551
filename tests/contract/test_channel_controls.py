"""Commands, buttons and placeholders mean the same on every store."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bot.conversation import telling
from bot.conversation.storing import Finished, give_back, store_answer, store_stopped
from bot.delivery import buttons
from bot.events import (
    Acted,
    Arrived,
    ButtonPressed,
    CommandGiven,
    Ignored,
    MessageReceived,
    Placeholder,
    Stored,
)
from bot.store import controls, outbox, sending
from bot.store.conversations import WindowState
from bot.store.ids import ConversationId
from bot.store.outbox import Lane
from bot.store.presses import button_id
from bot.store.tables import conversation, rating
from bot.store.tables import outbox as outbox_table
from tests.command_words import help_text, says
from tests.contract.channel_desk import ANN, BOB, NOW, ROOM, TRACE, Desk, open_desk, sent
from tests.contract.stores import KINDS


@pytest.fixture(params=KINDS)
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    async with open_desk(request.param, request) as made:
        yield made


async def test_whoever_asked_may_rate_the_answer_and_nobody_else(desk: Desk) -> None:
    await desk.say("what?", "m1")
    await desk.answer()
    up, down, _ = (one.id for one in buttons.under(await sent(desk)))
    assert await desk.receive(ButtonPressed(ROOM, BOB, up, NOW)) == Ignored("unknown_button")
    elsewhere = replace(ROOM, chat_id="-2")
    assert await desk.receive(ButtonPressed(elsewhere, ANN, up, NOW)) == Ignored("unknown_button")
    assert await desk.receive(ButtonPressed(ROOM, ANN, "0" * 32 + ":up", NOW)) == Ignored("unknown_button")
    assert await desk.rows(rating.c.value) == []
    pressed = await desk.receive(ButtonPressed(ROOM, ANN, down, NOW))
    assert isinstance(pressed, Acted)
    assert (pressed.say, pressed.ask) == (telling.THANKS, telling.WHAT_WAS_WRONG)
    told = await desk.receive(ButtonPressed(ROOM, ANN, down, NOW, reason="too vague"))
    assert isinstance(told, Acted)
    assert told.ask == ""
    assert await desk.rows(rating.c.seq, rating.c.value, rating.c.reason) == [(2, -1, "too vague")]


async def test_whoever_asked_something_else_before_may_not_press(desk: Desk) -> None:
    await desk.say("who?", author=BOB)
    await desk.answer()
    his = buttons.under(await sent(desk))[0].id
    await desk.say("what?")
    await desk.answer()
    hers = buttons.under(await sent(desk, "sent-2"))[0].id
    assert await desk.receive(ButtonPressed(ROOM, BOB, hers, NOW)) == Ignored("unknown_button")
    assert isinstance(await desk.receive(ButtonPressed(ROOM, BOB, his, NOW)), Acted)


async def test_all_whom_one_answer_answers_may_press(desk: Desk) -> None:
    await desk.say("who?", author=BOB)
    await desk.say("what?")
    await desk.answer()
    up = buttons.under(await sent(desk))[0].id
    assert isinstance(await desk.receive(ButtonPressed(ROOM, BOB, up, NOW)), Acted)
    assert isinstance(await desk.receive(ButtonPressed(ROOM, ANN, up, NOW)), Acted)


async def test_a_press_under_a_message_whose_topic_is_not_told_is_answered_in_that_topic(desk: Desk) -> None:
    topic = replace(ROOM, thread_id="7")
    await desk.say("what?", address=topic)
    await desk.answer()
    human = buttons.under(await sent(desk))[2].id
    await desk.receive(MessageReceived(topic, ANN, "/new", NOW, "m2"))
    await sent(desk, "sent-2")
    await desk.receive(ButtonPressed(ROOM, ANN, human, NOW))
    assert [(head.chat_id, head.thread_id) for head in await desk.store.read(sending.heads, desk.ref, room=9)] == [("-1", "7")]


async def test_the_button_to_a_person_tells_how_to_reach_one(desk: Desk) -> None:
    await desk.say("what?", "m1")
    await desk.answer()
    human = buttons.under(await sent(desk))[2]
    assert human.id == button_id((await desk.rows(outbox_table.c.outbox_id))[0][0], "human")  # type: ignore[arg-type]
    await desk.receive(ButtonPressed(ROOM, ANN, human.id, NOW))
    assert await desk.told() == ["Call 555"]


async def test_only_the_last_part_of_an_answer_carries_buttons(desk: Desk) -> None:
    await desk.say("what?", "m1")
    question = await desk.claim()
    done = Finished(question, "ab", ("a", "b"), 1, WindowState(0, 1, "k"), TRACE, {}, None, summarise=False)
    await desk.store.write(store_answer, done, wait_s=0.0)
    first = await sent(desk)
    last = await sent(desk, "sent-2")
    assert (first.parts, last.parts) == (2, 2)
    assert buttons.under(first) == ()
    assert len(buttons.under(last)) == 3


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("/start from-a-link", "Welcome!"),
        ("/help", help_text("telegram")),
        ("/human", "Call 555"),
        ("/agent", "Call 555"),
        ("/new", says("fresh")),
        ("/stop", says("nothing-to-stop")),
    ],
)
async def test_a_command_is_answered_at_once_and_asks_the_model_nothing(desk: Desk, word: str, said: str) -> None:
    receipt = await desk.receive(MessageReceived(ROOM, ANN, word, NOW, "m1"))
    assert isinstance(receipt, Acted)
    assert await desk.told() == [said]
    assert await desk.rows(conversation.c.due_at) == [(None,)]


async def test_the_ids_are_those_of_the_asker(desk: Desk) -> None:
    receipt = await desk.receive(CommandGiven(ROOM, ANN, "id", NOW))
    assert isinstance(receipt, Acted)
    assert await desk.told() == [f"you: telegram:main:ann\nchat: -1\nconversation: {receipt.conversation_id}"]


async def test_words_that_only_begin_like_a_command_are_a_question(desk: Desk) -> None:
    assert isinstance(await desk.receive(MessageReceived(ROOM, ANN, "/new york weather", NOW, "m1")), Stored)


async def test_a_command_goes_into_the_placeholder_that_the_platform_shows(desk: Desk) -> None:
    await desk.receive(CommandGiven(ROOM, ANN, "help", NOW, Placeholder("interaction:1", "secret-token")))
    assert await desk.rows(outbox_table.c.platform_id, outbox_table.c.secret) == [("interaction:1", "secret-token")]
    row = await sent(desk, "interaction:1")
    assert row.secret == "secret-token"
    assert "secret-token" not in repr(row)
    assert await desk.rows(outbox_table.c.state, outbox_table.c.secret) == [("sent", None)]


async def test_an_answer_goes_into_the_first_placeholder_and_further_ones_are_removed(desk: Desk) -> None:
    await desk.say("one", placeholder=Placeholder("interaction:1", "t1"))
    await desk.say("two", placeholder=Placeholder("interaction:2", "t2"))
    await desk.answer("both")
    rows = await desk.rows(outbox_table.c.platform_id, outbox_table.c.kind, outbox_table.c.text, outbox_table.c.secret)
    assert sorted(rows) == [("interaction:1", "bot", "both", "t1"), ("interaction:2", "removal", "", "t2")]


async def test_a_stop_before_anyone_answers_takes_the_placeholder_away(desk: Desk) -> None:
    await desk.say("one", placeholder=Placeholder("interaction:1", "t1"))
    await desk.receive(CommandGiven(ROOM, ANN, "stop", NOW, Placeholder("interaction:2", "t2")))
    rows = await desk.rows(outbox_table.c.platform_id, outbox_table.c.kind, outbox_table.c.state, outbox_table.c.text)
    assert sorted(rows) == [
        ("interaction:1", "removal", "ready", controls.REMOVED),
        ("interaction:2", "system", "ready", says("stopped")),
    ]


async def test_a_stop_leaves_the_preview_to_whoever_answers(desk: Desk) -> None:
    await desk.say("one", placeholder=Placeholder("interaction:1", "t1"))
    question = await desk.claim()
    await desk.receive(CommandGiven(ROOM, ANN, "stop", NOW))
    assert await desk.store.write(store_stopped, question, 1, "half", ("half",))
    rows = await desk.rows(outbox_table.c.platform_id, outbox_table.c.kind, outbox_table.c.state, outbox_table.c.text)
    assert rows == [("interaction:1", "bot", "ready", "half")]


async def test_a_stop_that_meets_a_failed_try_leaves_nothing_on_show(desk: Desk) -> None:
    await desk.say("one", placeholder=Placeholder("interaction:1", "t1"))
    question = await desk.claim()
    await desk.receive(CommandGiven(ROOM, ANN, "stop", NOW))
    await desk.store.write(give_back, question, wait_s=1.0, reason="retry")
    assert await desk.rows(outbox_table.c.platform_id, outbox_table.c.kind, outbox_table.c.state) == [
        ("interaction:1", "removal", "ready")
    ]
    assert await desk.rows(conversation.c.due_at) == [(None,)]


async def test_the_bot_greets_where_it_was_brought_and_only_once(desk: Desk) -> None:
    assert isinstance(await desk.receive(Arrived(ROOM, ANN, NOW)), Acted)
    assert await desk.receive(Arrived(ROOM, ANN, NOW)) == Ignored("known_place")
    assert await desk.told() == ["Welcome!"]


async def test_a_reserved_row_left_by_an_offer_belongs_to_the_conversation(desk: Desk) -> None:
    stored = await desk.say("one", placeholder=Placeholder("interaction:1", "t1"))
    question = await desk.claim()
    lane = Lane(desk.ref.workspace_id, desk.ref.account_id, question.claim.address_id, ConversationId(stored.conversation_id))
    reserved = await desk.store.read(outbox.find_reserved, lane)
    assert reserved is not None
    assert (reserved.outbox_id, reserved.platform_id, reserved.secret) == (question.outbox_id, "interaction:1", "t1")
