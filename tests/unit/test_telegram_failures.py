"""Each no of the Bot API, in the wording of its server, and what it means for a message."""

from typing import Any

import pytest
from aiogram.exceptions import TelegramAPIError, TelegramNetworkError
from aiogram.methods import SendMessage

from adapters.telegram.failures import Doing, Limited, channel_error, refuses_marks
from adapters.telegram.waiting import CONFLICT, TOKEN, UNREACHED, pause_after
from bot.errors import ChannelError, DeliveryUnknown, MessageGone, MessageRefused, RecipientGone, RetryLater
from tests.telegram_double import Reply, fine, refused, scripted

ROWS: list[tuple[Doing, Reply, type[ChannelError] | None]] = [
    # nobody knows
    ("send", refused(500, "Internal Server Error: sent message was immediately deleted and can't be returned"), DeliveryUnknown),
    ("send", (502, {"ok": False, "error_code": 502, "description": "Bad Gateway"}), DeliveryUnknown),
    ("send", (500, {"ok": False}), DeliveryUnknown),  # no description, into which aiogram looks
    ("send", (502, "<html>Bad Gateway</html>"), DeliveryUnknown),
    ("send", (200, "<html>welcome to the hotel</html>"), DeliveryUnknown),
    ("send", (200, '{"ok":true,"result":{"message'), DeliveryUnknown),
    ("send", (200, {"ok": True}), DeliveryUnknown),
    ("send", (200, {"ok": True, "result": "yes"}), DeliveryUnknown),
    ("send", (200, {"ok": False, "description": "?"}), DeliveryUnknown),
    ("send", (302, {"ok": False, "description": "moved"}), DeliveryUnknown),
    ("send", (403, "<html>blocked by the proxy</html>"), DeliveryUnknown),
    # wait
    ("send", refused(429, "Too Many Requests: retry after 7", retry_after=7), RetryLater),
    ("send", refused(429, "Too Many Requests"), RetryLater),
    ("edit", refused(401, "Unauthorized"), RetryLater),
    ("send", refused(404, "Not Found"), RetryLater),
    ("send", refused(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=-1005), RetryLater),
    # the recipient is gone for good
    ("send", refused(403, "Forbidden: bot was blocked by the user"), RecipientGone),
    ("send", refused(403, "Forbidden: user is deactivated"), RecipientGone),
    ("edit", refused(403, "Forbidden: bot was kicked from the supergroup chat"), RecipientGone),
    ("send", refused(400, "Bad Request: chat not found"), RecipientGone),
    ("send", refused(400, "Bad Request: message thread not found"), RecipientGone),
    ("send", refused(400, "Bad Request: TOPIC_CLOSED"), RecipientGone),
    ("typing", refused(400, "Bad Request: message thread not found"), RecipientGone),
    ("send", refused(400, "Bad Request: not enough rights to send text messages to the chat"), RecipientGone),
    ("send", refused(400, "Bad Request: CHAT_WRITE_FORBIDDEN"), RecipientGone),
    # the message to change
    (
        "edit",
        refused(400, "Bad Request: message is not modified: specified new message content and reply markup are exactly"),
        None,
    ),
    ("edit", refused(400, "Bad Request: message to edit not found"), MessageGone),
    ("edit", refused(400, "Bad Request: message can't be edited"), MessageGone),
    ("edit", refused(400, "Bad Request: MESSAGE_ID_INVALID"), MessageGone),
    ("delete", refused(400, "Bad Request: message to delete not found"), None),
    ("delete", refused(400, "Bad Request: message can't be deleted"), MessageRefused),
    ("delete", refused(400, "Bad Request: message can't be deleted for everyone"), MessageRefused),
    # this content never
    ("send", refused(400, "Bad Request: message is too long"), MessageRefused),
    ("send", refused(400, "Bad Request: message text is empty"), MessageRefused),
    ("send", refused(400, "Bad Request: BUTTON_DATA_INVALID"), MessageRefused),
    ("send", refused(413, "Request Entity Too Large"), MessageRefused),
    ("send", refused(406, "Not Acceptable: UPDATE_APP_TO_LOGIN"), MessageRefused),
    ("draft", refused(404, "Not Found: method not found"), MessageRefused),  # an older Bot API server
]


async def error_of(reply: Reply) -> TelegramAPIError:
    bot, _ = scripted(lambda _: reply)
    with pytest.raises(TelegramAPIError) as raised:
        await bot(RawSend(chat_id=5, text="hello"))
    return raised.value


