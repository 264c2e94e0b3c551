"""What Discord's refusals mean for a message: the one place where its errors become ours. No URL, no token, no text of it.

Codes: the page "Opcodes and Status Codes" of Discord's API reference.
"""

import discord

from adapters.discord.rest import UNANSWERED, Limited
from bot.errors import ChannelError, DeliveryUnknown, MessageGone, MessageRefused, RecipientGone, RetryLater

UNKNOWN_CHANNEL, UNKNOWN_MESSAGE, ARCHIVED, THREAD_EXISTS = 10003, 10008, 50083, 160004
MESSAGE_GONE = frozenset({UNKNOWN_MESSAGE, 10015, 10062, 50027})
"""Unknown message, webhook or interaction, and a webhook token that has expired."""

NEW_TOKEN = "put the bot's current token into the settings and start again"  # noqa: S105  advice
MISSING = {
    50001: "View Channel",
    50013: "Send Messages, or Send Messages in Threads",
    50007: "the person takes no direct messages",
    50278: "no server in common with the person",
    160005: "the thread is locked",
    UNKNOWN_CHANNEL: "the channel is gone",
    10004: "the server is gone",
}
TOKEN_REFUSED_S = 60.0
SHORTEST_S = 0.05


def translated(error: Exception) -> ChannelError:
    """The channel error for one of REFUSED or UNANSWERED."""
    match error:
        case discord.RateLimited():
            return RetryLater("the limit is used up", after_s=max(error.retry_after, SHORTEST_S))
        case discord.HTTPException():
            return _refused(error)
        case _:
            assert isinstance(error, UNANSWERED), f"{type(error).__name__} is no answer of Discord"
            return DeliveryUnknown(f"no answer: {type(error).__name__}")


def _refused(error: discord.HTTPException) -> ChannelError:
    said = f"status {error.status}, code {error.code}"
    if error.code in MESSAGE_GONE:
        return MessageGone(f"the message is gone: {said}")
    if error.status == 401:
        return RetryLater(f"the token is refused: {said}", after_s=TOKEN_REFUSED_S, scope="account")
    if isinstance(error, Limited):
        scope = "account" if error.everywhere else "chat"
        return RetryLater(f"too many requests: {said}", after_s=max(error.after_s, SHORTEST_S), scope=scope)
    if error.status in (408, 425) or error.status >= 500 or error.status < 400:
        return DeliveryUnknown(f"no clear answer: {said}")
    if error.code in MISSING or error.status in (403, 404):
        return RecipientGone(f"{MISSING.get(error.code, 'not allowed, or gone')}: {said}")
    return MessageRefused(f"refused: {said}")
