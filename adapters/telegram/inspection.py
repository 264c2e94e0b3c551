"""What `frontdesk doctor` wants to know of an account. Only reads, five seconds at most."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from aiogram.exceptions import TelegramAPIError, TelegramNetworkError
from aiogram.methods import GetMe, GetWebhookInfo
from aiogram.types import User, WebhookInfo

from adapters.telegram.failures import is_token_trouble
from adapters.telegram.session import connect, disconnect
from adapters.telegram.settings import TelegramSettings

WITHIN_S = 5.0
RECENT_S = 3600.0
MANY_PENDING = 1000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `advice` says what to do, "" where nothing is to be done."""

    name: str
    ok: bool
    text: str
    advice: str = ""


async def inspect(settings: TelegramSettings, name: str = "main") -> list[Finding]:
    """The findings about the account `[telegram.NAME]`; none contains the token."""
    if not settings.enabled:
        return [Finding("token", ok=True, text="no token: the account is off")]
    bot = connect(settings)
    try:
        async with asyncio.timeout(WITHIN_S):
            user, webhook = await bot(GetMe()), await bot(GetWebhookInfo())
    except TimeoutError:
        return [_unreached("no answer within five seconds")]
    except TelegramAPIError as error:
        return [_refused(error)]
    finally:
        await disconnect(bot)
    found = [
        *_identity(user, has_staff_group=bool(settings.staff_chat_id)),
        *_receiving(settings, name, webhook),
        *_pending(webhook),
    ]
    token = settings.token.get_secret_value()
    return [Finding(one.name, one.ok, one.text.replace(token, "[token]"), one.advice) for one in found]


def _unreached(why: str) -> Finding:
    return Finding("connection", ok=False, text=why, advice="check the network and api_base")


def _refused(error: TelegramAPIError) -> Finding:
    if is_token_trouble(error):
        return Finding("token", ok=False, text="Telegram does not accept it", advice="copy the token from @BotFather again")
    if isinstance(error, TelegramNetworkError):
        return _unreached(f"not reached: {error.message}")
    return _unreached(f"refused: {type(error).__name__}")


def _identity(user: User, *, has_staff_group: bool) -> Iterator[Finding]:
    yield Finding("token", ok=True, text=f"valid, the bot is @{user.username}")
    if user.can_join_groups:
        yield Finding("groups", ok=True, text="can be added to groups")
    else:
        yield Finding("groups", ok=True, text="cannot be added to groups", advice="to allow it: /setjoingroups at @BotFather")
    if user.can_read_all_group_messages:
        yield Finding("privacy", ok=True, text="off: sees every message of its groups, and takes those that address it")
    else:
        advice = (
            "for the staff group: /setprivacy at @BotFather, or make the bot an administrator there" if has_staff_group else ""
        )
        yield Finding("privacy", ok=True, text="on: in groups it sees commands, mentions of it and replies to it", advice=advice)


def _receiving(settings: TelegramSettings, name: str, webhook: WebhookInfo) -> Iterator[Finding]:
    if settings.mode == "polling":
        advice = "frontdesk run takes it away; whoever set it stops receiving" if webhook.url else ""
        text = "a webhook is set" if webhook.url else "by polling, no webhook is set"
        yield Finding("receiving", ok=not webhook.url, text=text, advice=advice)
    elif webhook.url == settings.public_url(name):
        yield Finding("receiving", ok=True, text="by webhook, as the settings say")
    else:
        text = "another webhook is set" if webhook.url else "no webhook is set"
        yield Finding("receiving", ok=False, text=text, advice="frontdesk run sets the one of the settings")


def _pending(webhook: WebhookInfo) -> Iterator[Finding]:
    count = webhook.pending_update_count
    advice = "" if count < MANY_PENDING else "updates are not fetched: is frontdesk run running?"
    yield Finding("pending updates", ok=count < MANY_PENDING, text=str(count), advice=advice)
    if webhook.url and webhook.last_error_message and webhook.last_error_date:
        ago_s = (datetime.now(UTC) - webhook.last_error_date).total_seconds()
        text = f"{webhook.last_error_message} ({webhook.last_error_date:%Y-%m-%d %H:%M} UTC)"
        advice = "Telegram could not deliver to webhook_url" if ago_s < RECENT_S else ""
        yield Finding("last webhook error", ok=ago_s >= RECENT_S, text=text, advice=advice)
