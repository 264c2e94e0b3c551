"""Edits and deletions at odd moments mean the same on every store: after `/new`, of files, of what another unit just settled."""

from collections.abc import AsyncIterator

import pytest

from bot.conversation import telling
from bot.conversation.claiming import take_due
from bot.conversation.files import SentFile, for_model
from bot.conversation.memory import Memory
from bot.events import Acted, CommandGiven, MessageDeleted, MessageEdited
from bot.store.tables import conversation
from tests.contract.channel_desk import ANN, ME, NOW, PHOTO, ROOM, Desk, open_desk
from tests.contract.stores import KINDS


@pytest.fixture(params=KINDS)
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    async with open_desk(request.param, request) as made:
        yield made


async def test_messages_of_an_earlier_conversation_can_still_be_edited_and_deleted(desk: Desk) -> None:
    await desk.say("what?", "m1")
    await desk.say("where?", "m2")
    await desk.answer()
    await desk.receive(CommandGiven(ROOM, ANN, "new", NOW))
    assert isinstance(await desk.receive(MessageEdited(ROOM, ANN, "who?", NOW, "m1")), Acted)
    assert isinstance(await desk.receive(MessageDeleted(ROOM, NOW, "m2")), Acted)
    assert {(1, "who?", "whole", 1), (2, "", "deleted", 1)} <= set(await desk.texts())
    assert (await desk.say("next", "m3")).seq == 2


async def test_a_deleted_question_does_not_make_a_file_from_before_it_due(desk: Desk) -> None:
    await desk.say("", "m1", attachments=(PHOTO,))
    await desk.say("what?", "m2")
    await desk.receive(MessageDeleted(ROOM, NOW, "m2"))
    assert await desk.rows(conversation.c.due_at) == [(None,)]


async def test_the_model_is_still_told_of_the_file_when_its_words_are_edited(desk: Desk) -> None:
    await desk.say("whta is it?", "m1", attachments=(PHOTO,))
    await desk.receive(MessageEdited(ROOM, ANN, "what is it?", NOW, "m1"))
    question = await desk.claim()
    assert [turn.text for turn in question.turns] == [for_model("what is it?", [SentFile("photo")])]


async def test_a_question_whose_words_were_all_taken_out_is_no_question(desk: Desk) -> None:
    await desk.say("what is it?", "m1", attachments=(PHOTO,))
    await desk.receive(MessageEdited(ROOM, ANN, "", NOW, "m1"))
    assert await desk.rows(conversation.c.due_at) == [(None,)]


async def test_words_put_to_a_file_afterwards_are_answered(desk: Desk) -> None:
    await desk.say("", "m1", attachments=(PHOTO,))
    assert await desk.told() == [telling.UNREADABLE]
    await desk.receive(MessageEdited(ROOM, ANN, "what is it?", NOW, "m1"))
    question = await desk.answer()
    assert [turn.text for turn in question.turns] == [for_model("what is it?", [SentFile("photo")])]
    assert await desk.rows(conversation.c.due_at) == [(None,)]


async def test_what_was_deleted_is_read_by_no_process_any_more(desk: Desk) -> None:
    here = Memory()
    await desk.say("my card is 1234", "m1")
    before = await desk.answer()
    here.keep(before.claim.conversation_id, before.fold, before.turns, 1)
    await desk.receive(MessageDeleted(ROOM, NOW, "m1"))
    await desk.say("what?", "m2")
    await desk.answer()  # by another process: the break is over with that
    await desk.say("and now?", "m3")
    (question,) = await desk.store.write(take_due, here, desk.ref.route, ME, lease_s=10, room=8)
    assert [turn.text for turn in question.turns] == ["well", "what?", "well", "and now?"]