class RawSend(SendMessage):
    __returning__ = dict[str, Any]


@pytest.mark.parametrize(("doing", "reply", "expected"), ROWS)
async def test_a_no_means(doing: Doing, reply: Reply, expected: type[ChannelError] | None) -> None:
    failure = channel_error(await error_of(reply), doing, "5", Limited(lambda: 0.0))
    assert type(failure) is expected or (failure is None and expected is None)


async def test_a_wait_is_as_long_as_telegram_says() -> None:
    failure = channel_error(await error_of(refused(429, "x", retry_after=7)), "send", "5", Limited(lambda: 0.0))
    assert isinstance(failure, RetryLater)
    assert (failure.after_s, failure.scope) == (7.0, "chat")


@pytest.mark.parametrize("doing", ["draft", "typing"])
async def test_a_limit_of_passing_marks_is_none_of_messages(doing: Doing) -> None:
    limited = Limited(lambda: 0.0)
    for chat in "1234567":
        failure = channel_error(await error_of(refused(429, "x", retry_after=280)), doing, chat, limited)
        assert isinstance(failure, RetryLater)
        assert (failure.after_s, failure.scope) == (280.0, "previews")
    assert limited.scope("1") == "chat"


async def test_a_refused_token_stops_the_account_for_a_minute() -> None:
    failure = channel_error(await error_of(refused(401, "Unauthorized")), "send", "5", Limited(lambda: 0.0))
    assert isinstance(failure, RetryLater)
    assert (failure.after_s, failure.scope) == (60.0, "account")


def test_a_limit_is_the_chats_until_four_chats_meet_it_within_a_second() -> None:
    now = [0.0]
    limited = Limited(lambda: now[0])
    scopes = []
    for at, chat in [(0.0, "1"), (0.5, "1"), (0.6, "2"), (0.7, "3"), (0.9, "4"), (1.2, "1"), (9.0, "2")]:
        now[0] = at
        scopes.append(limited.scope(chat))
    assert scopes == ["chat", "chat", "chat", "chat", "account", "account", "chat"]


@pytest.mark.parametrize(
    ("description", "marks"),
    [
        ("Bad Request: can't parse entities: unexpected end", True),
        ("Bad Request: ENTITY_BOUNDS_INVALID", True),
        ("Bad Request: entities_too_long", True),
        ("Bad Request: message is too long", False),
    ],
)
async def test_refused_marks_are_told_from_other_refusals(description: str, marks: bool) -> None:
    assert refuses_marks(await error_of(refused(400, description))) is marks


async def test_what_is_told_quotes_nothing_of_the_message() -> None:
    failure = channel_error(
        await error_of(refused(400, 'Bad Request: wrong URL "my secret words"')), "send", "5", Limited(lambda: 0)
    )
    assert str(failure) == "Bad Request: wrong URL"


@pytest.mark.parametrize(
    ("reply", "failures", "seconds", "trouble"),
    [
        (refused(429, "x", retry_after=9), 1, 9.0, ""),
        (refused(409, "Conflict: terminated by other getUpdates request"), 1, 10.0, CONFLICT),
        (refused(401, "Unauthorized"), 1, 60.0, TOKEN),
        (refused(404, "Not Found"), 1, 60.0, TOKEN),
        # doubling, between half and all of it, at most 30 s; one blip is no news
        (refused(502, "Bad Gateway"), 1, 0.75, ""),
        (refused(502, "Bad Gateway"), 3, 3.0, UNREACHED),
        ((200, "garbage"), 5, 12.0, UNREACHED),
        (refused(502, "Bad Gateway"), 10_000, 22.5, UNREACHED),
    ],
)
async def test_the_receiving_side_waits(reply: Reply, failures: int, seconds: float, trouble: str) -> None:
    pause = pause_after(await error_of(reply), failures, 0.5)
    assert (pause.seconds, pause.trouble) == (seconds, trouble)


async def test_a_reply_that_cannot_be_read_is_not_quoted() -> None:
    error = await error_of((200, '{"ok":true,"result":"words of a customer"}'))
    assert isinstance(error, TelegramNetworkError)
    assert "customer" not in f"{error} {error!r} {error.__cause__!r}"
    assert error.__suppress_context__


async def test_a_good_answer_passes() -> None:
    bot, _ = scripted(lambda _: fine({"message_id": 5, "anything": ["new"]}))
    assert await bot(RawSend(chat_id=5, text="hello")) == {"message_id": 5, "anything": ["new"]}
