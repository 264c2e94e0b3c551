"""What channels tell besides plain messages means the same on every store."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from bot.conversation import telling
from bot.conversation.claiming import OpenQuestion, take_due
from bot.conversation.hearing import for_model
from bot.conversation.memory import Memory
from bot.conversation.receiving import take
from bot.conversation.storing import Finished, store_answer
from bot.delivery import buttons
from bot.errors import Superseded
from bot.events import (
    AccountKey,
    Acted,
    Arrived,
    AttachmentReference,
    Author,
    ButtonPressed,
    ChannelAddress,
    ChatMoved,
    CommandGiven,
    Cursor,
    Departed,
    Ignored,
    MessageDeleted,
    MessageEdited,
    MessageReceived,
    Placeholder,
    Receipt,
    Received,
    Skipped,
    Stored,
)
from bot.store import outbox, outcomes, parties, reading, sending, workspaces
from bot.store.conversations import WindowState
from bot.store.ids import ConversationId, ProcessId
from bot.store.outbox import Lane
from bot.store.parties import AccountRef
from bot.store.presses import button_id
from bot.store.sending import Sending
from bot.store.store import Store
from bot.store.tables import account, address, attachment, conversation, inbox, rating, turn
from bot.store.tables import outbox as outbox_table
from bot.store.times import from_now
from bot.store.traces import Trace
from tests.contract.stores import KINDS, open_store

KEY = AccountKey("telegram", "main")
ME = ProcessId("me")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROOM = ChannelAddress("telegram", "main", "-1")
ANN, BOB = Author("ann", "Ann"), Author("bob", "Bob")
PHOTO = AttachmentReference("photo", "file-1")
TRACE = Trace("m", 1, 1, 0, 1, 1, 0, None, 1, "stop", "")


class Desk:
    """A store with one push account, and short words for what happens on it."""

    def __init__(self, store: Store, ref: AccountRef) -> None:
        self.store, self.ref, self.count = store, ref, 0

    async def receive(self, event: object, cursor: Cursor | None = None) -> Receipt:
        self.count += 1
        received = Received(KEY, f"k{self.count}", repr(event).encode(), event, cursor)  # type: ignore[arg-type]
        return (await self.store.write(take, {KEY: self.ref}, [received], 0.0)).receipts[0]

    async def say(self, text: str, platform_id: str = "", **more: object) -> Stored:
        self.count += 1
        message = MessageReceived(ROOM, ANN, text, NOW, platform_id or f"m{self.count}")
        receipt = await self.receive(replace(message, **more))  # type: ignore[arg-type]
        assert isinstance(receipt, Stored)
        return receipt

    async def claim(self) -> OpenQuestion:
        (question,) = await self.store.write(take_due, Memory(), self.ref.route, ME, lease_s=10, room=8)
        return question

    async def answer(self, text: str = "well") -> OpenQuestion:
        question = await self.claim()
        state = WindowState(0, 10, "key")
        done = Finished(question, text, (text,), question.asked_through, state, TRACE, {}, None, summarise=False)
        await self.store.write(store_answer, done, wait_s=0.0)
        return question

    async def rows(self, *columns: sa.ColumnElement[object] | sa.Column[object]) -> list[tuple[object, ...]]:
        return await self.store.read(lambda c: [tuple(row) for row in c.execute(sa.select(*columns))])

    async def told(self) -> list[str]:
        """What waits to be sent, without previews."""
        waiting = sa.select(outbox_table.c.text).where(outbox_table.c.state == "ready").order_by(outbox_table.c.place)
        return list(await self.store.read(lambda c: c.scalars(waiting).all()))

    async def texts(self) -> list[tuple[object, ...]]:
        return await self.rows(turn.c.seq, turn.c.text, turn.c.state, turn.c.revision)


@pytest.fixture(params=KINDS)
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    async with open_store(request.param, request) as store:
        workspace_id = await store.write(workspaces.seed, "Shop", "UTC", "Welcome!", "You help.", "Call 555")
        yield Desk(store, await store.write(parties.ensure_account, workspace_id, "telegram", "main", push=True))


async def test_the_files_of_an_album_become_one_turn(desk: Desk) -> None:
    first = await desk.say("two photos", "m1", attachments=(PHOTO,), album="a")
    again = await desk.say("", "m2", attachments=(replace(PHOTO, reference="file-2"),), album="a")
    assert (again.conversation_id, again.seq) == (first.conversation_id, first.seq) == (first.conversation_id, 1)
    assert await desk.rows(attachment.c.seq, attachment.c.reference) == [(1, "file-1"), (1, "file-2")]
    assert await desk.rows(turn.c.model_text) == [(for_model("two photos", [("photo", ""), ("photo", "")]),)]


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


async def test_what_cannot_be_read_is_kept_and_gets_one_polite_sentence(desk: Desk) -> None:
    await desk.say("", "m1", attachments=(PHOTO,), album="a")
    await desk.say("", "m2", attachments=(PHOTO,), album="a")
    assert await desk.told() == [telling.UNREADABLE]
    assert await desk.rows(conversation.c.due_at) == [(None,)]
    await desk.say("this is my bill")
    question = await desk.claim()
    assert [turn.text for turn in question.turns] == [for_model("", [("photo", "")] * 2), "this is my bill"]


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


async def sent(desk: Desk, message_id: str = "sent-1") -> Sending:
    """The next message of the outbox goes out and is there."""
    await desk.store.write(lambda c: c.execute(sa.update(account).values(lease_owner=ME, lease_until=from_now(3600))))
    (head,) = await desk.store.read(sending.heads, desk.ref, room=1)
    row = await desk.store.write(sending.begin, desk.ref, head, ME, bound_s=60, counts_repeat=False)
    assert row is not None
    await desk.store.write(outcomes.record_sent, row, message_id)
    return row


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
    assert pressed.say == telling.THANKS
    assert await desk.rows(rating.c.seq, rating.c.value) == [(2, -1)]


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
        ("/help", telling.help_text("telegram")),
        ("/human", "Call 555"),
        ("/agent", "Call 555"),
        ("/new", telling.FRESH),
        ("/stop", telling.NOTHING_TO_STOP),
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
    assert await desk.told() == [telling.id_text("ann", "-1", "", receipt.conversation_id)]


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


async def test_the_bot_greets_where_it_was_brought_and_only_once(desk: Desk) -> None:
    assert isinstance(await desk.receive(Arrived(ROOM, ANN, NOW)), Acted)
    assert await desk.receive(Arrived(ROOM, ANN, NOW)) == Ignored("known_place")
    assert await desk.told() == ["Welcome!"]


async def test_what_is_not_for_the_bot_leaves_only_its_cursor(desk: Desk) -> None:
    assert await desk.receive(Skipped("not_addressed"), Cursor("-1", "41")) == Ignored("not_addressed")
    assert await desk.rows(inbox.c.key) == []
    assert await desk.store.read(reading.positions, desk.ref) == {"-1": "41"}


async def test_a_cursor_is_kept_for_each_place_and_moves_where_it_is_told(desk: Desk) -> None:
    for place, position in (("", "5"), ("c1", "10"), ("c1", "12"), ("", "3")):
        await desk.receive(Skipped("x"), Cursor(place, position))
    assert await desk.store.read(reading.positions, desk.ref) == {"": "3", "c1": "12"}


async def test_a_reserved_row_left_by_an_offer_belongs_to_the_conversation(desk: Desk) -> None:
    stored = await desk.say("one", placeholder=Placeholder("interaction:1", "t1"))
    question = await desk.claim()
    lane = Lane(desk.ref.workspace_id, desk.ref.account_id, question.claim.address_id, ConversationId(stored.conversation_id))
    reserved = await desk.store.read(outbox.find_reserved, lane)
    assert reserved is not None
    assert (reserved.outbox_id, reserved.platform_id, reserved.secret) == (question.outbox_id, "interaction:1", "t1")
