"""What the Bot API's no means for a message: aiogram's errors become the channel's, here and nowhere else.

Wordings: `Client::fail_query_with_error`, `check_chat_access` and `check_message` in tdlib/telegram-bot-api, Client.cpp; they are
compared in lower case and without their prefix.
"""

from collections.abc import Callable
from typing import Literal

from aiogram.exceptions import (
    TelegramAPIError,
    TelegramBadRequest,
    TelegramEntityTooLarge,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNetworkError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramServerError,
    TelegramUnauthorizedError,
)

from adapters.telegram.session import NotReached
from bot.errors import ChannelError, DeliveryUnknown, MessageGone, MessageRefused, RecipientGone, RetryLater

Doing = Literal["send", "edit", "delete", "draft", "typing", "fetch"]

PASSING: frozenset[Doing] = frozenset({"draft", "typing"})  # limited apart from messages; waits of minutes have been seen
TOKEN_WAIT_S = 60.0
MOVED_WAIT_S = 1.0
CROWD = 4  # chats limited within one second
UNREACHED_WAIT_S = 3.0
UNKNOWN = (TelegramNetworkError, TelegramServerError)
CLOSED = (
    "chat not found",  # "private chat not found" as well
    "message thread not found",
    "topic_deleted",
    "topic_closed",
    "topic_id_invalid",
    "group chat was deactivated",
    "not enough rights",
    "have no rights",
    "need administrator rights",
    "chat_write_forbidden",
    "chat_send_plain_forbidden",
    "chat_restricted",
    "channel_private",
    "peer_id_invalid",
    "user_is_bot",
)
AWAY: dict[Doing, tuple[str, ...]] = {
    "edit": ("message to edit not found", "message can't be edited", "message_id_invalid"),
    "fetch": ("wrong file_id or the file is temporarily unavailable", "invalid file_id"),
}
DONE: dict[Doing, tuple[str, ...]] = {
    "edit": ("message is not modified",),
    "delete": ("message to delete not found", "message_id_invalid"),
}
MARKS = ("entity", "entities")


class Limited:
    """How far a 429 reaches. The API does not say whether a chat or the whole bot was too fast, so: a chat, unless so many others
    were told to wait within a second that it must be the bot. `clock` is monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._told: dict[str, float] = {}

    def scope(self, chat_id: str) -> str:
        now = self._clock()
        self._told = {chat: at for chat, at in self._told.items() if now - at <= 1.0} | {chat_id: now}
        return "account" if len(self._told) >= CROWD else "chat"


def is_token_trouble(error: TelegramAPIError) -> bool:
    """The token was revoked, is wrong (a malformed one gets a 404), or `api_base` leads to something else."""
    return isinstance(error, TelegramUnauthorizedError) or (
        isinstance(error, TelegramNotFound) and "method not found" not in error.message.lower()
    )


def channel_error(error: TelegramAPIError, doing: Doing, chat_id: str, limited: Limited) -> ChannelError | None:
    """The channel error to raise; None where the no means that it is done already."""
    if isinstance(error, TelegramRetryAfter):
        scope = "previews" if doing in PASSING else limited.scope(chat_id)
        return RetryLater("too many requests", after_s=float(max(error.retry_after, 0)), scope=scope)
    if isinstance(error, TelegramMigrateToChat):
        return RetryLater("the chat has another id now", after_s=MOVED_WAIT_S)
    if isinstance(error, NotReached):
        return RetryLater("no connection to Telegram", after_s=UNREACHED_WAIT_S, scope="account")
    if isinstance(error, UNKNOWN) and not isinstance(error, TelegramEntityTooLarge):
        return DeliveryUnknown(f"{doing}: no answer that says what happened")
    if is_token_trouble(error):
        return RetryLater("the token is not accepted", after_s=TOKEN_WAIT_S, scope="account")
    return _refusal(error, doing)


def refuses_marks(error: TelegramAPIError) -> bool:
    """The text would have gone without its entities."""
    return isinstance(error, TelegramBadRequest) and any(word in error.message.lower() for word in MARKS)


def _refusal(error: TelegramAPIError, doing: Doing) -> ChannelError | None:
    """A definite no to this one request."""
    words = error.message.lower()
    closed = isinstance(error, TelegramForbiddenError) or (doing != "delete" and any(word in words for word in CLOSED))
    if any(word in words for word in DONE.get(doing, ())):
        return None
    if any(word in words for word in AWAY.get(doing, ())):
        return MessageGone(_told(error))
    return RecipientGone(_told(error)) if closed else MessageRefused(_told(error))


def _told(error: TelegramAPIError) -> str:
    """Telegram's description as far as it quotes nothing of what was sent."""
    return error.message.partition('"')[0][:120].strip()
