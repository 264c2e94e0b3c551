"""What the channel asks Telegram for, and what it makes of the answers. See test_telegram_adapter for the same over sockets."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from aiogram.methods import TelegramMethod

from adapters.telegram.channel import MOST_TOLD, PLAIN_TEXTS, TelegramChannel, draft_id
from adapters.telegram.waiting import Troubles
from bot.errors import DeliveryUnknown, MessageRefused, RecipientGone, RetryLater
from bot.events import ChannelAddress, ChatMoved
from bot.ports import OutboundMessage
from bot.views import ButtonView
from tests.telegram_double import ACCOUNT, LogLines, MemoryIntake, Reply, fine, refused, scripted

ANN = ChannelAddress("telegram", "main", "42")
TOPIC = ChannelAddress("telegram", "main", "-100500", "8")
NOW = datetime(2026, 11, 20, tzinfo=UTC)
ROW = "0193a6c5e4b07f3f8d2a9b1c4d5e6f70"
SENT = fine({"message_id": 11})
BAD_MARKS = refused(400, "Bad Request: ENTITY_BOUNDS_INVALID")


class Rig:
    """A channel over a script of replies, one a request; it remembers what was asked."""

    def __init__(self, *replies: Reply, intake: MemoryIntake | None = None) -> None:
        self._replies = list(replies)
        bot, self.session = scripted(lambda _: self._replies.pop(0))
        self.intake = intake or MemoryIntake()
        self.channel = TelegramChannel(bot, ACCOUNT, self.intake, Troubles("main"), clock=lambda: 0.0, now=lambda: NOW)

    @property
    def asked(self) -> list[dict[str, Any]]:
        return [shape(method) for method in self.session.asked]


def shape(method: TelegramMethod[Any]) -> dict[str, Any]:
    return {"method": method.__api_method__} | method.model_dump(exclude_none=True)


def words(text: str = "hello", at: ChannelAddress = ANN, **more: Any) -> OutboundMessage:
    return OutboundMessage(ROW, at, text, **more)


async def test_a_message_goes_with_entities_and_without_anything_that_reads_markup() -> None:
    rig = Rig(SENT)
    assert await rig.channel.send(words("**hi** there")) == "11"
    [asked] = rig.asked
    assert (asked["method"], asked["chat_id"], asked["text"]) == ("sendMessage", 42, "hi there")
    assert asked["entities"] == [{"type": "bold", "offset": 0, "length": 2}]
    assert asked["link_preview_options"]["is_disabled"] is True
    assert not asked.keys() & {"parse_mode", "message_thread_id", "reply_parameters", "reply_markup"}


async def test_a_message_goes_to_its_topic_names_what_it_answers_and_carries_its_buttons() -> None:
    rig = Rig(SENT)
    buttons = (ButtonView(f"{ROW}:1", "Yes"), ButtonView(f"{ROW}:2", "No"))
    await rig.channel.send(words(at=TOPIC, reply_to="7", buttons=buttons))
    [asked] = rig.asked
    assert (asked["chat_id"], asked["message_thread_id"]) == (-100500, 8)
    assert asked["reply_parameters"]["message_id"] == 7
    assert asked["reply_parameters"]["allow_sending_without_reply"] is True
    [row] = asked["reply_markup"]["inline_keyboard"]
    assert [(button["text"], button["callback_data"]) for button in row] == [("Yes", f"{ROW}:1"), ("No", f"{ROW}:2")]


@pytest.mark.parametrize("reply", [fine({}), fine({"message_id": 0}), fine({"message_id": "11"}), fine({"message_id": True})])
async def test_an_answer_without_a_message_id_leaves_the_message_in_doubt(reply: Reply) -> None:
    with pytest.raises(DeliveryUnknown):
        await Rig(reply).channel.send(words())


async def test_a_sent_message_of_a_shape_that_the_library_does_not_know_is_sent() -> None:
    """Checked by the library's model it would count as unknown, and be sent again."""
    assert await Rig(fine({"message_id": 11, "chat": 5, "date": "tomorrow"})).channel.send(words()) == "11"


async def test_an_edit_replaces_text_and_buttons() -> None:
    rig = Rig(fine({"message_id": 11}), fine(True))
    await rig.channel.edit(words("one", buttons=(ButtonView("a", "A"),)), "11")
    await rig.channel.edit(words("two"), "11")
    assert [(asked["method"], asked["message_id"], asked["text"], "reply_markup" in asked) for asked in rig.asked] == [
        ("editMessageText", 11, "one", True),
        ("editMessageText", 11, "two", False),
    ]


async def test_an_edit_that_changes_nothing_is_a_success() -> None:
    await Rig(refused(400, "Bad Request: message is not modified: specified new")).channel.edit(words(), "11")


async def test_an_identical_edit_is_asked_for_again() -> None:
    """Skipping it would leave a late preview of a holder that was suspended on show for ever: see Strand._restate."""
    rig = Rig(fine(True), refused(400, "Bad Request: message is not modified"))
    await rig.channel.edit(words(), "11")
    await rig.channel.edit(words(), "11")
    assert len(rig.asked) == 2


async def test_removing_what_is_gone_is_a_success() -> None:
    rig = Rig(fine(True), refused(400, "Bad Request: message to delete not found"))
    await rig.channel.delete(words(), "11")
    await rig.channel.delete(words(), "11")
    assert [asked["method"] for asked in rig.asked] == ["deleteMessage", "deleteMessage"]


