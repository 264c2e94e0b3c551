"""The promises of a push channel (test_push_channel) kept by the Telegram channel over sockets; a token that stays a secret."""

import asyncio
import io
import logging
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import structlog
from aiogram.client.telegram import TelegramAPIServer

from bot.errors import ChannelError, DeliveryUnknown, MessageGone, MessageRefused, RecipientGone, RetryLater
from bot.events import ChannelAddress, ChatMoved
from bot.logs import configure
from bot.ports import OutboundMessage
from bot.store.ids import new_id
from bot.views import ButtonView
from tests.contract.telegram_rig import TelegramRig, running, telegram_rig
from tests.push_double import Fault
from tests.telegram_double import MemoryIntake
from tests.telegram_server import Fault as Trouble
from tests.telegram_server import Limits, TelegramServer


@pytest.fixture(params=["private", "group", "topic"])
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[TelegramRig]:
    async with telegram_rig(request.param) as made:
        yield made


def words(rig: TelegramRig, text: str, **more: object) -> OutboundMessage:
    return replace(OutboundMessage(new_id(), rig.at, text), **more)


async def test_a_sent_message_is_shown_and_can_be_edited_any_number_of_times(rig: TelegramRig) -> None:
    platform_id = await rig.channel.send(words(rig, "hello"))
    for text in ("hello, **world**", "hello, **world**"):
        await rig.channel.edit(words(rig, text), platform_id)
    assert rig.on_show() == ["hello, world"]
    assert not rig.server.mended


async def test_a_removed_message_is_gone_and_removing_it_again_is_no_error(rig: TelegramRig) -> None:
    platform_id = await rig.channel.send(words(rig, "hello"))
    await rig.channel.delete(words(rig, ""), platform_id)
    await rig.channel.delete(words(rig, ""), platform_id)
    assert rig.on_show() == []


async def test_an_edit_of_a_message_that_was_deleted_says_so(rig: TelegramRig) -> None:
    platform_id = await rig.channel.send(words(rig, "hello"))
    rig.delete(platform_id)
    with pytest.raises(MessageGone):
        await rig.channel.edit(words(rig, "hello, world"), platform_id)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.GONE, RecipientGone),
        (Fault.REFUSED, MessageRefused),
        (Fault.LIMIT_CHAT, RetryLater),
        (Fault.LIMIT_ACCOUNT, RetryLater),
        (Fault.UNKNOWN_BEFORE, DeliveryUnknown),
    ],
)
async def test_what_is_definitely_not_sent_is_not_shown(rig: TelegramRig, fault: Fault, error: type[ChannelError]) -> None:
    rig.fail_next(fault)
    with pytest.raises(error):
        await rig.channel.send(words(rig, "hello"))
    assert rig.on_show() == []
    assert rig.server.calls["sendMessage"] == 1  # one call is one request


@pytest.mark.parametrize("trouble", [Trouble.lost_answer(), Trouble.html(), Trouble.truncated(), Trouble.error(500, done=True)])
async def test_what_may_have_been_sent_is_unknown_and_asked_for_once(rig: TelegramRig, trouble: Trouble) -> None:
    rig.server.fail_next(trouble)
    with pytest.raises(DeliveryUnknown):
        await rig.channel.send(words(rig, "hello"))
    assert rig.on_show() == ["hello"]
    assert rig.server.calls["sendMessage"] == 1


