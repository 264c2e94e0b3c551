"""Text files of customers mean the same on every store: a question by themselves, read once, gone with their message."""

from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa

from bot.conversation.claiming import OpenQuestion
from bot.conversation.fetching import keep, with_files
from bot.conversation.files import SentFile, for_model
from bot.errors import Superseded
from bot.events import AttachmentReference, MessageDeleted, MessageEdited, MessageReceived, Stored
from bot.store import attachments
from bot.store.attachments import Content
from bot.store.tables import attachment, conversation, turn
from tests.contract.channel_desk import ANN, BOB, NOW, PHOTO, ROOM, Desk, open_desk
from tests.contract.stores import KINDS

NOTE = AttachmentReference("document", "file-t", "note.txt", "text/plain", 5)
READ, UNREAD = SentFile("document", "note.txt", True, "hello"), SentFile("document", "note.txt", True)


@pytest.fixture(params=KINDS)
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    async with open_desk(request.param, request) as made:
        yield made


async def read_files(desk: Desk, question: OpenQuestion, text: str | None = "hello") -> dict[int, str]:
    """What reading every file of the question as `text` makes of its turns."""
    claim, seqs = question.claim, with_files(question)
    kept = await desk.store.read(attachments.of_turns, claim.workspace_id, claim.conversation_id, seqs)
    contents = {one.attachment_id: Content("0" * 64, text) for one in kept if one.text is not None}
    return await desk.store.write(keep, claim, contents, seqs)


async def test_a_text_file_alone_is_a_question_and_its_text_is_kept_for_good(desk: Desk) -> None:
    await desk.say("", "m1", attachments=(NOTE,))
    question = await desk.claim()
    assert [turn.text for turn in question.turns] == [for_model("", [UNREAD])]
    assert await read_files(desk, question) == {1: for_model("", [READ])}
    assert await desk.told() == []
    assert await desk.rows(attachment.c.text, attachment.c.sha256) == [("hello", "0" * 64)]
    assert await desk.rows(turn.c.text, turn.c.model_text) == [("", for_model("", [READ]))]


async def test_only_open_questions_with_files_have_files_to_read(desk: Desk) -> None:
    await desk.say("one", "m1", attachments=(NOTE,))
    await desk.say("two", "m2")
    assert with_files(await desk.answer()) == [1]
    await desk.say("three", "m3")
    assert with_files(await desk.claim()) == []


async def test_an_edit_of_the_words_keeps_what_the_file_says(desk: Desk) -> None:
    await desk.say("whta is it?", "m1", attachments=(NOTE,))
    await read_files(desk, await desk.claim())
    await desk.receive(MessageEdited(ROOM, ANN, "what is it?", NOW, "m1"))
    assert [turn.text for turn in (await desk.claim()).turns] == [for_model("what is it?", [READ])]
    await desk.receive(MessageEdited(ROOM, ANN, "", NOW, "m1"))  # the file is still a question
    assert [turn.text for turn in (await desk.claim()).turns] == [for_model("", [READ])]


async def test_a_file_that_turns_out_to_be_no_text_is_none_from_then_on(desk: Desk) -> None:
    await desk.say("what is it?", "m1", attachments=(NOTE,))
    assert await read_files(desk, await desk.claim(), None) == {1: for_model("what is it?", [SentFile("document", "note.txt")])}
    assert await desk.rows(attachment.c.text, attachment.c.sha256) == [(None, "0" * 64)]


async def test_a_message_that_is_taken_away_takes_the_text_of_its_file_along(desk: Desk) -> None:
    await desk.say("look", "m1", attachments=(NOTE,))
    await read_files(desk, await desk.claim())
    await desk.receive(MessageDeleted(ROOM, NOW, "m1"))
    assert await desk.rows(attachment.c.text, attachment.c.sha256) == [(None, None)]
    assert await desk.rows(turn.c.text, turn.c.model_text) == [("", None)]


async def test_what_was_fetched_for_a_question_that_is_gone_is_not_kept(desk: Desk) -> None:
    await desk.say("look", "m1", attachments=(NOTE,))
    question = await desk.claim()
    await desk.receive(MessageDeleted(ROOM, NOW, "m1"))
    with pytest.raises(Superseded):
        await read_files(desk, question)
    await desk.say("instead", "m2")
    await desk.claim()
    with pytest.raises(Superseded):  # with the answer of another epoch under way as well
        await read_files(desk, question)
    assert (1, "", "deleted", 1) in await desk.texts()


async def test_a_file_stays_a_question_when_the_words_after_it_are_taken_away(desk: Desk) -> None:
    await desk.say("", "m1", attachments=(NOTE,))
    await desk.say("what?", "m2")
    await desk.receive(MessageDeleted(ROOM, NOW, "m2"))
    assert [turn.seq for turn in (await desk.answer()).turns] == [1]


async def at_once(desk: Desk) -> None:
    """Albums wait for the rest of themselves: not here."""
    await desk.store.write(lambda c: c.execute(sa.update(conversation).values(due_at=NOW)))


async def test_each_text_file_of_an_album_is_read(desk: Desk) -> None:
    await desk.say("", "m1", attachments=(NOTE,), album="a")
    await desk.say("both, please", "m2", attachments=(NOTE,), album="a")
    await at_once(desk)
    question = await desk.claim()
    assert await read_files(desk, question) == {1: for_model("both, please", [READ, READ])}


async def test_a_text_file_asks_even_where_its_album_began_with_nothing_to_read(desk: Desk) -> None:
    await desk.say("", "m1", attachments=(PHOTO,), album="a")
    second = await desk.say("", "m2", attachments=(NOTE,), album="a")
    assert second.seq == 3  # behind the sentence about the photo
    await at_once(desk)
    assert with_files(await desk.claim()) == [1, 3]


async def test_a_text_file_that_comes_while_its_album_is_answered_is_asked_about_as_well(desk: Desk) -> None:
    await desk.say("look", "m1", attachments=(PHOTO,), album="a")
    await at_once(desk)
    question = await desk.claim()
    rest = MessageReceived(ROOM, BOB, "", NOW, "m2", (NOTE,), "a", joins_only=True)
    assert isinstance(await desk.receive(rest), Stored)
    assert await desk.rows(turn.c.seq) == [(1,), (2,)]
    assert await desk.rows(conversation.c.customer_seq) == [(2,)]  # which whoever answers is told
    assert question.asked_through == 1