async def test_a_draft_can_be_stopped_and_keeps_its_id_while_the_text_grows() -> None:
    rig = Rig(fine(), fine(), fine())
    for text in ("", "hel", "hello"):
        await rig.channel.draft(words(text))
    assert {asked["draft_id"] for asked in rig.asked} == {draft_id(ROW)}
    assert all(asked["can_stop"] and asked["keep_on_stop"] for asked in rig.asked)
    assert [asked.get("text", "") for asked in rig.asked] == ["", "hel", "hello"]


def test_a_draft_id_is_never_zero_and_exact_as_a_double() -> None:
    assert draft_id("0" * 32) == 1
    assert all(0 < draft_id(row) <= 2**53 for row in ("f" * 32, ROW))
    assert draft_id(ROW) != draft_id(ROW[:-1] + "1")


async def test_typing_is_shown_in_the_topic() -> None:
    rig = Rig(fine())
    await rig.channel.typing(TOPIC)
    assert rig.asked == [{"method": "sendChatAction", "chat_id": -100500, "action": "typing", "message_thread_id": 8}]


async def test_nothing_is_looked_up_since_bots_see_no_history() -> None:
    rig = Rig()
    assert await rig.channel.find_sent(words(), NOW) is None
    assert rig.asked == []


@pytest.mark.parametrize("call", ["send", "edit", "draft"])
async def test_a_text_whose_marks_are_refused_goes_without_them_the_next_time(call: str) -> None:
    """One call stays one request: the first says "again, at once", the second is plain."""
    done = fine() if call == "draft" else SENT
    rig = Rig(BAD_MARKS, done, done)

    async def ask(message: OutboundMessage) -> Any:
        arguments = (message, "11") if call == "edit" else (message,)
        return await getattr(rig.channel, call)(*arguments)

    with pytest.raises(RetryLater) as raised:
        await ask(words("**hi**"))
    assert (raised.value.after_s, raised.value.scope) == (0.0, "chat")
    await ask(words("**hi**"))
    await ask(words("**ho**"))  # another text of the same row has its marks
    assert [(asked["text"], "entities" in asked) for asked in rig.asked] == [("hi", True), ("hi", False), ("ho", True)]


async def test_a_plain_text_that_is_refused_for_marks_all_the_same_is_given_up() -> None:
    rig = Rig(BAD_MARKS, BAD_MARKS)
    with pytest.raises(RetryLater):
        await rig.channel.send(words("**hi**"))
    with pytest.raises(MessageRefused):
        await rig.channel.send(words("**hi**"))


async def test_texts_that_go_plain_are_remembered_within_a_bound() -> None:
    rig = Rig(*[BAD_MARKS] * (PLAIN_TEXTS + 5))
    for number in range(PLAIN_TEXTS + 5):
        with pytest.raises(RetryLater):
            await rig.channel.send(words(f"**{number}**"))
    assert len(rig.channel._plain) == PLAIN_TEXTS


async def test_a_chat_that_moved_is_told_to_intake_and_tried_again_soon() -> None:
    moved = refused(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=-1007)
    rig = Rig(moved, moved)
    for _ in range(2):
        with pytest.raises(RetryLater) as raised:
            await rig.channel.send(words(at=TOPIC))
        assert (raised.value.after_s, raised.value.scope) == (1.0, "chat")
    assert [(key, received.event) for key, received in rig.intake.stored.items()] == [
        ("migrate:-100500:-1007", ChatMoved(TOPIC, "-1007", NOW))
    ]


async def test_a_message_to_an_id_that_stays_the_old_one_is_given_up() -> None:
    moved = refused(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=-1007)
    rig = Rig(*[moved] * (MOST_TOLD + 1))
    for _ in range(MOST_TOLD):
        with pytest.raises(RetryLater):
            await rig.channel.send(words(at=TOPIC))
    with pytest.raises(RecipientGone):
        await rig.channel.send(words(at=TOPIC))


async def test_a_move_that_cannot_be_stored_now_is_told_by_the_next_try() -> None:
    moved = refused(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=-1007)
    rig = Rig(moved, moved, intake=MemoryIntake(away=1))
    for stored in (0, 1):
        with pytest.raises(RetryLater):
            await rig.channel.send(words(at=TOPIC))
        assert len(rig.intake.stored) == stored


async def test_a_revoked_token_is_said_once_until_it_works_again(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = LogLines.of("adapters.telegram.waiting", monkeypatch)
    no = refused(401, "Unauthorized")
    rig = Rig(no, no, SENT, no)
    for fails in (True, True, False, True):
        if fails:
            with pytest.raises(RetryLater):
                await rig.channel.send(words())
        else:
            await rig.channel.send(words())
    assert [line["event"] for line in lines] == ["telegram.trouble", "telegram.trouble_over", "telegram.trouble"]


def test_private_chats_and_groups_have_their_own_habits_and_one_account_budget() -> None:
    channel = Rig().channel
    private, group = channel.habits(ANN), channel.habits(TOPIC)
    assert (private.preview, private.in_doubt, private.replies) == ("draft", "resend", False)
    assert (group.preview, group.in_doubt, group.replies) == ("edit", "edit", True)
    assert (private.account_rate, private.account_burst) == (group.account_rate, group.account_burst)
    assert group.chat_rate * 60 + group.chat_burst <= 20


@pytest.mark.parametrize(("markdown", "units"), [("", 0), ("**hi**", 2), ("🙂", 2), ("[a](https://x.example)", 1)])
def test_a_text_is_measured_as_it_is_shown(markdown: str, units: int) -> None:
    assert Rig().channel.measure(markdown) == units


async def test_a_message_that_repeats_has_nothing_else_in_it() -> None:
    rig = Rig(SENT, SENT)
    await rig.channel.send(words("**hi**"))
    await rig.channel.send(replace(words("**hi**"), repeat=True))
    assert rig.asked[0] == rig.asked[1]