async def test_what_never_left_is_not_in_doubt(rig: TelegramRig) -> None:
    """Nothing listens at the port: through an outage messages wait, and none is counted as perhaps sent."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    rig.channel._bot.session.api = TelegramAPIServer.from_base(f"http://127.0.0.1:{port}")
    with pytest.raises(RetryLater) as raised:
        await rig.channel.send(words(rig, "hello"))
    assert raised.value.scope == "account"


async def test_a_request_that_hangs_ends_when_the_caller_gives_up(rig: TelegramRig) -> None:
    rig.fail_next(Fault.HANGS)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await rig.channel.send(words(rig, "hello"))
    await rig.channel.send(words(rig, "again"))
    assert rig.on_show() == ["again"]


async def test_an_edit_in_doubt_is_settled_by_the_same_edit(rig: TelegramRig) -> None:
    platform_id = await rig.channel.send(words(rig, "…"))
    rig.fail_next(Fault.UNKNOWN_AFTER)
    with pytest.raises(DeliveryUnknown):
        await rig.channel.edit(words(rig, "hi"), platform_id)
    await rig.channel.edit(words(rig, "hi"), platform_id)
    assert rig.on_show() == ["hi"]


async def test_previews_leave_nothing_behind(rig: TelegramRig) -> None:
    await rig.channel.typing(rig.at)
    if rig.channel.habits(rig.at).preview == "draft":
        message = words(rig, "hel")
        await rig.channel.draft(message)
        draft = rig.server.draft_on_show(int(rig.at.chat_id))
        assert draft is not None
        assert (draft.text, draft.can_stop) == ("hel", True)
        await rig.channel.send(replace(message, text="hello"))
        assert rig.server.draft_on_show(int(rig.at.chat_id)) is None
        assert rig.on_show() == ["hello"]
    else:
        assert rig.on_show() == []


async def test_buttons_appear_and_go_with_the_edit_that_has_none(rig: TelegramRig) -> None:
    platform_id = await rig.channel.send(words(rig, "Sure?", buttons=(ButtonView("a:1", "Yes"), ButtonView("a:2", "No"))))
    [message] = rig.server.messages_on_show(int(rig.at.chat_id))
    assert [[button["text"] for button in row] for row in message.markup["inline_keyboard"]] == [["Yes", "No"]]
    await rig.channel.edit(words(rig, "Sure."), platform_id)
    assert message.markup is None


async def test_a_reply_to_a_message_that_is_gone_is_sent_without_it(rig: TelegramRig) -> None:
    await rig.channel.send(words(rig, "to nobody", reply_to="999999"))
    assert rig.on_show() == ["to nobody"]


async def test_a_full_message_of_wide_characters_fits(rig: TelegramRig) -> None:
    text = "🙂" * 2048
    assert rig.channel.measure(text) == rig.channel.habits(rig.at).max_text
    await rig.channel.send(words(rig, text))
    assert rig.on_show() == [text]


async def test_nothing_is_found_since_there_is_no_history(rig: TelegramRig) -> None:
    message = words(rig, "hello")
    await rig.channel.send(message)
    assert await rig.channel.find_sent(message, datetime.now(UTC)) is None


async def test_a_deleted_topic_has_no_recipient() -> None:
    async with telegram_rig("topic") as rig:
        [chat] = rig.server.chats(int(rig.at.chat_id))
        chat.delete_topic(int(rig.at.thread_id))
        with pytest.raises(RecipientGone):
            await rig.channel.send(words(rig, "hello"))


async def test_a_person_who_blocked_the_bot_is_no_recipient() -> None:
    async with telegram_rig("private") as rig:
        rig.server.people[int(rig.at.chat_id)].block()
        with pytest.raises(RecipientGone):
            await rig.channel.send(words(rig, "hello"))


async def test_a_group_that_moved_is_told_and_reached_at_its_new_place() -> None:
    async with telegram_rig("private") as rig:
        ann = rig.server.people[int(rig.at.chat_id)]
        group = rig.server.add_group("Team", ann, bots=[rig.account])
        old = replace(rig.at, chat_id=str(group.id))
        group.migrate()
        with pytest.raises(RetryLater):
            await rig.channel.send(words(rig, "hello", address=old))
        [moved] = [received.event for received in rig.intake.stored.values()]
        assert isinstance(moved, ChatMoved)
        assert (moved.address, moved.chat_id) == (old, str(group.id))
        await rig.channel.send(words(rig, "hello", address=replace(old, chat_id=moved.chat_id)))
        assert rig.server.on_show(group.id) == ["hello"]


@pytest.fixture
def told() -> AsyncIterator[io.StringIO]:
    """Everything that is logged, by us and by libraries, at the finest level."""
    stream, root = io.StringIO(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure("debug", "json", stream=stream)
    yield stream
    structlog.reset_defaults()
    logging.basicConfig(handlers=handlers, level=level, force=True)


async def test_neither_the_token_nor_what_people_say_is_ever_told(told: io.StringIO) -> None:
    """Every trouble there is, at every request; logs, errors and their causes are searched for token and words."""
    troubles = [
        Trouble.error(502), Trouble.reset(), Trouble.lost_answer(), Trouble.html(), Trouble.truncated(), Trouble.limit(1),
        Trouble(Trouble.error().trouble, status=401), Trouble(Trouble.error().trouble, status=404), Trouble.hang(0.01),
    ]  # fmt: skip
    async with TelegramServer(Limits.none()) as server:
        account, ann, intake = server.add_bot(), server.add_user("Ann"), MemoryIntake()
        for trouble in troubles:
            for method in ("getMe", "deleteWebhook", "getUpdates", "getMyCommands", "answerCallbackQuery"):
                server.fail_next(trouble, method=method)
        ann.say("my secret canary")
        server.inject_update({"message": {"text": "my secret canary"}})
        async with running(server, account, intake) as part:
            await server.wait_until(lambda: len(intake.stored) == 2 and not server.pending_updates(), 10)
            message = OutboundMessage(new_id(), ChannelAddress("telegram", "main", str(ann.id)), "my secret canary")
            for trouble in troubles:
                server.fail_next(trouble, method="sendMessage")
                with pytest.raises(ChannelError) as raised:
                    await part.channel.send(message)
                structlog.get_logger().error("told", exc_info=raised.value, raised=repr(raised.value), by=repr(part.channel))
                logging.getLogger("elsewhere").error("told", exc_info=raised.value)
            sent = ann.send_document(b"my secret canary", "canary.txt", mime="text/plain").content["document"]["file_id"]
            for trouble in troubles:
                for method in ("getFile", "file"):
                    server.fail_next(trouble, method=method, times=2)  # a broken connection is tried once more
                    try:
                        await part.channel.fetch(sent, 100)
                    except ChannelError as error:
                        structlog.get_logger().error("not fetched", exc_info=error, raised=repr(error))
                        logging.getLogger("elsewhere").exception("told")
                    server.misfortune.forget()
            logging.getLogger("elsewhere").error("%r %r", part, part._bot)
    secret = account.token.partition(":")[2]
    assert "told" in told.getvalue()
    assert told.getvalue().count("not fetched") > len(troubles)
    assert secret not in told.getvalue()
    assert "canary" not in told.getvalue()
