"""What channels tell besides plain messages means the same on every store."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
import sqlalchemy as sa

from bot.conversation import notices, telling
from bot.conversation.claiming import take_due
from bot.conversation.files import SentFile, for_model
from bot.conversation.memory import Memory
from bot.conversation.storing import Finished, store_answer
from bot.errors import Superseded
from bot.events import (
    Acted,
    Arrived,
    ChatMoved,
    Cursor,
    Departed,
    Ignored,
    MessageDeleted,
    MessageEdited,
    MessageReceived,
    Skipped,
    Stored,
)
from bot.store import reading, sending
from bot.store.conversations import WindowState
from bot.store.tables import address, attachment, conversation, inbox, turn
from bot.store.tables import outbox as outbox_table
from bot.store.turns import Place
from tests.contract.channel_desk import ANN, BOB, ME, NOW, PHOTO, ROOM, TRACE, Desk, open_desk
from tests.contract.stores import KINDS

Notice = Callable[..., Place | None]


@pytest.fixture(params=KINDS)
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    async with open_desk(request.param, request) as made:
        yield made


async def test_the_files_of_an_album_become_one_turn(desk: Desk) -> None:
    first = await desk.say("two photos", "m1", attachments=(PHOTO,), album="a")
    again = await desk.say("", "m2", attachments=(replace(PHOTO, reference="file-2"),), album="a")
    assert (again.conversation_id, again.seq) == (first.conversation_id, first.seq) == (first.conversation_id, 1)
    assert await desk.rows(attachment.c.seq, attachment.c.reference) == [(1, "file-1"), (1, "file-2")]
    assert await desk.rows(turn.c.model_text) == [(for_model("two photos", [SentFile("photo"), SentFile("photo")]),)]


async def test_what_may_belong_to_an_album_does_so_or_is_left_alone(desk: Desk) -> None:
    stray = MessageReceived(ROOM, BOB, "", NOW, "m0", (PHOTO,), "b", joins_only=True)
    assert await desk.receive(stray) == Ignored("not_addressed")
    first = await desk.say("two photos", "m1", attachments=(PHOTO,), album="a")
    assert await desk.receive(replace(stray, platform_id="m3")) == Ignored("not_addressed")
    rest = await desk.receive(replace(stray, platform_id="m2", album="a"))
    assert isinstance(rest, Stored)
    assert rest.seq == first.seq
    assert await desk.rows(turn.c.seq) == [(1,)]


async def test_an_album_waits_for_the_rest_of_itself(desk: Desk) -> None:
    await desk.say("two photos", attachments=(PHOTO,), album="a")
    assert await desk.store.write(take_due, Memory(), desk.ref.route, ME, lease_s=10, room=8) == ()


async def test_a_file_that_comes_after_the_answer_is_a_turn_of_its_own(desk: Desk) -> None:
    await desk.say("two photos", attachments=(PHOTO,), album="a")
    await desk.store.write(lambda c: c.execute(sa.update(conversation).values(due_at=NOW)))
    await desk.answer()
    late = await desk.say("", attachments=(PHOTO,), album="a")
    assert late.seq == 3
    assert await desk.told() == ["well"]  # nothing is said of it


async def test_words_of_an_album_that_come_while_it_is_answered_are_asked_as_well(desk: Desk) -> None:
    await desk.say("one?", attachments=(PHOTO,), album="a")
    await desk.store.write(lambda c: c.execute(sa.update(conversation).values(due_at=NOW)))
    question = await desk.claim()
    await desk.say("", attachments=(PHOTO,), album="a")
    late = await desk.say("two?", attachments=(PHOTO,), album="a")
    assert late.seq == 2
    done = Finished(question, "well", ("well",), 1, WindowState(0, 1, "k"), TRACE, {}, None, summarise=False)
    assert await desk.store.write(store_answer, done, wait_s=0.0)
    assert [turn.seq for turn in (await desk.claim()).turns] == [1, 2, 3]


async def test_what_cannot_be_read_is_kept_and_gets_one_polite_sentence(desk: Desk) -> None:
    await desk.say("", "m1", attachments=(PHOTO,), album="a")
    await desk.say("", "m2", attachments=(PHOTO,), album="a")
    assert await desk.told() == [telling.UNREADABLE]
    assert await desk.rows(conversation.c.due_at) == [(None,)]
    await desk.say("this is my bill")
    question = await desk.claim()
    assert [turn.text for turn in question.turns] == [for_model("", [SentFile("photo")] * 2), "this is my bill"]


async def test_an_edited_open_question_is_asked_anew_and_the_running_answer_is_fenced(desk: Desk) -> None:
    await desk.say("whta", "m1")
    old = await desk.claim()
    assert isinstance(await desk.receive(MessageEdited(ROOM, ANN, "what?", NOW, "m1")), Acted)
    fresh = await desk.claim()
    assert [turn.text for turn in fresh.turns] == ["what?"]
    assert (fresh.claim.epoch, fresh.claim.window_break) == (old.claim.epoch + 1, "edit")
    done = Finished(old, "old", ("old",), 1, WindowState(0, 1, "k"), TRACE, {}, None, summarise=False)
    with pytest.raises(Superseded):
        await desk.store.write(store_answer, done, wait_s=0.0)
    assert await desk.texts() == [(1, "what?", "whole", 1)]


async def test_an_edit_of_an_answered_message_changes_the_record_and_declares_the_break(desk: Desk) -> None:
    await desk.say("what?", "m1")
    await desk.answer()
    await desk.receive(MessageEdited(ROOM, ANN, "who?", NOW, "m1"))
    assert (1, "who?", "whole", 1) in await desk.texts()
    assert await desk.rows(conversation.c.due_at, conversation.c.window_break) == [(None, "edit")]


@pytest.mark.parametrize("edit", [MessageEdited(ROOM, ANN, "same", NOW, "m1"), MessageEdited(ROOM, ANN, "x", NOW, "unheard")])
async def test_an_edit_that_changes_nothing_is_ignored(desk: Desk, edit: MessageEdited) -> None:
    await desk.say("same", "m1")
    assert isinstance(await desk.receive(edit), Ignored)
    assert await desk.texts() == [(1, "same", "whole", 0)]


async def test_a_deleted_open_question_is_not_answered(desk: Desk) -> None:
    await desk.say("oh no", "m1")
    await desk.claim()
    assert isinstance(await desk.receive(MessageDeleted(ROOM, NOW, "m1")), Acted)
    assert await desk.texts() == [(1, "", "deleted", 1)]
    assert await desk.rows(conversation.c.due_at, conversation.c.lease_owner) == [(None, None)]
    await desk.say("instead", "m2")
    assert [turn.text for turn in (await desk.claim()).turns] == ["instead"]


async def test_what_is_left_of_a_deleted_question_is_answered_and_then_nothing_is_due(desk: Desk) -> None:
    await desk.say("one", "m1")
    await desk.say("two", "m2")
    await desk.receive(MessageDeleted(ROOM, NOW, "m2"))
    question = await desk.answer()
    assert [turn.text for turn in question.turns] == ["one"]
    assert await desk.rows(conversation.c.due_at) == [(None,)]


async def test_an_answer_names_the_message_that_it_answers(desk: Desk) -> None:
    await desk.say("one", "m1")
    await desk.say("two", "m2", attachments=(PHOTO,), album="a")
    await desk.store.write(lambda c: c.execute(sa.update(conversation).values(due_at=NOW)))
    await desk.answer()
    assert await desk.rows(outbox_table.c.reply_to) == [("m2",)]


async def test_a_chat_that_moves_takes_its_threads_and_conversations_along(desk: Desk) -> None:
    await desk.say("one", "m1")
    await desk.say("two", "m2", address=replace(ROOM, thread_id="7"))
    assert isinstance(await desk.receive(ChatMoved(ROOM, "-100", NOW)), Acted)
    assert sorted(await desk.rows(address.c.chat_id, address.c.thread_id)) == [("-100", ""), ("-100", "7")]
    there = await desk.say("three", "m3", address=replace(ROOM, chat_id="-100"))
    assert there.seq == 2


async def test_a_chat_that_was_written_to_under_both_ids_keeps_both(desk: Desk) -> None:
    await desk.say("one", "m1")
    await desk.say("two", "m2", address=replace(ROOM, chat_id="-100"))
    await desk.receive(ChatMoved(ROOM, "-100", NOW))
    assert sorted(await desk.rows(address.c.chat_id)) == [("-1",), ("-100",)]


async def test_a_greeting_under_the_new_id_does_not_hold_up_a_chat_that_moves(desk: Desk) -> None:
    first = await desk.say("one", "m1")
    question = await desk.claim()
    await desk.receive(Arrived(replace(ROOM, chat_id="-100"), ANN, NOW))
    await desk.receive(ChatMoved(ROOM, "-100", NOW))
    done = Finished(question, "well", ("well",), 1, WindowState(0, 1, "k"), TRACE, {}, None, summarise=False)
    await desk.store.write(store_answer, done, wait_s=0.0)
    heads = await desk.store.read(sending.heads, desk.ref, room=9)
    assert [(head.address_id, head.chat_id) for head in heads] == [(question.claim.address_id, "-100")]
    assert await desk.told() == ["well"]
    there = await desk.say("two", "m2", address=replace(ROOM, chat_id="-100"))
    assert (there.conversation_id, there.seq) == (first.conversation_id, 3)


async def test_messages_of_a_chat_that_moved_are_counted_anew(desk: Desk) -> None:
    await desk.say("one", "m1")
    await desk.answer()
    await desk.receive(ChatMoved(ROOM, "-100", NOW))
    new = replace(ROOM, chat_id="-100")
    await desk.say("tow", "m1", address=new)
    assert isinstance(await desk.receive(MessageEdited(new, ANN, "two", NOW, "m1")), Acted)
    question = await desk.answer()
    assert [turn.text for turn in question.turns if turn.role == "customer"] == ["one", "two"]
    assert await desk.rows(outbox_table.c.reply_to) == [("m1",), ("m1",)]


async def test_whoever_blocks_the_bot_gets_no_answer_and_nothing_waits_for_them(desk: Desk) -> None:
    await desk.say("one", "m1")
    await desk.answer()
    await desk.say("two", "m2")
    question = await desk.claim()
    await desk.receive(Departed(ROOM, ANN, NOW))
    assert await desk.rows(conversation.c.due_at) == [(None,)]
    assert sorted(await desk.rows(outbox_table.c.state)) == [("cancelled",), ("failed",)]
    done = Finished(question, "x", ("x",), 3, WindowState(0, 1, "k"), TRACE, {}, None, summarise=False)
    with pytest.raises(Superseded):
        await desk.store.write(store_answer, done, wait_s=0.0)


async def test_what_is_not_for_the_bot_leaves_only_its_cursor(desk: Desk) -> None:
    assert await desk.receive(Skipped("not_addressed"), Cursor("-1", "41")) == Ignored("not_addressed")
    assert await desk.rows(inbox.c.key) == []
    assert await desk.store.read(reading.positions, desk.ref) == {"-1": "41"}


async def test_a_cursor_is_kept_for_each_place_and_moves_where_it_is_told(desk: Desk) -> None:
    for place, position in (("", "5"), ("c1", "10"), ("c1", "12"), ("", "3")):
        await desk.receive(Skipped("x"), Cursor(place, position))
    assert await desk.store.read(reading.positions, desk.ref) == {"": "3", "c1": "12"}


@pytest.mark.parametrize(("unit", "text"), [(notices.notice, telling.WAITING), (notices.expire, telling.EXPIRED)])
async def test_a_notice_about_a_question_names_it_where_several_people_ask(desk: Desk, unit: Notice, text: str) -> None:
    await desk.say("one", "m1")
    asked = await desk.say("two", "m2")
    assert await desk.store.write(unit, desk.ref.workspace_id, asked.conversation_id, older_than_s=-1.0) is not None
    told = await desk.rows(outbox_table.c.text, outbox_table.c.reply_to, outbox_table.c.kind)
    assert [row[:2] for row in told if row[2] == "system"] == [(text, "m2")]
