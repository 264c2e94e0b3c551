"""What each answer of Discord means for a message."""

from types import SimpleNamespace
from typing import Any

import aiohttp
import discord
import msgspec
import pytest

from adapters.discord.failures import translated
from adapters.discord.rest import Limited
from bot.errors import ChannelError, DeliveryUnknown, MessageGone, MessageRefused, RecipientGone, RetryLater


def answer(status: int, code: int = 0, **headers: str) -> discord.HTTPException:
    response: Any = SimpleNamespace(status=status, reason="as told", headers={k.replace("_", "-"): v for k, v in headers.items()})
    said = {"code": code, "message": "canary of a customer"}
    if status == 429:
        return Limited(response, said | {"retry_after": 3.5, "global": headers.get("X_RateLimit_Scope") == "global"})
    return discord.HTTPException(response, said)


def cloudflare() -> discord.HTTPException:
    response: Any = SimpleNamespace(status=429, reason="", headers={"Retry-After": "7"})
    return Limited(response, "")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (answer(404, 10003), RecipientGone),  # unknown channel
        (answer(403, 50001), RecipientGone),  # missing access
        (answer(403, 50007), RecipientGone),  # the person takes no DMs
        (answer(403, 50013), RecipientGone),  # missing permissions
        (answer(400, 160005), RecipientGone),  # the thread is locked
        (answer(403, 999), RecipientGone),
        (answer(404, 10008), MessageGone),  # unknown message
        (answer(401, 50027), MessageGone),  # the interaction's token has expired: 401, but not our token
        (answer(404, 10015), MessageGone),  # unknown webhook
        (answer(404, 10062), MessageGone),  # unknown interaction
        (answer(400, 50035), MessageRefused),  # invalid form body
        (answer(400, 200000), MessageRefused),  # blocked by automatic moderation
        (answer(500), DeliveryUnknown),
        (answer(503), DeliveryUnknown),
        (answer(408), DeliveryUnknown),
        (answer(302), DeliveryUnknown),
        (aiohttp.ServerDisconnectedError(), DeliveryUnknown),
        (ConnectionResetError(), DeliveryUnknown),
        (TimeoutError(), DeliveryUnknown),
        (msgspec.DecodeError("half a document"), DeliveryUnknown),
    ],
)
def test_a_refusal_or_its_lack_is_named_for_what_to_do(error: Exception, kind: type[ChannelError]) -> None:
    meant = translated(error)
    assert type(meant) is kind
    assert "canary" not in str(meant)


@pytest.mark.parametrize(
    ("error", "after_s", "scope"),
    [
        (answer(401), 60.0, "account"),
        (answer(429, X_RateLimit_Scope="user"), 3.5, "chat"),
        (answer(429, X_RateLimit_Scope="shared"), 3.5, "chat"),  # a limit of that one resource
        (answer(429, X_RateLimit_Scope="global"), 3.5, "account"),
        (cloudflare(), 7.0, "account"),  # not the API: the address as a whole
        (discord.RateLimited(2.0), 2.0, "chat"),
    ],
)
def test_a_limit_says_how_long_and_for_whom(error: Exception, after_s: float, scope: str) -> None:
    meant = translated(error)
    assert isinstance(meant, RetryLater)
    assert (meant.after_s, meant.scope) == (after_s, scope)


def test_what_is_no_answer_of_discord_is_our_mistake() -> None:
    with pytest.raises(AssertionError):
        translated(KeyError("a mistake"))
